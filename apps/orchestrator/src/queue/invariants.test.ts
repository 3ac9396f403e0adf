import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { TRANSITIONS } from '@nexus/grid';
import { EXECUTION_STATES, type ExecutionState, type Lease } from '@nexus/grid/contract';

import { refOf, type FakeWorker } from '../testing/fake-worker.ts';
import { readEvents, submitBatch } from '../testing/submissions.ts';
import {
  startTestControlPlane,
  type TestAccount,
  type TestControlPlane,
} from '../testing/test-control-plane.ts';
import { expireLeases } from './expire-leases.ts';

let plane: TestControlPlane;
let ana: TestAccount;
let workers: FakeWorker[];

beforeAll(async () => {
  plane = await startTestControlPlane();
  ana = await plane.createAccount();
  workers = await Promise.all([1, 2].map((n) => plane.addWorker({ name: `worker ${n}` })));
});

afterAll(() => plane.stop());

const OUTCOMES = ['succeeded', 'failed', 'timed_out', 'out_of_memory', 'cancelled'] as const;

type Operation =
  | {
      kind: 'submit';
      executions: number;
      retries: number;
      parallel: number;
      rerun: 'reuse' | 'always';
    }
  | { kind: 'lease'; worker: number; slots: number }
  | {
      kind: 'report';
      which: number;
      what: 'running' | 'publishing' | 'released' | 'worker_failed' | (typeof OUTCOMES)[number];
    }
  | { kind: 'expire'; which: number }
  | { kind: 'cancel' | 'retry'; which: number; isWholeBatch: boolean };

const nat = fc.nat(1000);
const operationArbitrary: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('submit' as const),
      executions: fc.integer({ min: 1, max: 4 }),
      retries: fc.nat(2),
      parallel: fc.integer({ min: 1, max: 4 }),
      rerun: fc.constantFrom('reuse' as const, 'always' as const),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('lease' as const),
      worker: fc.nat(1),
      slots: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('report' as const),
      which: nat,
      what: fc.constantFrom(
        'running' as const,
        'publishing' as const,
        'released' as const,
        'worker_failed' as const,
        ...OUTCOMES,
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('expire' as const), which: nat }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('cancel' as const, 'retry' as const),
      which: nat,
      isWholeBatch: fc.boolean(),
    }),
  },
);

/** What has been given out so far, current or not: reports come from all of it. */
class World {
  readonly batches: string[] = [];
  readonly leases: { worker: FakeWorker; lease: Lease }[] = [];

  async do(operation: Operation): Promise<void> {
    switch (operation.kind) {
      case 'submit': {
        const { executions, retries, parallel, rerun } = operation;
        const { batchId } = await submitBatch(ana.api, {
          executions,
          submission: { retries, parallel, rerun },
        });
        this.batches.push(batchId);
        return;
      }
      case 'lease': {
        const worker = this.#workerAt(operation.worker);
        for (const lease of await worker.lease(operation.slots))
          this.leases.push({ worker, lease });
        return;
      }
      case 'report':
        return this.#report(operation.which, operation.what);
      case 'expire': {
        const held = this.#pick(this.leases, operation.which);
        if (!held) return;
        await plane.database.query(
          "update executions set lease_until = now() - interval '1 second' where id = $1 and lease_until is not null",
          [held.lease.executionId],
        );
        await expireLeases(plane.database, { maxTimesLost: 2, isCertain: false });
        return;
      }
      case 'cancel':
      case 'retry': {
        const rows = await plane.database.query<{ id: string; batch: string }>(
          'select id, batch_id as batch from executions order by id',
        );
        const row = this.#pick(rows, operation.which);
        if (!row) return;
        const scope = operation.isWholeBatch ? `/batches/${row.batch}` : `/executions/${row.id}`;
        expect([200, 409]).toContain((await ana.api.post(`${scope}/${operation.kind}`)).status);
      }
    }
  }

  async #report(
    which: number,
    what: Extract<Operation, { kind: 'report' }>['what'],
  ): Promise<void> {
    const held = this.#pick(this.leases, which);
    if (!held) return;
    const ref = refOf(held.lease);
    if (what === 'running') await held.worker.report({ ...ref, kind: what, sandbox: 'process' });
    else if (what === 'worker_failed')
      await held.worker.report({ ...ref, kind: what, reason: 'no disk' });
    else if (what === 'publishing' || what === 'released')
      await held.worker.report({ ...ref, kind: what });
    else await held.worker.finish(held.lease, { outcome: what });
  }

  #workerAt(index: number): FakeWorker {
    const worker = workers[index % workers.length];
    if (!worker) throw new Error('there are no workers');
    return worker;
  }

  #pick<T>(from: readonly T[], which: number): T | undefined {
    return from[which % Math.max(1, from.length)];
  }
}

interface Row {
  id: string;
  state: ExecutionState;
  epoch: number;
  version: number;
}

async function readRows(): Promise<Map<string, Row>> {
  const rows = await plane.database.query<Row>('select id, state, epoch, version from executions');
  return new Map(rows.map((row) => [row.id, row]));
}

/** States reachable by any number of allowed moves. */
const REACHABLE = new Map(EXECUTION_STATES.map((state) => [state, reach(state)]));

function reach(from: ExecutionState): Set<ExecutionState> {
  const found = new Set<ExecutionState>([from]);
  for (const state of found) for (const next of TRANSITIONS[state]) found.add(next);
  return found;
}

