import { z } from 'zod';

import type { Api, CallOptions } from '../api.ts';
import { locationPriceSchema, microsSchema, type LocationPrice } from '../prices/price-schema.ts';

export interface Pricing {
  /** Net, by location, for one primary IPv4 address; it is billed for as long as it exists. */
  ipv4: readonly LocationPrice[];
  /** Net, for a GB of a snapshot; null: not told. */
  snapshotMicrosPerGbMonth: number | null;
}

export interface PricingResource {
  get(options?: CallOptions): Promise<Pricing>;
}

const pricingReply = z
  .object({
    pricing: z.object({
      // All our sums are in micro-euros.
      currency: z.literal('EUR'),
      primary_ips: z.array(z.object({ type: z.string(), prices: z.array(locationPriceSchema) })),
      image: z.object({ price_per_gb_month: z.object({ net: microsSchema }) }).optional(),
    }),
  })
  .transform(({ pricing }): Pricing => ({
    ipv4: pricing.primary_ips.flatMap(({ type, prices }) => (type === 'ipv4' ? prices : [])),
    snapshotMicrosPerGbMonth: pricing.image?.price_per_gb_month.net ?? null,
  }));

export function pricingResource(api: Api): PricingResource {
  return {
    get: (options) => api.send({ method: 'GET', path: '/pricing', reply: pricingReply }, options),
  };
}
