import { z } from 'zod';

import type { Api, CallOptions } from '../api.ts';
import { pricePerHourSchema } from '../prices/price-schema.ts';

export interface Pricing {
  /** Net, by location, for one primary IPv4 address; it is billed for as long as it exists. */
  ipv4: readonly { location: string; priceMicrosPerHour: number }[];
}

export interface PricingResource {
  get(options?: CallOptions): Promise<Pricing>;
}

const pricingReply = z
  .object({
    pricing: z.object({
      // All our sums are in micro-euros.
      currency: z.literal('EUR'),
      primary_ips: z.array(z.object({ type: z.string(), prices: z.array(pricePerHourSchema) })),
    }),
  })
  .transform(({ pricing }): Pricing => ({
    ipv4: pricing.primary_ips.flatMap(({ type, prices }) => (type === 'ipv4' ? prices : [])),
  }));

export function pricingResource(api: Api): PricingResource {
  return {
    get: (options) => api.send({ method: 'GET', path: '/pricing', reply: pricingReply }, options),
  };
}
