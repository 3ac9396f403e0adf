import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { sha256 } from '@nexus/kit/hash';

import type { FakeWorker } from '../testing/fake-worker.ts';
import { readEvents, submitBatch, toEntries, toSubmission } from '../testing/submissions.ts';
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

const REUSE = { rerun: 'reuse' } as const;

async function countRows(): Promise<Record<string, number>> {
  const [row] = await plane.database.query<Record<string, number>>(
    'select (select count(*) from batches) as batches, (select count(*) from executions) as executions',
  );
  return row ?? {};
}

function post(submission: unknown) {
  return ana.api.post('/batches', submission);
}

// Rows 37 and 52.
describe('submitting the same again', () => {
  test('attaches to the batch while it runs', async () => {
    const traits = { executions: ['a', 'b'], submission: REUSE };
    const { batchId } = await submitBatch(ana.api, traits);
    const [lease] = await worker.lease(1);
    expect(await submitBatch(ana.api, traits)).toEqual({
      batchId,
      state: 'accepted',
      isAttached: true,
      reused: 0,
      requeued: 0,
      missing: [],
    });
    expect(await worker.finish(lease ?? { executionId: '', epoch: 0 })).toBe('accepted');
    expect(await countRows()).toMatchObject({ batches: 1, executions: 2 });
  });

  test('runs what failed, was cancelled or never came to an end, and keeps what succeeded', async () => {
    const traits = { executions: ['a', 'b', 'c', 'd'], submission: REUSE };
    const { batchId } = await submitBatch(ana.api, traits);
    await worker.runAll({ b: 'failed', d: 'cancelled' });
    expect(await submitBatch(ana.api, traits)).toMatchObject({
      batchId,
      isAttached: true,
      reused: 2,
      requeued: 2,
    });
    expect((await ana.api.get(`/batches/${batchId}`)).body).toMatchObject({
      total: 4,
      counts: { succeeded: 2, queued: 2, failed: 0 },
      finishedAt: null,
    });
    expect(await worker.runAll()).toEqual(['b', 'd']);
    expect((await ana.api.get(`/batches/${batchId}`)).body).toMatchObject({
      total: 4,
      counts: { succeeded: 4 },
      finishedAt: expect.any(String),
    });
    expect(await submitBatch(ana.api, traits)).toMatchObject({
      batchId,
      isAttached: true,
      reused: 4,
      requeued: 0,
    });
    expect(await worker.lease(5)).toEqual([]);
    expect((await ana.api.get(`/executions/${batchId}-1`)).body).toMatchObject({
      state: 'failed',
      retriedAs: `${batchId}-1-2`,
    });
  });

  test('with a part of it changed makes a new batch that runs only that part', async () => {
    const first = await submitBatch(ana.api, { executions: ['a', 'b', 'c'], submission: REUSE });
    for (const lease of await worker.lease(3)) {
      const [label = ''] = lease.args;
      await worker.upload(lease, Buffer.from(`result of ${label}`));
      await worker.log(lease, [
        { sequence: 0, data: Buffer.from(`log of ${label}`).toString('base64') },
      ]);
      const logs = { stdoutBytes: 8, stderrBytes: 0, droppedBytes: 0 };
      await worker.finish(lease, {
        outputs: { entries: toEntries({ 'out.txt': `result of ${label}` }) },
        logs,
      });
    }
    const second = await submitBatch(ana.api, { executions: ['c', 'new', 'a'], submission: REUSE });
    expect(second).toMatchObject({ isAttached: false, reused: 2 });
    expect(second.batchId).not.toBe(first.batchId);
    const { body: taken } = await ana.api.get(`/executions/${second.batchId}-0`);
    expect(taken).toMatchObject({
      ...{
        state: 'succeeded',
        label: 'c',
        reusedFrom: `${first.batchId}-2`,
        exitCode: 0,
        costMicros: 0,
      },
      ...{ logs: { stdoutBytes: 8 }, outputs: { fileCount: 1 }, finishedAt: expect.any(String) },
    });
    // Outputs and logs read as if it had run here.
    expect(
      (await ana.api.get(`/executions/${second.batchId}-0/outputs`)).body.entries,
    ).toMatchObject([{ sha256: sha256('result of c') }]);
    const chunk = {
      executionId: `${second.batchId}-0`,
      epoch: 1,
      sequence: 0,
      stream: 'stdout',
      data: Buffer.from('log of c').toString('base64'),
    };
    expect(await ana.api.lines(`/executions/${second.batchId}-0/logs`)).toMatchObject([
      { type: 'attempt', epoch: 1 },
      { type: 'chunk', chunk },
      { type: 'end' },
    ]);
    const events = await readEvents(ana.api, second.batchId);
    expect(events[0]).toMatchObject({
      type: 'execution',
      execution: { id: `${second.batchId}-0` },
      logs: [chunk],
    });
    expect(await worker.runAll()).toEqual(['new']);
    expect((await ana.api.get(`/batches/${second.batchId}`)).body).toMatchObject({
      counts: { succeeded: 3 },
      finishedAt: expect.any(String),
    });
  });

  test('a result taken over twice in one batch has its log once each', async () => {
    await submitBatch(ana.api, { executions: ['x'], submission: REUSE });
    const lease = await worker.leaseOne();
    await worker.log(lease, [{ sequence: 0, data: 'YQ==' }]);
    await worker.finish(lease, { logs: { stdoutBytes: 1, stderrBytes: 0, droppedBytes: 0 } });
    const { batchId, reused } = await submitBatch(ana.api, {
      executions: ['x', 'x', 'y'],
      submission: REUSE,
    });
    expect(reused).toBe(2);
    const events = await readEvents(ana.api, batchId);
    expect(
      events.flatMap((event) =>
        event.type === 'execution' ? [event.logs?.map((chunk) => chunk.executionId)] : [],
      ),
    ).toEqual([[`${batchId}-0`], [`${batchId}-1`]]);
  });

  test('a batch of nothing but known results is finished when it is made', async () => {
    await submitBatch(ana.api, { executions: ['p', 'q'], submission: REUSE });
    await worker.runAll();
    const { batchId, reused } = await submitBatch(ana.api, {
      executions: ['q'],
      submission: REUSE,
    });
    expect(reused).toBe(1);
    expect((await ana.api.get(`/batches/${batchId}`)).body).toMatchObject({
      total: 1,
      counts: { succeeded: 1 },
      finishedAt: expect.any(String),
    });
    expect((await readEvents(ana.api, batchId, 'follow=true')).at(-1)).toMatchObject({
      type: 'end',
    });
  });

  test('from many clients at once ends in one batch', async () => {
    const submission = toSubmission({ executions: 20, submission: REUSE });
    const replies = await Promise.all(Array.from({ length: 15 }, () => post(submission)));
    expect(new Set(replies.map((reply) => reply.body.batchId)).size).toBe(1);
    expect(replies.filter((reply) => !reply.body.isAttached)).toHaveLength(1);
    expect(await countRows()).toMatchObject({ batches: 1, executions: 20 });
  });

  test('from many clients at once, after failures, tries each failed one once', async () => {
    const submission = toSubmission({ executions: 6, submission: REUSE });
    await post(submission);
    await worker.runAll({ 1: 'failed', 4: 'failed' });
    const replies = await Promise.all(Array.from({ length: 10 }, () => post(submission)));
    expect(replies.reduce((sum, reply) => sum + reply.body.requeued, 0)).toBe(2);
    expect(await worker.runAll()).toEqual(['1', '4']);
  });

  test('uses nothing of what another account has run', async () => {
    const carla = await plane.createAccount('carla');
    await submitBatch(ana.api, { executions: ['mine'], submission: REUSE });
    await worker.runAll();
    const { isAttached, reused } = await submitBatch(carla.api, {
      executions: ['mine'],
      submission: REUSE,
    });
    expect([isAttached, reused]).toEqual([false, 0]);
  });

  test('with rerun always runs it all', async () => {
    await submitBatch(ana.api, { executions: ['a'], submission: REUSE });
    await worker.runAll();
    expect(await submitBatch(ana.api, { executions: ['a'] })).toMatchObject({
      isAttached: false,
      reused: 0,
    });
    expect(await worker.runAll()).toEqual(['a']);
  });
});
