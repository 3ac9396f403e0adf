import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { openDatabase, type Database } from '@nexus/db';
import type { Lease } from '@nexus/grid/contract';

import { submitBatch, type BatchTraits } from '../testing/submissions.ts';
import {
  startTestControlPlane,
  type TestAccount,
  type TestControlPlane,
} from '../testing/test-control-plane.ts';
import { claim, type ClaimRequest } from './claim.ts';

const GB = 1024 ** 3;

let plane: TestControlPlane;
let ana: TestAccount;
let workerId: string;
/** Wide enough that claimers really meet in Postgres and not in the pool. */
let wide: Database;

beforeAll(async () => {
  plane = await startTestControlPlane();
  ana = await plane.createAccount();
  workerId = (await plane.addWorker()).id;
  wide = openDatabase({ url: plane.databaseUrl, maxConnections: 40 });
});

afterAll(async () => {
  await wide.close();
  await plane.stop();
});

beforeEach(() => plane.database.query('delete from batches'));

function take(
  slots: number,
  more: Partial<ClaimRequest> & { cpus?: number; memoryBytes?: number } = {},
): Promise<Lease[]> {
  const { cpus = 1000, memoryBytes = 1000 * GB, ...rest } = more;
  const total = { cpus: 1000, memoryBytes: 1000 * GB };
  return claim(wide, {
    workerId,
    serverId: null,
    capacity: { slots, cpus, memoryBytes },
    total,
    offers: [],
    leaseMs: 30_000,
    ...rest,
  });
}

async function submitNamed(
  names: Record<string, BatchTraits>,
  api = ana.api,
): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  for (const [name, traits] of Object.entries(names))
    ids.set((await submitBatch(api, traits)).batchId, name);
  return ids;
}

function countByName(
  leases: readonly Lease[],
  names: ReadonlyMap<string, string>,
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { batchId } of leases) {
    const name = names.get(batchId) ?? batchId;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

// Row 6, faults R1 and R2.
test('100 claimers at once share 10,000 executions: none goes to two, none is left', async () => {
  await submitBatch(ana.api, { executions: 6000 });
  await submitBatch(ana.api, { executions: 3000 });
  for (let count = 0; count < 10; count += 1) await submitBatch(ana.api, { executions: 100 });
  const taken: Lease[] = [];
  await Promise.all(
    Array.from({ length: 100 }, async (_, claimer) => {
      // A claimer that was beaten to everything it chose finds nothing and asks again, as a worker does.
      while (taken.length < 10_000) taken.push(...(await take(1 + (claimer % 40))));
    }),
  );
  expect(taken).toHaveLength(10_000);
  expect(new Set(taken.map((lease) => lease.executionId)).size).toBe(10_000);
  expect(
    await plane.database.query('select state, epoch, count(*) from executions group by 1, 2'),
  ).toEqual([{ state: 'leased', epoch: 1, count: 10_000 }]);
  expect(await take(10)).toEqual([]);
});

// Row 11, fault R12.
test('--parallel bounds what is on workers, however many ask at once', async () => {
  const { batchId } = await submitBatch(ana.api, { executions: 200, submission: { parallel: 7 } });
  const rounds = await Promise.all(Array.from({ length: 30 }, () => take(5)));
  expect(rounds.flat()).toHaveLength(7);
  expect(await take(5)).toEqual([]);
  await plane.database.query(
    "update executions set state = 'succeeded' where id in (select id from executions where state = 'leased' limit 3)",
  );
  const more = await Promise.all(Array.from({ length: 30 }, () => take(5)));
  expect(more.flat()).toHaveLength(3);
  expect(
    await plane.database.query('select active, queued from batches where id = $1', [batchId]),
  ).toEqual([{ active: 7, queued: 190 }]);
});

test('inside a batch executions are leased in their order', async () => {
  await submitBatch(ana.api, { executions: 20 });
  const indexes = [...(await take(5)), ...(await take(5))].map((lease) =>
    Number(lease.executionId.split('-')[1]),
  );
  expect(indexes.slice(0, 5).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4]);
  expect(indexes.slice(5).toSorted((a, b) => a - b)).toEqual([5, 6, 7, 8, 9]);
});

