import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { Lease } from '@nexus/grid/contract';

import { refOf, type FakeWorker } from '../testing/fake-worker.ts';
import { submitBatch } from '../testing/submissions.ts';
import {
  startTestControlPlane,
  type TestAccount,
  type TestControlPlane,
} from '../testing/test-control-plane.ts';
import { expireLeases } from '../queue/expire-leases.ts';

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

// Row 4.
describe('cancelling', () => {
  test('ends at once what waits, and asks the worker to end what runs', async () => {
    const { batchId } = await submitBatch(ana.api, { executions: 5 });
    const held = await worker.lease(2);
    const hearing = worker.exchange({ waitMs: 30_000 });
    expect((await ana.api.post(`/batches/${batchId}/cancel`)).body).toEqual({
      cancelled: 3,
      stopping: 2,
    });
    expect((await hearing).cancel.toSorted(byId)).toEqual(held.map(refOf).toSorted(byId));
    expect((await worker.heartbeat(held)).cancel.toSorted(byId)).toEqual(
      held.map(refOf).toSorted(byId),
    );
    const known = held.map((one) => one.executionId);
    expect((await worker.exchange({ waitMs: 1, knownCancels: known })).cancel).toEqual([]);
    expect((await ana.api.get(`/batches/${batchId}`)).body).toMatchObject({
      counts: { cancelled: 3, leased: 2 },
      finishedAt: null,
    });
    expect((await ana.api.post(`/batches/${batchId}/cancel`)).body, 'again').toEqual({
      cancelled: 0,
      stopping: 2,
    });
    for (const one of held)
      expect(await worker.finish(one, { outcome: 'cancelled', exitCode: null })).toBe('accepted');
    expect((await ana.api.get(`/batches/${batchId}`)).body).toMatchObject({
      counts: { cancelled: 5 },
      finishedAt: expect.any(String),
    });
    expect((await ana.api.post(`/batches/${batchId}/cancel`)).body, 'after its end').toEqual({
      cancelled: 0,
      stopping: 0,
    });
    expect(await worker.lease(5)).toEqual([]);
  });

  test('one of a batch leaves the others alone', async () => {
    const { batchId } = await submitBatch(ana.api, { executions: 3 });
    expect((await ana.api.post(`/executions/${batchId}-1/cancel`)).body).toEqual({
      cancelled: 1,
      stopping: 0,
    });
    expect((await worker.lease(5)).map((one) => one.executionId).toSorted()).toEqual([
      `${batchId}-0`,
      `${batchId}-2`,
    ]);
  });

  test('what ended by itself before it heard of it keeps its true result', async () => {
    for (const outcome of ['succeeded', 'failed', 'timed_out'] as const) {
      const held = await lease();
      await ana.api.post(`/executions/${held.executionId}/cancel`);
      expect(await worker.finish(held, { outcome })).toBe('accepted');
      expect(await read(held.executionId), 'no retry of what nobody wants any more').toMatchObject({
        state: outcome,
      });
    }
  });

  test('what is lost, given back or broken after it was cancelled is cancelled', async () => {
    const ends = [
      async () => (await pass(60), expire()),
      (held: Lease) => worker.report({ ...refOf(held), kind: 'released' }),
      (held: Lease) => worker.report({ ...refOf(held), kind: 'worker_failed', reason: 'no disk' }),
    ];
    for (const end of ends) {
      const held = await lease();
      await ana.api.post(`/executions/${held.executionId}/cancel`);
      await end(held);
      expect(await read(held.executionId)).toMatchObject({ state: 'cancelled', timesLost: 0 });
    }
  });

  test('and finishing at the same moment end in one state that both agree on', async () => {
    const { batchId } = await submitBatch(ana.api, { executions: 30 });
    const held = await worker.lease(30);
    await Promise.all(
      held.flatMap((one) => [
        ana.api.post(`/executions/${one.executionId}/cancel`),
        worker.finish(one),
      ]),
    );
    expect((await ana.api.get(`/batches/${batchId}`)).body).toMatchObject({
      counts: { succeeded: 30 },
      finishedAt: expect.any(String),
    });
  });

  test('and claiming at the same moment leave nothing running that was reported as cancelled', async () => {
    const { batchId } = await submitBatch(ana.api, { executions: 200 });
    const [{ body }, ...claims] = await Promise.all([
      ana.api.post(`/batches/${batchId}/cancel`),
      ...Array.from({ length: 20 }, () => worker.lease(5)),
    ]);
    const leased = claims.flat().length;
    expect(body).toEqual({ cancelled: 200 - leased, stopping: leased });
    expect((await worker.exchange({ waitMs: 1 })).cancel).toHaveLength(leased);
  });
});

describe('retrying by hand', () => {
  test('makes a new execution beside the old one, in the same batch', async () => {
    const { batchId } = await submitBatch(ana.api, { executions: ['a', 'b'] });
    for (const held of await worker.lease(2))
      await worker.finish(held, { outcome: held.args[0] === 'a' ? 'failed' : 'succeeded' });
    expect((await ana.api.post(`/batches/${batchId}/retry`)).body).toEqual({
      retried: [`${batchId}-0-2`],
    });
    expect((await ana.api.post(`/batches/${batchId}/retry`)).body, 'again').toEqual({
      retried: [],
    });
    expect(await read(`${batchId}-0`)).toMatchObject({
      state: 'failed',
      retriedAs: `${batchId}-0-2`,
    });
    expect(await read(`${batchId}-0-2`)).toMatchObject({
      state: 'queued',
      label: 'a',
      args: ['a'],
      index: 0,
      epoch: 0,
    });
    expect((await ana.api.get(`/batches/${batchId}`)).body).toMatchObject({
      total: 2,
      counts: { queued: 1, failed: 0, succeeded: 1 },
      finishedAt: null,
    });
    await worker.finish(await worker.leaseOne(), { outcome: 'failed' });
    expect((await ana.api.post(`/executions/${batchId}-0-2/retry`)).body).toEqual({
      retried: [`${batchId}-0-3`],
    });
  });

  test('one that succeeded is possible when asked for', async () => {
    const held = await lease();
    await worker.finish(held);
    const [batchId] = held.executionId.split('-');
    expect((await ana.api.post(`/batches/${batchId}/retry`)).body).toEqual({ retried: [] });
    expect((await ana.api.post(`/batches/${batchId}/retry`, { all: true })).body).toEqual({
      retried: [`${held.executionId}-2`],
    });
  });

  test('one that has not ended is refused', async () => {
    const held = await lease();
    expect((await ana.api.post(`/executions/${held.executionId}/retry`)).body).toMatchObject({
      error: { code: 'conflict' },
    });
  });

  test('many times at once makes one successor', async () => {
    const held = await lease();
    await worker.finish(held, { outcome: 'cancelled' });
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => ana.api.post(`/executions/${held.executionId}/retry`)),
    );
    expect(answers.map((answer) => answer.status).toSorted()).toEqual([
      200,
      ...Array.from({ length: 9 }, () => 409),
    ]);
    expect((await worker.lease(5)).map((one) => one.executionId)).toEqual([
      `${held.executionId}-2`,
    ]);
  });
});

function byId(a: { executionId: string }, b: { executionId: string }): number {
  return a.executionId < b.executionId ? -1 : 1;
}
