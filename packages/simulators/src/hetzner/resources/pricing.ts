import { reply, route, type Route } from '../call.ts';
import { LOCATIONS } from '../catalogue/locations.ts';
import { IPV4_PRICE, isRetired, SERVER_TYPES } from '../catalogue/server-types.ts';
import { renderAmount, renderPrice, renderTypePrice, VAT_RATE } from './prices.ts';

export const pricingRoutes: readonly Route[] = [
  route('GET', '/pricing', ({ now }) => {
    const types = SERVER_TYPES.filter(({ deprecation }) => !isRetired(deprecation, now));
    return reply(200, {
      pricing: {
        currency: 'EUR',
        vat_rate: VAT_RATE,
        ...OTHER_PRICES,
        primary_ips: [
          { type: 'ipv4', prices: LOCATIONS.map(({ name }) => renderPrice(name, IPV4_PRICE)) },
          { type: 'ipv6', prices: LOCATIONS.map(({ name }) => renderPrice(name, FREE)) },
        ],
        server_types: types.map(({ id, name, prices }) => ({
          id,
          name,
          prices: [...prices].map(([location, price]) => renderTypePrice(location, price)),
        })),
      },
    });
  }),
];

const FREE = { hourlyMicros: 0, monthlyMicros: 0 };

/** The reply needs them; nothing here can be rented at them, and they are not kept up to date. */
const OTHER_PRICES = {
  floating_ip: { price_monthly: renderAmount(3_000_000) },
  floating_ips: [
    { type: 'ipv4', micros: 3_000_000 },
    { type: 'ipv6', micros: 1_000_000 },
  ].map(({ type, micros }) => ({
    type,
    prices: LOCATIONS.map(({ name }) => ({ location: name, price_monthly: renderAmount(micros) })),
  })),
  image: { price_per_gb_month: renderAmount(11_000) },
  volume: { price_per_gb_month: renderAmount(44_000) },
  server_backup: { percentage: '20.0000000000' },
  load_balancer_types: [],
};
