import { reservedMicros } from './budget.ts';
import type { Situation } from './fleet.ts';
import type { BudgetOutlook, DrainAction } from './plan.ts';
import type { Server } from './snapshot.ts';

export interface BudgetDecision {
  readonly drains: readonly DrainAction[];
  readonly outlook: BudgetOutlook;
  /** For new servers and for those that are taken back; null: no limit. */
  readonly leftMicros: number | null;
}

/** Stops servers from taking work while what they might take on could cost more than the budget has. */
export function keepBudget(
  living: readonly Server[],
  drained: ReadonlySet<string>,
  situation: Situation,
): BudgetDecision {
  const limitMicros = situation.policy.budgetMicrosPerMonth;
  const { committedMicros } = situation.snapshot.budget;
  const stopped = new Set(drained);
  const reserve = (server: Server) =>
    reservedMicros(server, situation, stopped.has(server.id) ? 'draining' : server.state);
  let reserved = living.reduce((sum, server) => sum + reserve(server), 0);
  const drains: DrainAction[] = [];
  const gain = (server: Server) => reserve(server) - reservedMicros(server, situation, 'draining');
  const candidates = living
    .filter((server) => server.state === 'active' && !drained.has(server.id))
    .toSorted((a, b) => gain(b) - gain(a) || a.running.length - b.running.length);
  for (const server of candidates) {
    if (limitMicros === null || committedMicros + reserved <= limitMicros) break;
    // Also where it gains nothing now: what it would take on next must not make it worse.
    reserved -= gain(server);
    stopped.add(server.id);
    const reason = 'another hour of it might not be covered by the budget of this month';
    drains.push({ kind: 'drain', serverId: server.id, code: 'budget', reason });
  }
  return {
    drains,
    outlook: { limitMicros, committedMicros, reservedMicros: reserved },
    leftMicros: limitMicros === null ? null : limitMicros - committedMicros - reserved,
  };
}

/** Of draining servers those that the budget lets take work again, and what is left for new ones then. */
export function standbyWithin(
  draining: readonly Server[],
  leftMicros: number | null,
  situation: Situation,
): { readonly standby: readonly Server[]; readonly leftMicros: number | null } {
  if (leftMicros === null) return { standby: draining, leftMicros };
  const standby: Server[] = [];
  let left = leftMicros;
  for (const server of draining) {
    const more = reservedMicros(server, situation, 'active') - reservedMicros(server, situation);
    if (more > left) continue;
    left -= more;
    standby.push(server);
  }
  return { standby, leftMicros: left };
}
