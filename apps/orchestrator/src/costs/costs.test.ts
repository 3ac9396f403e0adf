import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { costSchema, estimateSchema, type Cost } from '@nexus/grid/contract';

import { refOf, type FakeWorker } from '../testing/fake-worker.ts';
import { submitBatch } from '../testing/submissions.ts';
import {
  startTestControlPlane,
  type TestAccount,
  type TestControlPlane,
} from '../testing/test-control-plane.ts';

let plane: TestControlPlane;
let ana: TestAccount;
let worker: FakeWorker;

beforeAll(async () => {
  plane = await startTestControlPlane();
  ana = await plane.createAccount();
  worker = await plane.addWorker({ slots: 2 });
  // A CX23 at the price of 2026. Set before the worker is first heard of: what it costs does not change.
  await plane.database.query('update workers set price_micros_per_hour = 9600');
});

afterAll(() => plane.stop());

beforeEach(() => plane.database.query('delete from batches'));

async function readCost(query = ''): Promise<Cost> {
  return costSchema.parse((await ana.api.get(`/cost?${query}`)).body);
}

function sum(rows: readonly { costMicros: number }[]): number {
  return rows.reduce((total, row) => total + row.costMicros, 0);
}

/** As if what is leased had been so for so long. */
function age(seconds: number): Promise<unknown> {
  return plane.database.query(
    "update executions set leased_at = now() - $1 * interval '1 second' where state = 'leased'",
    [seconds],
  );
}

// Row 46, in small.
test('the total is the sum of the days, of the batches, and of the executions, to the micro', async () => {
  const ids: string[] = [];
  for (const [n, outcomes] of [
    ['succeeded', 'failed'],
    ['timed_out', 'cancelled'],
    ['succeeded', 'out_of_memory'],
  ].entries()) {
    const { batchId } = await submitBatch(ana.api, { executions: 2, submission: { retries: 1 } });
    ids.push(batchId);
    const leases = await worker.lease(2);
    await age(1000 * (n + 1) + 333.3);
    for (const [place, lease] of leases.entries())
      await worker.finish(lease, { outcome: outcomes[place] as 'failed' });
    for (const lease of await worker.lease(2)) {
      await age(77.7);
      await worker.finish(lease, { outcome: 'failed' });
    }
    await plane.database.query(
      "update attempts set ended_at = ended_at - $1 * interval '1 day', leased_at = leased_at - $1 * interval '1 day' where execution_id like $2",
      [n, `${batchId}%`],
    );
  }
  const cost = await readCost();
  expect(cost.totalMicros).toBeGreaterThan(0);
  expect(cost.days).toHaveLength(3);
  expect(cost.batches.map((batch) => batch.batchId).toSorted()).toEqual(ids.toSorted());
  expect([sum(cost.days), sum(cost.batches)]).toEqual([cost.totalMicros, cost.totalMicros]);
  const listed = await Promise.all(
    ids.map(async (id) => (await ana.api.get(`/batches/${id}`)).body.costMicros),
  );
  expect(listed.reduce((total: number, micros: number) => total + micros, 0)).toBe(
    cost.totalMicros,
  );
  const { executions } = (await ana.api.get('/executions')).body;
  expect(sum(executions)).toBe(cost.totalMicros);
  expect(cost.executions).toBe(6);
  for (const part of [cost.days, cost.batches]) {
    expect(part.reduce((total, row) => total + row.slotSeconds, 0)).toBeCloseTo(
      cost.slotSeconds,
      6,
    );
  }
});

test('an attempt costs its share of the worker for its time', async () => {
  await submitBatch(ana.api);
  const lease = await worker.leaseOne();
  await age(3600);
  await worker.finish(lease);
  const { totalMicros } = await readCost();
  // An hour of one of two slots; the moments of the calls themselves are in it, too.
  expect(totalMicros).toBeGreaterThanOrEqual(4800);
  expect(totalMicros).toBeLessThan(4810);
});

test('what was given back or taken over costs nothing', async () => {
  await submitBatch(ana.api, { executions: ['same'], submission: { rerun: 'reuse' } });
  const lease = await worker.leaseOne();
  await age(3600);
  await worker.report({ ...refOf(lease), kind: 'released' });
  expect(await readCost()).toMatchObject({ totalMicros: 0, slotSeconds: 0 });
  await worker.finish(await worker.leaseOne());
  const before = await readCost();
  await submitBatch(ana.api, { executions: ['same', 'other'], submission: { rerun: 'reuse' } });
  expect((await readCost()).totalMicros).toBe(before.totalMicros);
});

