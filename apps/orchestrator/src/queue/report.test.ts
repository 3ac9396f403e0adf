import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { EXECUTION_STATES, type Lease } from '@nexus/grid/contract';
import { TERMINAL_STATES } from '@nexus/grid';
import { sha256 } from '@nexus/kit/hash';

import { finished, refOf, type FakeWorker } from '../testing/fake-worker.ts';
import { submitBatch, toEntries, uploadBlob } from '../testing/submissions.ts';
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
  worker = await plane.addWorker();
});

afterAll(() => plane.stop());

beforeEach(() => plane.database.query('delete from batches'));

async function lease(traits: Parameters<typeof submitBatch>[1] = {}): Promise<Lease> {
  await submitBatch(ana.api, traits);
  return worker.leaseOne();
}

async function read(id: string) {
  return (await ana.api.get(`/executions/${id}`)).body;
}

test('an execution goes through its states, each reported once or twice', async () => {
  const held = await lease();
  expect(await read(held.executionId)).toMatchObject({
    state: 'leased',
    workerName: 'worker',
    epoch: 1,
  });
  for (const state of ['running', 'publishing'] as const) {
    const item =
      state === 'running'
        ? { ...refOf(held), kind: state, sandbox: 'bubblewrap' }
        : { ...refOf(held), kind: state };
    expect(await worker.report(item)).toBe('accepted');
    expect(await worker.report(item), 'said again after a lost reply').toBe('accepted');
    expect(await read(held.executionId)).toMatchObject({
      state,
      sandbox: 'bubblewrap',
      startedAt: expect.any(String),
      finishedAt: null,
    });
  }
  expect(await worker.report({ ...refOf(held), kind: 'running', sandbox: 'process' })).toBe(
    'accepted',
  );
  expect(await read(held.executionId), 'a late "running" takes nothing back').toMatchObject({
    state: 'publishing',
  });
  expect(await worker.finish(held, { usage: { wallMs: 5, cpuMs: 4, maxMemoryBytes: 3 } })).toBe(
    'accepted',
  );
  expect(await read(held.executionId)).toMatchObject({
    ...{ state: 'succeeded', exitCode: 0, usage: { wallMs: 5, cpuMs: 4, maxMemoryBytes: 3 } },
    ...{ finishedAt: expect.any(String), waiting: null, retriedAs: null },
  });
});

test('a result whose reply was lost is taken once, and the first word counts', async () => {
  const held = await lease();
  const outputs = { entries: toEntries({ 'out.txt': 'first' }) };
  await worker.upload(held, Buffer.from('first'));
  const { results } = await worker.exchange({
    items: [finished(held, { outputs }), finished(held, { outputs })],
  });
  expect(results).toEqual(['accepted', 'accepted']);
  const before = await plane.database.query('select * from executions');
  expect(await worker.finish(held, { outputs })).toBe('accepted');
  expect(await worker.finish(held, { outcome: 'failed', exitCode: 7 })).toBe('accepted');
  expect(await plane.database.query('select * from executions')).toEqual(before);
  expect(await plane.database.query('select outcome from attempts')).toEqual([
    { outcome: 'succeeded' },
  ]);
});

test('the whole life of an execution may come in one call', async () => {
  const held = await lease();
  const { results } = await worker.exchange({
    logs: [{ ...refOf(held), sequence: 0, stream: 'stdout', data: 'YQ==' }],
    items: [
      { ...refOf(held), kind: 'running', sandbox: 'process' },
      { ...refOf(held), kind: 'publishing' },
      finished(held),
    ],
  });
  expect(results).toEqual(['accepted', 'accepted', 'accepted']);
  expect(await read(held.executionId)).toMatchObject({
    state: 'succeeded',
    startedAt: expect.any(String),
  });
  expect(
    await plane.database.query('select started_at is not null as started from attempts'),
  ).toEqual([{ started: true }]);
});

