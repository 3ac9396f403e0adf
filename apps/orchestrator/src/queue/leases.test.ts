import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { Lease } from '@nexus/grid/contract';

import { finished, refOf, type FakeWorker } from '../testing/fake-worker.ts';
import { submitBatch } from '../testing/submissions.ts';
import {
  startTestControlPlane,
  type TestAccount,
  type TestControlPlane,
} from '../testing/test-control-plane.ts';
import { expireLeases } from './expire-leases.ts';

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

/** As if so much time had passed since. */
function pass(seconds: number): Promise<unknown> {
  return plane.database.query(
    "update executions set lease_until = lease_until - $1 * interval '1 second', leased_at = leased_at - $1 * interval '1 second' where lease_until is not null",
    [seconds],
  );
}

function expire(): Promise<string[]> {
  return expireLeases(plane.database, { maxTimesLost: 2, isCertain: false });
}

async function read(id: string) {
  return (await ana.api.get(`/executions/${id}`)).body;
}

async function lease(): Promise<Lease> {
  await submitBatch(ana.api, { submission: { retries: 1 } });
  return worker.leaseOne();
}

describe('a lease', () => {
  // Row 8.
  test('is kept by heartbeats for ten times its length, and longer', async () => {
    const held = await lease();
    for (let beat = 0; beat < 12; beat += 1) {
      await pass(25);
      expect(await expire()).toEqual([]);
      expect(await worker.heartbeat([held])).toEqual({ lost: [], cancel: [], drain: false });
    }
    expect(await read(held.executionId)).toMatchObject({ state: 'leased', epoch: 1, timesLost: 0 });
    expect(await worker.finish(held)).toBe('accepted');
  });

  test('without heartbeats runs out, and the worker is told', async () => {
    const held = await lease();
    await pass(29);
    expect(await expire()).toEqual([]);
    await pass(2);
    expect(await expire()).toEqual([held.executionId.split('-')[0]]);
    expect(await expire()).toEqual([]);
    expect(await read(held.executionId)).toMatchObject({
      state: 'queued',
      timesLost: 1,
      retriesUsed: 0,
      waiting: { code: 'starting_soon' },
    });
    expect((await worker.heartbeat([held])).lost).toEqual([refOf(held)]);
  });

  test('lost three times is lost for good, and the retries of its user are untouched', async () => {
    let held = await lease();
    for (const timesLost of [1, 2]) {
      await pass(60);
      await expire();
      expect(await read(held.executionId)).toMatchObject({
        state: 'queued',
        timesLost,
        retriesUsed: 0,
      });
      held = await worker.leaseOne();
    }
    await pass(60);
    await expire();
    expect(await read(held.executionId)).toMatchObject({
      state: 'lost',
      timesLost: 2,
      retriesUsed: 0,
      epoch: 3,
      reason: 'the worker stopped answering',
    });
    expect(await plane.database.query('select outcome from attempts order by epoch')).toEqual(
      ['lost', 'lost', 'lost'].map((outcome) => ({ outcome })),
    );
    expect(await worker.lease(1)).toEqual([]);
  });

  test('lost while running or publishing is lost just so', async () => {
    for (const kind of ['running', 'publishing'] as const) {
      const held = await lease();
      await worker.report(
        kind === 'running'
          ? { ...refOf(held), kind, sandbox: 'process' }
          : { ...refOf(held), kind },
      );
      await pass(60);
      await expire();
      expect(await read(held.executionId)).toMatchObject({ state: 'queued', timesLost: 1 });
      expect(await worker.leaseOne()).toMatchObject({ epoch: 2 });
      await plane.database.query('delete from batches');
    }
  });

  test('whose answer never arrived goes back by itself, as no attempt', async () => {
    const held = await lease();
    await worker.heartbeat([]);
    expect(await read(held.executionId), 'it may still be on its way').toMatchObject({
      state: 'leased',
    });
    await pass(15);
    await worker.heartbeat([]);
    expect(await read(held.executionId)).toMatchObject({
      state: 'queued',
      timesLost: 0,
      retriesUsed: 0,
    });
  });

  test('is not given out to whoever has hung up', async () => {
    const controller = new AbortController();
    const body = JSON.stringify({
      capacity: { slots: 5, cpus: 9, memoryBytes: 2 ** 40 },
      waitMs: 30_000,
    });
    const call = worker.api.raw('/exchange', {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
      signal: controller.signal,
    });
    // A second call of the same kind comes back at once: the first one is in its wait by then.
    await worker.exchange({ waitMs: 1 });
    controller.abort();
    await expect(call).rejects.toThrow();
    await worker.exchange({ waitMs: 1 });
    const { batchId } = await submitBatch(ana.api);
    expect(await worker.leaseOne()).toMatchObject({ executionId: `${batchId}-0` });
  });

  test('given out in the moment of hanging up goes back at once, as no attempt', async () => {
    const { batchId } = await submitBatch(ana.api);
    const controller = new AbortController();
    const { promise: isLocked, resolve: locked } = Promise.withResolvers<void>();
    const { promise: mayClaim, resolve: claimNow } = Promise.withResolvers<void>();
    const holding = plane.database.transaction(async (tx) => {
      await tx.query('select 1 from batches for update');
      locked();
      await mayClaim;
    });
    await isLocked;
    const call = worker.api.raw('/exchange', {
      method: 'POST',
      body: JSON.stringify({ capacity: { slots: 1, cpus: 9, memoryBytes: 2 ** 40 } }),
      headers: { 'content-type': 'application/json' },
      signal: controller.signal,
    });
    const isWaiting = () =>
      plane.database.query(
        "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
    await expect.poll(isWaiting, { timeout: 10_000 }).toHaveLength(1);
    controller.abort();
    await expect(call).rejects.toThrow();
    // By then the control plane has heard that the caller is gone.
    await ana.api.get('/whoami');
    claimNow();
    await holding;
    await expect
      .poll(() => read(`${batchId}-0`), { timeout: 10_000 })
      .toMatchObject({
        ...{ state: 'queued', epoch: 1, timesLost: 0, retriesUsed: 0 },
      });
    expect(await plane.database.query('select outcome from attempts')).toEqual([
      { outcome: 'released' },
    ]);
  });

  test('of a worker process that was started again ends at once, as lost', async () => {
    const held = await lease();
    const joinToken = await plane.createJoinToken();
    const answer = await fetch(`${plane.url}/api/v1/worker/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...worker.traits, joinToken, previousToken: worker.token }),
    });
    expect(answer.status).toBe(200);
    expect(await read(held.executionId)).toMatchObject({ state: 'queued', timesLost: 1 });
    expect((await worker.api.post('/exchange', {})).status).toBe(401);
    worker = await plane.addWorker();
  });
});

test('a worker that drains is told so, and gets nothing more', async () => {
  await submitBatch(ana.api, { executions: 2 });
  const drained = await plane.addWorker({ name: 'drained' });
  const held = await drained.leaseOne();
  await plane.database.query("update workers set state = 'draining' where id = $1", [drained.id]);
  const capacity = { slots: 1, cpus: 9, memoryBytes: 2 ** 40 };
  expect(await drained.exchange({ capacity, waitMs: 30_000 })).toMatchObject({
    leases: [],
    drain: true,
  });
  expect(await drained.heartbeat([held])).toMatchObject({ lost: [], drain: true });
  const { results, leases } = await drained.exchange({ capacity, items: [finished(held)] });
  expect([results, leases]).toEqual([['accepted'], []]);
  expect(await worker.lease(5)).toHaveLength(1);
});

describe('a long poll', () => {
  test('is answered when work comes', async () => {
    const waiting = worker.exchange({
      capacity: { slots: 2, cpus: 9, memoryBytes: 2 ** 40 },
      waitMs: 30_000,
    });
    const { batchId } = await submitBatch(ana.api, { executions: 3 });
    expect((await waiting).leases.map((held) => held.batchId)).toEqual([batchId, batchId]);
  });

  test('is answered when room under --parallel comes free', async () => {
    await submitBatch(ana.api, { executions: 2, submission: { parallel: 1 } });
    const held = await worker.leaseOne();
    const other = await plane.addWorker({ name: 'other' });
    const waiting = other.exchange({
      capacity: { slots: 2, cpus: 9, memoryBytes: 2 ** 40 },
      waitMs: 30_000,
    });
    await worker.finish(held);
    expect((await waiting).leases).toHaveLength(1);
  });

  test('says what the batch is once, and not to whoever knows it', async () => {
    const { batchId } = await submitBatch(ana.api, {
      executions: 3,
      submission: { env: { A: 'b' }, masked: ['A'] },
    });
    const capacity = { slots: 1, cpus: 9, memoryBytes: 2 ** 40 };
    const first = await worker.exchange({ capacity });
    expect(first.batches).toMatchObject([
      {
        id: batchId,
        accountId: ana.id,
        env: { A: 'b' },
        masked: ['A'],
        spec: { script: 'main.py' },
      },
    ]);
    const second = await worker.exchange({ capacity, knownBatches: [batchId] });
    expect([second.leases.length, second.batches]).toEqual([1, []]);
  });
});
