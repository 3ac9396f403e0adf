import { canServe } from './packing.ts';
import type { Notice } from './plan.ts';
import type { ScalingPolicy } from './policy.ts';
import { isCell } from './refusals.ts';
import type { Ask, FleetSnapshot, ServerOffer } from './snapshot.ts';

/** What a new server will have for executions. */
export interface FreshServer {
  readonly offer: ServerOffer;
  readonly slots: number;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly offers: readonly string[];
}

/** A type in a location that would do but cannot be had. */
interface PassedOver {
  readonly serverType: string;
  readonly location: string;
  readonly untilMs: number | null;
}

export type Choice =
  | {
      readonly kind: 'found';
      readonly server: FreshServer;
      readonly passedOver: readonly PassedOver[];
    }
  | { readonly kind: 'sold_out'; readonly passedOver: readonly PassedOver[] }
  | { readonly kind: 'none_fits' };

type Market = Pick<FleetSnapshot, 'offers' | 'refusals'>;

/** The first type in the order, in the first location in the order, that would do and can be had. */
export function chooseOffer(
  ask: Ask,
  { market, policy }: { readonly market: Market; readonly policy: ScalingPolicy },
  nowMs: number,
): Choice {
  const passedOver: PassedOver[] = [];
  for (const offer of orderOffers(market.offers, policy)) {
    const server = freshServer(offer, policy);
    if (!canServe(ask, server)) continue;
    const refusal = market.refusals.cells.find((cell) => isCell(cell, offer));
    const isRefused = refusal !== undefined && refusal.untilMs > nowMs;
    if (offer.isAvailable && !isRefused) return { kind: 'found', server, passedOver };
    const { serverType, location } = offer;
    passedOver.push({ serverType, location, untilMs: isRefused ? refusal.untilMs : null });
  }
  return passedOver.length > 0 ? { kind: 'sold_out', passedOver } : { kind: 'none_fits' };
}

/** As the operator orders them; types about to be withdrawn only where nothing else is left. */
export function orderOffers(
  offers: readonly ServerOffer[],
  policy: ScalingPolicy,
): readonly ServerOffer[] {
  const rank = ({ serverType, location, isDeprecated }: ServerOffer) => [
    Number(isDeprecated),
    policy.serverTypes.indexOf(serverType),
    policy.locations.indexOf(location),
  ];
  return offers
    .filter(
      ({ serverType, location, architecture }) =>
        policy.serverTypes.includes(serverType) &&
        policy.locations.includes(location) &&
        policy.architectures.includes(architecture),
    )
    .toSorted((a, b) => {
      const [one, other] = [rank(a), rank(b)];
      const column = one.findIndex((value, index) => value !== other[index]);
      return column === -1 ? 0 : (one[column] ?? 0) - (other[column] ?? 0);
    });
}

export function freshServer(offer: ServerOffer, policy: ScalingPolicy): FreshServer {
  return {
    offer,
    slots: policy.slotsPerServer ?? Math.max(1, Math.floor(offer.cpus)),
    cpus: offer.cpus,
    memoryBytes: Math.max(0, offer.memoryBytes - policy.systemMemoryBytes),
    offers: policy.serverOffers,
  };
}

/** Types of the operator's order that are gone or going, and what takes their place. */
export function noticesOfTypes(
  offers: readonly ServerOffer[],
  policy: ScalingPolicy,
): readonly Notice[] {
  // An empty list says that prices could not be read, not that nothing is sold any more.
  if (offers.length === 0) return [];
  const usable = orderOffers(offers, policy);
  const next = usable.find((offer) => !offer.isDeprecated)?.serverType;
  const preferredCount =
    next === undefined ? policy.serverTypes.length : policy.serverTypes.indexOf(next);
  const preferred = policy.serverTypes.slice(0, preferredCount);
  return preferred.flatMap((serverType): Notice[] => {
    const sold = usable.filter((offer) => offer.serverType === serverType);
    const instead =
      next === undefined ? 'and nothing is left in its place' : `${next} is used instead`;
    if (sold.length === 0) {
      const message = `${serverType} is not offered in ${policy.locations.join(', ')}; ${instead}`;
      return [{ code: 'type_replaced', message }];
    }
    if (!sold.every((offer) => offer.isDeprecated)) return [];
    return [{ code: 'type_deprecated', message: `${serverType} will be withdrawn; ${instead}` }];
  });
}