// Row 51.
describe('outputs', () => {
  test('are refused while a byte of them is missing, and the execution stays open until it is there', async () => {
    const held = await lease();
    const outputs = { entries: toEntries({ 'a.txt': 'here', 'b/c.txt': 'not here' }) };
    await worker.upload(held, Buffer.from('here'));
    expect(await worker.finish(held, { outputs })).toBe('missing_blobs');
    expect(await read(held.executionId)).toMatchObject({ state: 'leased', outputs: null });
    expect(await plane.database.query('select * from attempts')).toEqual([]);
    await worker.upload(held, Buffer.from('not here'));
    expect(await worker.finish(held, { outputs })).toBe('accepted');
    expect(await read(held.executionId)).toMatchObject({
      state: 'succeeded',
      outputs: { fileCount: 2, sizeBytes: 12 },
    });
    expect((await ana.api.get(`/executions/${held.executionId}/outputs`)).body.entries).toEqual(
      outputs.entries,
    );
  });

  test('of a failed execution are refused just so, and kept just so', async () => {
    const held = await lease();
    const outputs = { entries: toEntries({ 'core.txt': 'what it left behind' }) };
    expect(await worker.finish(held, { outcome: 'failed', outputs })).toBe('missing_blobs');
    await worker.upload(held, Buffer.from('what it left behind'));
    expect(await worker.finish(held, { outcome: 'failed', outputs })).toBe('accepted');
    expect(
      (await ana.api.get(`/executions/${held.executionId}/outputs`)).body.entries,
    ).toHaveLength(1);
  });

  test('that only another account has sent are missing', async () => {
    const bruno = await plane.createAccount('bruno');
    await uploadBlob(bruno.api, 'known to another');
    const held = await lease();
    expect(
      await worker.finish(held, { outputs: { entries: toEntries({ x: 'known to another' }) } }),
    ).toBe('missing_blobs');
  });

  test('one missing result does not hold up the others of the call', async () => {
    await submitBatch(ana.api, { executions: 3 });
    const leases = await worker.lease(3);
    const items = leases.map((held, n) =>
      finished(held, { outputs: n === 1 ? { entries: toEntries({ x: 'nowhere' }) } : null }),
    );
    expect((await worker.exchange({ items })).results).toEqual([
      'accepted',
      'missing_blobs',
      'accepted',
    ]);
  });

  test('that name a path twice, or a file inside a file, are not a manifest', async () => {
    const held = await lease();
    const [entry] = toEntries({ a: 'x' });
    for (const path of ['a', 'a/b']) {
      const outputs = { entries: [entry, { ...entry, path }] };
      const { status, body } = await worker.api.post('/exchange', {
        items: [{ ...finished(held), outputs }],
      });
      expect([status, body.error.code]).toEqual([400, 'invalid_request']);
    }
    expect(await read(held.executionId)).toMatchObject({ state: 'leased' });
  });
});

// Row 9.
describe('retries', () => {
  test('none asked for: what failed stays failed', async () => {
    const held = await lease({ submission: { retries: 0 } });
    await worker.finish(held, { outcome: 'failed', exitCode: 3 });
    expect(await read(held.executionId)).toMatchObject({
      state: 'failed',
      exitCode: 3,
      retriesUsed: 0,
      epoch: 1,
    });
    expect(await worker.lease(4)).toEqual([]);
  });

  test.each(['failed', 'timed_out', 'out_of_memory'] as const)(
    'asked for twice: what %s runs three times, in one execution',
    async (outcome) => {
      let held = await lease({ submission: { retries: 2 } });
      for (const retriesUsed of [1, 2]) {
        await worker.finish(held, { outcome });
        expect(await read(held.executionId)).toMatchObject({
          state: 'queued',
          retriesUsed,
          timesLost: 0,
          exitCode: null,
          reason: null,
          finishedAt: null,
        });
        held = await worker.leaseOne();
        expect(held.epoch).toBe(retriesUsed + 1);
      }
      await worker.finish(held, { outcome, reason: 'said why' });
      expect(await read(held.executionId)).toMatchObject({
        state: outcome,
        retriesUsed: 2,
        reason: 'said why',
      });
      expect(await plane.database.query('select outcome from attempts order by epoch')).toEqual([
        { outcome },
        { outcome },
        { outcome },
      ]);
    },
  );

  test('a success and a cancellation are not tried again', async () => {
    for (const outcome of ['succeeded', 'cancelled'] as const) {
      const held = await lease({ submission: { retries: 5 } });
      await worker.finish(held, { outcome });
      expect(await read(held.executionId)).toMatchObject({ state: outcome });
    }
  });

  test('what the worker gives back or breaks costs none of them', async () => {
    let held = await lease({ submission: { retries: 1 } });
    await worker.report({ ...refOf(held), kind: 'released' });
    expect(await read(held.executionId)).toMatchObject({
      state: 'queued',
      retriesUsed: 0,
      timesLost: 0,
    });
    for (const timesLost of [1, 2]) {
      held = await worker.leaseOne();
      await worker.report({ ...refOf(held), kind: 'worker_failed', reason: 'no disk' });
      expect(await read(held.executionId)).toMatchObject({
        state: 'queued',
        retriesUsed: 0,
        timesLost,
      });
    }
    held = await worker.leaseOne();
    await worker.report({ ...refOf(held), kind: 'worker_failed', reason: 'no disk' });
    expect(await read(held.executionId)).toMatchObject({
      state: 'lost',
      retriesUsed: 0,
      timesLost: 2,
      reason: 'no disk',
    });
  });
});