// Row 39.
describe('fair share', () => {
  test('two keys get the same, whatever each has queued and how many batches it made of it', async () => {
    const bruno = await plane.createAccount('bruno');
    const names = await submitNamed({
      a1: { executions: 300 },
      a2: { executions: 300 },
      a3: { executions: 300 },
    });
    for (const [id, name] of await submitNamed({ b1: { executions: 300 } }, bruno.api))
      names.set(id, name);
    expect(countByName(await take(12), names)).toEqual({ a1: 2, a2: 2, a3: 2, b1: 6 });
    expect(countByName(await take(12), names)).toEqual({ a1: 2, a2: 2, a3: 2, b1: 6 });
  });

  test('a key that comes later catches up first', async () => {
    const carla = await plane.createAccount('carla');
    const names = await submitNamed({ early: { executions: 300 } });
    await take(10);
    for (const [id, name] of await submitNamed({ late: { executions: 300 } }, carla.api))
      names.set(id, name);
    expect(countByName(await take(6), names)).toEqual({ late: 6 });
    expect(countByName(await take(6), names)).toEqual({ late: 5, early: 1 });
  });

  test('two batches of one key get the same, and the later one is not kept waiting', async () => {
    const names = await submitNamed({ large: { executions: 500 } });
    await take(4);
    for (const [id, name] of await submitNamed({ small: { executions: 20 } })) names.set(id, name);
    expect(countByName(await take(4), names)).toEqual({ small: 4 });
    expect(countByName(await take(4), names)).toEqual({ large: 2, small: 2 });
  });

  test('what one key cannot use goes to the others', async () => {
    const dario = await plane.createAccount('dario');
    const names = await submitNamed({
      few: { executions: 3 },
      narrow: { executions: 9, submission: { parallel: 1 } },
    });
    for (const [id, name] of await submitNamed({ many: { executions: 300 } }, dario.api))
      names.set(id, name);
    expect(countByName(await take(20), names)).toEqual({ few: 3, narrow: 1, many: 16 });
  });

  test('a higher priority goes first, over keys and batches alike', async () => {
    const elsa = await plane.createAccount('elsa');
    const names = await submitNamed({
      low: { executions: 50, submission: { priority: -1 } },
      high: { executions: 5, submission: { priority: 10 } },
      middle: { executions: 5 },
    });
    for (const [id, name] of await submitNamed({ other: { executions: 50 } }, elsa.api))
      names.set(id, name);
    expect(countByName(await take(5), names)).toEqual({ high: 5 });
    // `ana` has had her share by the urgent batch: what is of equal urgency begins with the other key.
    expect(countByName(await take(10), names)).toMatchObject({ other: expect.any(Number) });
    const rest = await take(45);
    expect(countByName(rest, names)['low'] ?? 0).toBeLessThanOrEqual(5);
  });
});

describe('room on the worker', () => {
  test('processors and memory are never over-committed', async () => {
    await submitBatch(ana.api, { executions: 50, limits: { cpus: 1.5, memoryBytes: GB } });
    expect(await take(10, { cpus: 4, memoryBytes: 100 * GB })).toHaveLength(2);
    await plane.database.query('delete from batches');
    await submitBatch(ana.api, { executions: 50, limits: { cpus: 0.1, memoryBytes: 3 * GB } });
    expect(await take(10, { cpus: 4, memoryBytes: 8 * GB })).toHaveLength(2);
  });

  test('tenths of a processor add up as people add them', async () => {
    await submitBatch(ana.api, { executions: 1, limits: { cpus: 0.1 } });
    // What is left of one processor beside 0.9: in binary a little less than 0.1.
    expect(await take(10, { cpus: 1 - 0.9 })).toHaveLength(1);
  });

  test('a large execution is not passed for ever by small ones: what would not leave room for it waits', async () => {
    const names = await submitNamed({ large: { executions: 1, limits: { cpus: 4 } } });
    for (const [id, name] of await submitNamed({ small: { executions: 100, limits: { cpus: 1 } } }))
      names.set(id, name);
    await plane.database.query('update batches set priority = 1 where id = any($1)', [
      [...names].filter(([, name]) => name === 'large').map(([id]) => id),
    ]);
    // Three of four processors are free: the small ones would fit, and then the large one never would.
    expect(await take(4, { cpus: 3 })).toEqual([]);
    expect(countByName(await take(4, { cpus: 4 }), names)).toEqual({ large: 1 });
    expect(countByName(await take(4, { cpus: 4 }), names)).toEqual({ small: 4 });
  });

  test('with the same urgency a large execution gets its turn, too', async () => {
    const names = await submitNamed({ small: { executions: 100, limits: { cpus: 1 } } });
    await take(2, { cpus: 4 });
    for (const [id, name] of await submitNamed({ large: { executions: 1, limits: { cpus: 4 } } }))
      names.set(id, name);
    expect(await take(2, { cpus: 2 })).toEqual([]);
    expect(countByName(await take(4, { cpus: 4 }), names)).toMatchObject({ large: 1 });
  });

  test('what no such worker could ever hold stops nobody else', async () => {
    const names = await submitNamed({
      huge: { executions: 1, limits: { cpus: 64 }, submission: { priority: 50 } },
      small: { executions: 3 },
    });
    const total = { cpus: 4, memoryBytes: 8 * GB };
    expect(countByName(await take(4, { total, cpus: 4, memoryBytes: 8 * GB }), names)).toEqual({
      small: 3,
    });
  });
});

test('an image or a sandbox goes only to workers that offer it', async () => {
  const names = await submitNamed({
    image: { spec: { image: 'python:3.12' } },
    sandbox: { spec: { sandbox: 'bubblewrap' } },
    plain: {},
  });
  expect(countByName(await take(9, { offers: ['driver:process'] }), names)).toEqual({ plain: 1 });
  expect(
    countByName(await take(9, { offers: ['driver:process', 'driver:bubblewrap'] }), names),
  ).toEqual({ sandbox: 1 });
  expect(countByName(await take(9, { offers: ['driver:docker'] }), names)).toEqual({ image: 1 });
});

test('a worker without room gets nothing', async () => {
  await submitBatch(ana.api);
  expect(await take(0)).toEqual([]);
  expect(await take(1, { cpus: 0 })).toEqual([]);
});
