import { expect, test } from 'vitest';

import { page, startTestProject } from '../testing/test-project.ts';
import { listOffers } from './index.ts';

const price = (location: string, net: string) => ({
  location,
  price_hourly: { net, gross: '9.9999999999999999' },
  price_monthly: { net: '5.4900000000', gross: '6.5331000000000000' },
  included_traffic: 1,
});

const CX23 = {
  ...{ id: 114, name: 'cx23', description: 'CX23', cores: 2, memory: 4, disk: 40 },
  ...{ architecture: 'x86', cpu_type: 'shared', storage_type: 'local', category: 'cost_optimized' },
  prices: [price('nbg1', '0.0088000000'), price('fsn1', '0.0088000000'), price('ash', '0.0100')],
  locations: [
    { id: 2, name: 'nbg1', deprecation: null, recommended: true, available: true },
    {
      ...{ id: 1, name: 'fsn1', recommended: false, available: false },
      deprecation: {
        announced: '2025-10-16T06:00:00Z',
        unavailable_after: '2025-12-31T23:59:59Z',
      },
    },
    { id: 3, name: 'hel1', deprecation: null, recommended: true, available: true },
  ],
};

const pricing = (ipv4: readonly unknown[], currency = 'EUR') => ({
  pricing: {
    ...{ currency, vat_rate: '19.000000' },
    primary_ips: [
      { type: 'ipv6', prices: [price('nbg1', '0.0000')] },
      { type: 'ipv4', prices: ipv4 },
    ],
  },
});

async function offersFor(reply: unknown) {
  const { client } = await startTestProject([
    {
      request: 'GET /server_types?page=1&per_page=50',
      reply: { status: 200, json: page('server_types', [CX23]) },
    },
    { request: 'GET /pricing', reply: { status: 200, json: reply } },
  ]);
  return listOffers(await client.serverTypes.list(), await client.pricing.get());
}

test('a type is an offer where it is sold, with the price of that place and of an address', async () => {
  const ipv4 = ['nbg1', 'fsn1', 'hel1', 'ash'].map((location) => price(location, '0.0008000000'));
  const size = { cpus: 2, memoryBytes: 4 * 2 ** 30, diskBytes: 40e9 };
  const cx23 = { serverType: 'cx23', architecture: 'x86', ...size };
  const prices = { priceMicrosPerHour: 8800, ipv4MicrosPerHour: 800 };
  // None in ash, where it has a price and is not sold, nor in hel1, where it has no price.
  expect(await offersFor(pricing(ipv4))).toEqual([
    { ...cx23, ...prices, location: 'nbg1', isAvailable: true, deprecation: null },
    {
      ...{ ...cx23, ...prices, location: 'fsn1', isAvailable: false },
      deprecation: {
        announcedAt: new Date('2025-10-16T06:00:00Z'),
        unavailableAfter: new Date('2025-12-31T23:59:59Z'),
      },
    },
  ]);
});

test('where an address has no price there is no offer', async () => {
  const offers = await offersFor(pricing([price('fsn1', '0.0008')]));
  expect(offers.map(({ location }) => location)).toEqual(['fsn1']);
});

test.each([
  ['another currency', pricing([], 'USD'), /currency/],
  ['a price that is none', pricing([price('nbg1', '1e-3')]), /is no price/],
])('%s is an answer that is not understood', async (_name, reply, message) => {
  await expect(offersFor(reply)).rejects.toThrow(message);
});
