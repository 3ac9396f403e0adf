import type { Price } from '../catalogue/server-types.ts';

/** In percent; prices are billed net, and shown with and without it. */
const VAT_PERCENT = 19;
export const VAT_RATE = `${VAT_PERCENT}.00`;

/** Included per month, and what more costs: both differ by the part of the world. */
const INCLUDED_TRAFFIC_BYTES = 20 * 2 ** 40;
const TRAFFIC_MICROS_PER_TB = new Map([['sin', 7_400_000]]);

/** Decimals as the API writes them: 10 places net, 16 gross. */
export function renderAmount(micros: number) {
  return {
    net: decimal(micros, { digits: 6, places: 10 }),
    gross: decimal(micros * (100 + VAT_PERCENT), { digits: 8, places: 16 }),
  };
}

export function renderPrice(location: string, price: Price) {
  return {
    location,
    price_hourly: renderAmount(price.hourlyMicros),
    price_monthly: renderAmount(price.monthlyMicros),
  };
}

export function renderTypePrice(location: string, price: Price) {
  return {
    ...renderPrice(location, price),
    included_traffic: INCLUDED_TRAFFIC_BYTES,
    price_per_tb_traffic: renderAmount(TRAFFIC_MICROS_PER_TB.get(location) ?? 1_000_000),
  };
}

function decimal(value: number, { digits, places }: { digits: number; places: number }): string {
  const text = String(value).padStart(digits + 1, '0');
  return `${text.slice(0, -digits)}.${text.slice(-digits).padEnd(places, '0')}`;
}