describe('a terminal state', () => {
  test.each(TERMINAL_STATES)('%s is refused any other by the database itself', async (state) => {
    const held = await lease();
    await plane.database.query('update executions set state = $1', [state]);
    for (const other of EXECUTION_STATES.filter((candidate) => candidate !== state)) {
      await expect(
        plane.database.query('update executions set state = $1', [other]),
        other,
      ).rejects.toThrow('stays so');
    }
    expect(await read(held.executionId)).toMatchObject({ state });
  });
});

test('heartbeats and reports on the same executions do not get in each other’s way', async () => {
  const crew = await Promise.all(
    [1, 2].map((n) => plane.addWorker({ name: `crew ${n}`, slots: 200 })),
  );
  await submitBatch(ana.api, { executions: 400 });
  const statuses = new Set<number>();
  await Promise.all(
    crew.map(async (member) => {
      const leases = await member.lease(200);
      const beat = async (refs: readonly Lease[]) =>
        statuses.add((await member.api.post('/heartbeat', { leases: refs.map(refOf) })).status);
      const say = async (refs: readonly Lease[]) => {
        const items = refs.map((held) => ({ ...refOf(held), kind: 'running', sandbox: 'process' }));
        statuses.add((await member.api.post('/exchange', { items })).status);
      };
      // Both ways round, so that without an order of their own the two would wait for each other.
      for (let round = 0; round < 5; round += 1) {
        await Promise.all([
          beat(leases),
          say(leases.toReversed()),
          beat(leases.toReversed()),
          beat(leases),
        ]);
      }
      const { results } = await member.exchange({ items: leases.map((held) => finished(held)) });
      expect(new Set(results)).toEqual(new Set(['accepted']));
    }),
  );
  expect([...statuses]).toEqual([200]);
  expect(await countDeadlocks()).toBe(0);
});

test('results of several workers with the same outputs in another order do not wait for each other in a circle', async () => {
  const contents = Array.from({ length: 60 }, (_, n) => `shared output ${n}`);
  for (const content of contents) await uploadBlob(ana.api, content);
  // A batch for each worker: the lock of a common one would put them in a row.
  const crew = await Promise.all(
    (['docker', 'bubblewrap', 'namespaces', 'process'] as const).map(async (driver) => {
      const member = await plane.addWorker({ name: driver, slots: 60, drivers: [driver] });
      await submitBatch(ana.api, { executions: 60, spec: { sandbox: driver } });
      return { member, leases: await member.lease(60) };
    }),
  );
  await Promise.all(
    crew.map(async ({ member, leases }, position) => {
      const items = leases.map((held, n) => {
        const content = contents[position % 2 === 0 ? n : contents.length - 1 - n] ?? '';
        return finished(held, {
          outputs: { entries: toEntries({ [`${sha256(content)}.txt`]: content }) },
        });
      });
      expect(items).toHaveLength(60);
      expect(new Set((await member.exchange({ items })).results)).toEqual(new Set(['accepted']));
    }),
  );
  expect(await countDeadlocks()).toBe(0);
});

async function countDeadlocks(): Promise<number | undefined> {
  const [row] = await plane.database.query<{ deadlocks: number }>(
    'select pg_stat_force_next_flush(), deadlocks from pg_stat_database where datname = current_database()',
  );
  return row?.deadlocks;
}

test('numbers that fit no column are the sender’s mistake', async () => {
  const held = await lease();
  for (const item of [
    { ...finished(held), epoch: 2 ** 40 },
    { ...finished(held), exitCode: 2 ** 40 },
    { ...finished(held), usage: { wallMs: 1e300, cpuMs: 0, maxMemoryBytes: 0 } },
    { ...finished(held), reason: 'with a \0 in it' },
    { ...finished(held), reason: 'half a \ud800 pair' },
  ]) {
    const { status, body } = await worker.api.post('/exchange', { items: [item] });
    expect([status, body.error?.code], JSON.stringify(item)).toEqual([400, 'invalid_request']);
  }
});
