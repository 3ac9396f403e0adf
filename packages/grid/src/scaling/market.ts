import type { EstimateServer } from '../estimate.ts';
import type { Situation } from './fleet.ts';
import { hourlyMicros } from './hours.ts';
import { freshServer, orderOffers, type FreshServer } from './offers.ts';
import { canServe, roomFor } from './packing.ts';
import type { BudgetOutlook } from './plan.ts';
import { isCell } from './refusals.ts';
import type { Ask } from './snapshot.ts';

/** What the daemon could order at its last plan, for those who ask what a batch would cost. Plain JSON. */
export interface ServerMarket {
  /** In the order in which they are taken; what is sold out or was refused is not among them. */
  readonly servers: readonly FreshServer[];
  readonly bootMs: number;
  readonly maxWorkers: number;
}

export function describeMarket({ snapshot, policy, nowMs }: Situation): ServerMarket {
  const { offers, refusals, expectedBootMs } = snapshot;
  const isRefusedAll = refusals.account !== null && refusals.account.untilMs > nowMs;
  const available = orderOffers(offers, policy).filter(
    (offer) =>
      offer.isAvailable &&
      !refusals.cells.some((cell) => isCell(cell, offer) && cell.untilMs > nowMs),
  );
  return {
    servers: isRefusedAll ? [] : available.map((offer) => freshServer(offer, policy)),
    bootMs: expectedBootMs,
    maxWorkers: policy.maxWorkers,
  };
}

/** The server that would be ordered for such executions; null: none fits, or no more may be made. */
export function serverForEstimate(
  market: ServerMarket,
  ask: Ask,
  grid: { readonly livingServers: number; readonly budget: BudgetOutlook },
): EstimateServer | null {
  const server = market.servers.find((candidate) => canServe(ask, candidate));
  if (!server) return null;
  const { priceMicrosPerHour, ipv4MicrosPerHour } = server.offer;
  const rent = { priceMicrosPerHour, ipv4MicrosPerHour };
  const { limitMicros, committedMicros, reservedMicros } = grid.budget;
  const affordable =
    limitMicros === null
      ? Infinity
      : Math.floor(
          (limitMicros - committedMicros - reservedMicros) / Math.max(1, hourlyMicros(rent)),
        );
  const most = Math.min(market.maxWorkers - grid.livingServers, affordable);
  return most < 1 ? null : { ...rent, slots: roomFor(ask, server), bootMs: market.bootMs, most };
}