async function checkCounters(): Promise<void> {
  const counts = EXECUTION_STATES.map(
    (state) =>
      `b.${state} <> (select count(*) from executions e where e.batch_id = b.id and e.state = '${state}' and e.retried_as is null)`,
  );
  expect(
    await plane.database.query(`select b.id from batches b where ${counts.join(' or ')}`),
    'counters',
  ).toEqual([]);
  const open =
    "exists (select 1 from executions e where e.batch_id = b.id and e.state in ('uploading', 'queued', 'leased', 'running', 'publishing'))";
  expect(
    await plane.database.query(
      `select b.id from batches b where (b.finished_at is null) <> ${open}`,
    ),
    'finished_at',
  ).toEqual([]);
  expect(
    await plane.database.query('select id from batches where active > parallel'),
    'parallel',
  ).toEqual([]);
}

async function checkAttempts(): Promise<void> {
  // Every lease that has ended has one attempt; a published result has exactly one with its outcome, its last.
  // A result taken over has the epoch of the one that ran, and no attempt of its own.
  expect(
    await plane.database
      .query(`select e.id from executions e left join attempts a on a.execution_id = e.id
      where e.reused_from is null group by e.id having count(a.epoch) <> e.epoch - (case when e.state in ('leased', 'running', 'publishing') then 1 else 0 end)`),
    'attempts',
  ).toEqual([]);
  expect(
    await plane.database
      .query(`select e.id from executions e join attempts a on a.execution_id = e.id and a.epoch = e.epoch
      where e.state in ('succeeded', 'failed', 'timed_out', 'out_of_memory') and a.outcome <> e.state`),
    'outcome',
  ).toEqual([]);
  expect(
    await plane.database.query(
      "select execution_id from attempts where outcome = 'succeeded' group by 1 having count(*) > 1",
    ),
    'published twice',
  ).toEqual([]);
  expect(
    await plane.database.query(
      'select e.id from executions e join batches b on b.id = e.batch_id where e.retries_used > b.retries or e.times_lost > 2',
    ),
  ).toEqual([]);
}

test('whatever happens in whatever order, counters are true, ended is ended, and each lease is one attempt', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(operationArbitrary, { minLength: 20, maxLength: 50 }),
      async (operations) => {
        await plane.database.query('delete from batches');
        const world = new World();
        let before = await readRows();
        for (const operation of operations) {
          await world.do(operation);
          const after = await readRows();
          for (const [id, row] of before) {
            const now = after.get(id);
            expect(REACHABLE.get(row.state), `${id} after ${JSON.stringify(operation)}`).toContain(
              now?.state,
            );
            expect(now?.epoch).toBeGreaterThanOrEqual(row.epoch);
            if (now?.state !== row.state) expect(now?.version).toBeGreaterThan(row.version);
          }
          before = after;
        }
        await checkCounters();
        await checkAttempts();
      },
    ),
    { numRuns: 12, endOnFailure: true },
  );
});

test('the same holds when everything happens at once, and a reader of the batch misses nothing', async () => {
  await plane.database.query('delete from batches');
  const ids = await Promise.all(
    Array.from(
      { length: 3 },
      async () =>
        (await submitBatch(ana.api, { executions: 60, submission: { retries: 1, parallel: 9 } }))
          .batchId,
    ),
  );
  const readers = [
    ...ids.map((id) => readEvents(ana.api, id, 'follow=true')),
    readInPieces(ids[0] ?? ''),
  ];
  let isOver = false;
  const crew = workers.flatMap((worker) =>
    [0, 1].map(async (lane) => {
      for (let turn = lane; !isOver; turn += 1) {
        const leases = await worker.lease(6);
        const items = leases.map((lease, n) => ({
          lease,
          outcome: OUTCOMES[(turn + n) % OUTCOMES.length] ?? 'failed',
        }));
        await Promise.all(items.map(({ lease, outcome }) => worker.finish(lease, { outcome })));
        if (leases.length === 0) await worker.exchange({ waitMs: 20 });
      }
    }),
  );
  const meddling = (async () => {
    for (let n = 0; n < 15; n += 1) {
      await ana.api.post(`/executions/${ids[n % 3]}-${n * 4}/cancel`);
      await plane.database.query(
        "update executions set lease_until = now() - interval '1 second' where id in (select id from executions where state = 'leased' limit 2 for update skip locked)",
      );
      await expireLeases(plane.database, { maxTimesLost: 2, isCertain: false });
    }
  })();
  const streams = await Promise.all(readers);
  isOver = true;
  await Promise.all([...crew, meddling]);
  await checkCounters();
  await checkAttempts();
  for (const [position, events] of streams.entries()) {
    const seen = events.flatMap((event) =>
      event.type === 'execution' ? [event.execution.index] : [],
    );
    expect(
      seen.toSorted((a, b) => a - b),
      `reader ${position}`,
    ).toEqual(Array.from({ length: 60 }, (_, index) => index));
    expect(events.at(-1)?.type).toBe('end');
  }

  /** As a client whose connection is cut all the time: every read goes on after the last version it saw. */
  async function readInPieces(id: string) {
    const all: Awaited<ReturnType<typeof readEvents>> = [];
    let after = 0;
    for (;;) {
      const events = await readEvents(ana.api, id, `after=${after}`);
      for (const event of events) if (event.type === 'execution') after = event.version;
      all.push(...events);
      const end = events.at(-1);
      if (end?.type === 'end' && end.batch.finishedAt !== null) return all;
    }
  }
});
