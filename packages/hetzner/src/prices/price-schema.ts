import { z } from 'zod';

import { parseMicros } from './parse-micros.ts';

const microsSchema = z.string().transform((decimal, context) => {
  const micros = parseMicros(decimal);
  if (micros !== undefined) return micros;
  context.addIssue({ code: 'custom', message: 'is no price' });
  return z.NEVER;
});

/** The net price: what VAT comes on top is a matter of the account. */
export const pricePerHourSchema = z
  .object({ location: z.string(), price_hourly: z.object({ net: microsSchema }) })
  .transform((wire) => ({
    location: wire.location,
    priceMicrosPerHour: wire.price_hourly.net,
  }));
