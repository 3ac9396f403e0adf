import { z } from 'zod';

import { parseMicros } from './parse-micros.ts';

export const microsSchema = z.string().transform((decimal, context) => {
  const micros = parseMicros(decimal);
  if (micros !== undefined) return micros;
  context.addIssue({ code: 'custom', message: 'is no price' });
  return z.NEVER;
});

export interface LocationPrice {
  location: string;
  priceMicrosPerHour: number;
  /** The most that the hours of a calendar month come to. */
  priceMicrosPerMonth: number;
}

/** The net price: what VAT comes on top is a matter of the account. */
export const locationPriceSchema = z
  .object({
    location: z.string(),
    price_hourly: z.object({ net: microsSchema }),
    price_monthly: z.object({ net: microsSchema }),
  })
  .transform((wire): LocationPrice => ({
    location: wire.location,
    priceMicrosPerHour: wire.price_hourly.net,
    priceMicrosPerMonth: wire.price_monthly.net,
  }));
