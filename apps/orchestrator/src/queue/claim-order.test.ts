import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { createTestDatabase, type TestDatabase } from '@nexus/testkit';

import { claim } from './claim.ts';

/** A batch as the claim sees it. Its key is one of three, its resources small whole numbers. */
interface ModelBatch {
  key: number;
  priority: number;
  queued: number;
  active: number;
  parallel: number;
  cpus: number;
  memory: number;
  needsDocker: boolean;
}

interface ModelWorker {
  slots: number;
  cpus: number;
  memory: number;
  totalCpus: number;
  totalMemory: number;
  hasDocker: boolean;
}

const batchArbitrary: fc.Arbitrary<ModelBatch> = fc.record({
  key: fc.nat(2),
  priority: fc.constantFrom(0, 0, 0, 1, -1),
  queued: fc.nat(5),
  active: fc.nat(3),
  parallel: fc.constantFrom(1, 2, 4, 1_000_000),
  cpus: fc.integer({ min: 1, max: 4 }),
  memory: fc.integer({ min: 1, max: 4 }),
  needsDocker: fc.boolean(),
});

const workerArbitrary: fc.Arbitrary<ModelWorker> = fc
  .record({
    slots: fc.integer({ min: 1, max: 8 }),
    totalCpus: fc.integer({ min: 1, max: 12 }),
    totalMemory: fc.integer({ min: 1, max: 12 }),
    busyCpus: fc.nat(6),
    busyMemory: fc.nat(6),
    hasDocker: fc.boolean(),
  })
  .map(({ busyCpus, busyMemory, ...worker }) => ({
    ...worker,
    cpus: Math.max(0, worker.totalCpus - busyCpus),
    memory: Math.max(0, worker.totalMemory - busyMemory),
  }));

/**
 * Who is served, one seat after the other: the most urgent; of the keys the one with the least on
 * workers; of its batches the one with the least. The first that does not fit ends it.
 */
function serve(batches: readonly ModelBatch[], worker: ModelWorker): number[] {
  const served = batches.map(() => 0);
  const onWorkers = [0, 1, 2].map((key) =>
    sum(batches.filter((batch) => batch.key === key).map((batch) => batch.active)),
  );
  let { cpus, memory } = worker;
  for (let seat = 0; seat < worker.slots; seat += 1) {
    const next = pick(batches, { served, onWorkers, worker });
    const batch = next === undefined ? undefined : batches[next];
    if (next === undefined || !batch || batch.cpus > cpus || batch.memory > memory) break;
    cpus -= batch.cpus;
    memory -= batch.memory;
    served[next] = (served[next] ?? 0) + 1;
    onWorkers[batch.key] = (onWorkers[batch.key] ?? 0) + 1;
  }
  return served;
}

function pick(
  batches: readonly ModelBatch[],
  {
    served,
    onWorkers,
    worker,
  }: { served: readonly number[]; onWorkers: readonly number[]; worker: ModelWorker },
): number | undefined {
  const able = batches.flatMap((batch, index) => {
    const taken = served[index] ?? 0;
    const hasRoom = taken < batch.queued && batch.active + taken < batch.parallel;
    const fitsEver =
      batch.cpus <= worker.totalCpus &&
      batch.memory <= worker.totalMemory &&
      (worker.hasDocker || !batch.needsDocker);
    return hasRoom && fitsEver
      ? [
          {
            index,
            rank: [
              -batch.priority,
              onWorkers[batch.key] ?? 0,
              batch.key,
              batch.active + taken,
              index,
            ],
          },
        ]
      : [];
  });
  return able.toSorted((a, b) => compare(a.rank, b.rank))[0]?.index;
}

function compare(a: readonly number[], b: readonly number[]): number {
  return (
    a.map((value, position) => value - (b[position] ?? 0)).find((difference) => difference !== 0) ??
    0
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

let own: TestDatabase;

beforeAll(async () => {
  own = await createTestDatabase();
  await own.database.query("insert into accounts (id, name) values ('a', 'a')");
  await own.database.query(
    "insert into api_keys (id, account_id, name, secret_hash) select 'key' || n, 'a', n, '' from generate_series(0, 2) n",
  );
  await own.database.query(
    "insert into workers (id, name, secret_hash, state, slots, cpus, memory_bytes, drivers, runtimes) values ('w', 'w', '', 'active', 1, 1, 1, '{}', '{}')",
  );
});

afterAll(() => own.drop());

/** In the order of the array by their ids; executions `<id>-<n>`, those on workers first. */
async function insert(batches: readonly ModelBatch[]): Promise<void> {
  await own.database.query('delete from batches');
  await own.database.query(
    `insert into batches (id, account_id, key_id, spec, project_sha256, masked, metadata, retries, priority, parallel, cpus, memory_bytes, requires)
     select 'b' || to_char(b.place, 'FM000'), 'a', 'key' || b.key, '{}', '', '{}', '{}', 0, b.priority, b.parallel, b.cpus, b.memory,
       case when b."needsDocker" then '{driver:docker}'::text[] else '{}' end
     from jsonb_to_recordset($1) as b (place int, key int, priority int, parallel int, cpus int, memory int, "needsDocker" boolean)`,
    [JSON.stringify(batches.map((batch, place) => ({ ...batch, place })))],
  );
  await own.database.query(
    `insert into executions (id, batch_id, account_id, index, label, args, identity, state, version)
     select 'b' || to_char(b.place, 'FM000') || '-' || n, 'b' || to_char(b.place, 'FM000'), 'a', n, '', '[]', '', 'queued', 0
     from jsonb_to_recordset($1) as b (place int, queued int, active int), generate_series(1, b.active + b.queued) n`,
    [JSON.stringify(batches.map((batch, place) => ({ ...batch, place })))],
  );
  await own.database.query(
    `update executions e set state = 'running' from jsonb_to_recordset($1) as b (place int, active int)
     where e.batch_id = 'b' || to_char(b.place, 'FM000') and e.index <= b.active`,
    [JSON.stringify(batches.map((batch, place) => ({ ...batch, place })))],
  );
}

test('the claim serves whom the rules name, and of a batch the first in line', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(batchArbitrary, { maxLength: 8 }),
      workerArbitrary,
      async (batches, worker) => {
        await insert(batches);
        const leases = await claim(own.database, {
          workerId: 'w',
          capacity: { slots: worker.slots, cpus: worker.cpus, memoryBytes: worker.memory },
          total: { cpus: worker.totalCpus, memoryBytes: worker.totalMemory },
          offers: worker.hasDocker ? ['driver:docker', 'driver:process'] : ['driver:process'],
          serverId: null,
          leaseMs: 30_000,
        });
        const expected = serve(batches, worker).flatMap((count, place) =>
          Array.from(
            { length: count },
            (_, n) => `b${String(place).padStart(3, '0')}-${(batches[place]?.active ?? 0) + n + 1}`,
          ),
        );
        expect(leases.map((lease) => lease.executionId).toSorted()).toEqual(expected.toSorted());
      },
    ),
    { numRuns: 150 },
  );
});