test('only what ended in the asked time counts', async () => {
  await submitBatch(ana.api);
  const lease = await worker.leaseOne();
  await age(3600);
  await worker.finish(lease);
  await plane.database.query("update attempts set ended_at = '2026-03-05T12:00:00Z'");
  const total = async (query: string) => (await readCost(query)).executions;
  expect(await total('')).toBe(0);
  expect(await total('since=2026-03-05T12:00:00Z&until=2026-03-05T12:00:01Z')).toBe(1);
  expect(await total('since=2026-03-05T11:00:00Z&until=2026-03-05T12:00:00Z')).toBe(0);
  expect(
    (await readCost('since=2026-03-01T00:00:00Z&until=2026-03-31T00:00:00Z')).days,
  ).toMatchObject([{ day: '2026-03-05', executions: 1 }]);
  for (const query of ['since=yesterday', 'until=5', 'since=2026-02-31T00:00:00Z'])
    expect((await ana.api.get(`/cost?${query}`)).status, query).toBe(400);
});

describe('an estimate', () => {
  const read = async (query: string) =>
    estimateSchema.parse((await ana.api.get(`/estimate?${query}`)).body);

  test('of what has never run is a guess, and says so', async () => {
    expect(await read('script=new.py&executions=4')).toMatchObject({
      samples: 0,
      medianMs: 60_000,
    });
  });

  test('goes by the median of what has run, and by the workers that are here', async () => {
    await submitBatch(ana.api, { executions: 5, spec: { script: 'known.py' } });
    const leases = await worker.lease(5);
    for (const [n, lease] of leases.entries()) {
      const wallMs = [30_000, 10_000, 30_000, 31_000, 900_000][n] ?? null;
      await worker.finish(lease, { usage: { wallMs, cpuMs: null, maxMemoryBytes: null } });
    }
    // Fault R23: 500 times 30 s on two slots at 9600 micro-euros an hour is 20,000 of them, not 24 euros.
    const estimate = await read('script=known.py&executions=500');
    expect(estimate).toMatchObject({ samples: 5, medianMs: 30_000, knee: 2 });
    expect(estimate.p90Ms).toBeGreaterThan(30_000);
    expect(estimate.options).toEqual([
      { parallel: 1, durationMs: 15_000_000, costMicros: 20_000, servers: 0 },
      { parallel: 2, durationMs: 7_500_000, costMicros: 20_000, servers: 0 },
    ]);
  });

  test('counts the started hours of the servers that the daemon would order', async () => {
    const offer = {
      ...{ serverType: 'cx23', location: 'fsn1', architecture: 'x86', cpus: 2, memoryBytes: 4e9 },
      ...{ priceMicrosPerHour: 8800, ipv4MicrosPerHour: 800, isAvailable: true },
      isDeprecated: false,
    };
    const fresh = { slots: 2, cpus: 2, memoryBytes: 3.5e9, offers: ['driver:process'] };
    const market = { servers: [{ offer, ...fresh }], bootMs: 60_000, maxWorkers: 2 };
    const budget = { limitMicros: null, committedMicros: 0, reservedMicros: 0 };
    const plan = (age: string) =>
      plane.database.query(
        'update scaling set market = $1, budget = $2, planned_at = now() - $3::interval',
        [JSON.stringify(market), JSON.stringify(budget), age],
      );
    await plan('1 second');
    // A minute each, six at a time: two here at once, four on two servers a minute later.
    const { options } = await read('script=new.py&executions=12');
    expect(options.at(-1)).toEqual({
      ...{ parallel: 6, durationMs: 180_000, servers: 2 },
      costMicros: 6 * 80 + 2 * 9600,
    });
    await submitBatch(ana.api, { spec: { script: 'large.py' }, limits: { cpus: 2 } });
    const large = await read('script=large.py&executions=12');
    expect(large.options.at(-1)).toMatchObject({ parallel: 4, servers: 2 });
    await plan('10 minutes');
    expect((await read('script=new.py&executions=12')).options.at(-1)?.servers).toBe(0);
    await plane.database.query('update scaling set market = null, budget = null');
  });

  test.each([
    'executions=3',
    'script=a',
    'script=a&executions=0',
    'script=a&executions=1e9',
    'script=a&executions=x',
    'script=%00&executions=3',
  ])('of %s is refused', async (query) => {
    expect((await ana.api.get(`/estimate?${query}`)).status).toBe(400);
  });
});
