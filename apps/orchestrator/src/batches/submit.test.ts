import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { Submission } from '@nexus/grid/contract';
import { sha256 } from '@nexus/kit/hash';

import type { FakeWorker } from '../testing/fake-worker.ts';
import { submitBatch, toSubmission, uploadBlob, type BatchTraits } from '../testing/submissions.ts';
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
    'select (select count(*) from batches) as batches, (select count(*) from executions) as executions, (select count(*) from batch_blobs) as blobs',
  );
  return row ?? {};
}

function post(submission: unknown) {
  return ana.api.post('/batches', submission);
}

// Row 10.
describe('10,000 executions in one call', () => {
  test('are all there, queued, each with its own id, index and arguments', async () => {
    const { batchId } = await submitBatch(ana.api, { executions: 10_000 });
    expect(await countRows()).toMatchObject({ batches: 1, executions: 10_000 });
    expect((await ana.api.get(`/batches/${batchId}`)).body).toMatchObject({
      total: 10_000,
      counts: { queued: 10_000 },
      finishedAt: null,
    });
    const odd = await plane.database.query(
      "select id from executions where id <> batch_id || '-' || index or args <> jsonb_build_array(index::text) or label <> index::text or state <> 'queued'",
    );
    expect(odd).toEqual([]);
  });

  test('are none, if the last of them is wrong', async () => {
    const submission = toSubmission({ executions: 10_000 });
    submission.executions[9999] = {
      label: 'last',
      args: ['a\0b'],
      input: null,
      identity: sha256('last'),
    };
    expect((await post(submission)).status).toBe(400);
    expect(await countRows()).toEqual({ batches: 0, executions: 0, blobs: 0 });
  });
});

test('a submit says what it made, and the batch can be read at once', async () => {
  const { body } = await post(
    toSubmission({
      executions: ['a.csv', 'b.csv'],
      submission: { metadata: { team: 'data' }, priority: 3, parallel: 2, retries: 1 },
    }),
  );
  expect(body).toEqual({
    batchId: expect.stringMatching(/^[a-z][0-9a-z]{11}$/),
    state: 'accepted',
    isAttached: false,
    reused: 0,
    requeued: 0,
    missing: [],
  });
  expect((await ana.api.get(`/batches/${body.batchId}`)).body).toMatchObject({
    ...{
      id: body.batchId,
      keyName: 'laptop',
      total: 2,
      parallel: 2,
      priority: 3,
      retries: 1,
      metadata: { team: 'data' },
    },
    ...{
      costMicros: 0,
      finishedAt: null,
      spec: { script: 'main.py', root: '/home/ana/project', network: false },
    },
  });
  const { body: plain } = await post(toSubmission());
  expect((await ana.api.get(`/batches/${plain.batchId}`)).body).toMatchObject({
    parallel: null,
    priority: 0,
    retries: 0,
    metadata: {},
  });
});

describe('uploading', () => {
  test('nothing is leased before everything is here, and then all of it is', async () => {
    const traits: BatchTraits = {
      files: { 'main.py': 'late script' },
      inputs: { 'a.csv': 'late a', 'b.csv': 'late b' },
    };
    const { body } = await post(toSubmission(traits));
    expect(body).toMatchObject({
      state: 'uploading',
      missing: expect.arrayContaining(['late script', 'late a', 'late b'].map(sha256)),
    });
    expect((await ana.api.get(`/batches/${body.batchId}`)).body.counts).toMatchObject({
      uploading: 2,
      queued: 0,
    });
    expect(await worker.lease(5)).toEqual([]);
    await uploadBlob(ana.api, 'late script');
    await uploadBlob(ana.api, 'late a');
    expect((await ana.api.post(`/batches/${body.batchId}/start`)).body).toEqual({
      state: 'uploading',
      missing: [sha256('late b')],
    });
    expect(await worker.lease(5)).toEqual([]);
    await uploadBlob(ana.api, 'late b');
    const starts = await Promise.all(
      [1, 2, 3].map(() => ana.api.post(`/batches/${body.batchId}/start`)),
    );
    expect(starts.map((start) => start.body)).toEqual(
      [1, 2, 3].map(() => ({ state: 'accepted', missing: [] })),
    );
    expect((await worker.lease(5)).map((lease) => lease.input?.path).toSorted()).toEqual([
      'a.csv',
      'b.csv',
    ]);
  });

  test('what was cancelled meanwhile is not started', async () => {
    const { body } = await post(
      toSubmission({ executions: 2, files: { 'main.py': 'cancelled early' } }),
    );
    expect((await ana.api.post(`/executions/${body.batchId}-0/cancel`)).body).toEqual({
      cancelled: 1,
      stopping: 0,
    });
    await uploadBlob(ana.api, 'cancelled early');
    await ana.api.post(`/batches/${body.batchId}/start`);
    expect((await worker.lease(5)).map((lease) => lease.executionId)).toEqual([
      `${body.batchId}-1`,
    ]);
  });

  test('a batch cancelled before its files were here asks for them when it is submitted again', async () => {
    const submission = toSubmission({ files: { 'main.py': 'asked for again' }, submission: REUSE });
    const { body } = await post(submission);
    await ana.api.post(`/batches/${body.batchId}/cancel`);
    expect((await ana.api.post(`/batches/${body.batchId}/retry`)).body.error).toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('submit it again'),
    });
    const { body: again } = await post(submission);
    expect(again).toMatchObject({
      batchId: body.batchId,
      state: 'uploading',
      isAttached: true,
      requeued: 1,
      missing: [sha256('asked for again')],
    });
    expect(await worker.lease(5)).toEqual([]);
    await uploadBlob(ana.api, 'asked for again');
    await ana.api.post(`/batches/${body.batchId}/start`);
    expect(await worker.lease(5)).toHaveLength(1);
  });
});

describe('an idempotency key', () => {
  const submission = toSubmission({
    executions: 3,
    submission: { idempotencyKey: 'once-and-only-once' },
  });

  test('makes one batch of many requests, and the same answer to all', async () => {
    const replies = await Promise.all(Array.from({ length: 12 }, () => post(submission)));
    expect(new Set(replies.map((reply) => JSON.stringify([reply.status, reply.body]))).size).toBe(
      1,
    );
    expect(replies[0]).toMatchObject({
      status: 200,
      body: { isAttached: false, state: 'accepted' },
    });
    expect(await countRows()).toMatchObject({ batches: 1, executions: 3 });
  });

  test('runs nothing again: a lost reply is no wish for another try', async () => {
    const { body } = await post(submission);
    expect(await worker.runAll({ 1: 'failed' })).toEqual(['0', '1', '2']);
    expect((await post(submission)).body).toEqual(body);
    expect(await worker.lease(5)).toEqual([]);
  });

  test('answers with what is still missing', async () => {
    const uploading = toSubmission({
      files: { 'main.py': 'still missing' },
      submission: { idempotencyKey: 'still-missing' },
    });
    const { body } = await post(uploading);
    expect((await post(uploading)).body).toEqual(body);
    await uploadBlob(ana.api, 'still missing');
    await ana.api.post(`/batches/${body.batchId}/start`);
    expect((await post(uploading)).body).toEqual({ ...body, state: 'accepted', missing: [] });
  });

  test("is an account's own", async () => {
    const bruno = await plane.createAccount('bruno');
    const { body } = await post(submission);
    const { body: other } = await bruno.api.post('/batches', submission);
    expect(other.batchId).not.toBe(body.batchId);
  });
});

test('the largest values that are allowed are taken', async () => {
  const limits: Submission['spec']['limits'] = {
    cpus: 512,
    memoryBytes: Number.MAX_SAFE_INTEGER,
    timeoutSeconds: 30 * 24 * 3600,
    diskBytes: Number.MAX_SAFE_INTEGER,
    processes: 100_000,
    logBytes: Number.MAX_SAFE_INTEGER,
  };
  const label = '\u{1F600}\n"\\'.padEnd(4096, 'ñ').slice(0, 4096);
  const submission = toSubmission({
    limits,
    submission: {
      executions: [
        {
          label,
          args: Array.from({ length: 10_000 }, () => '\n\t ünïcödé'),
          input: null,
          identity: sha256('x'),
        },
      ],
      env: { A: 'x'.repeat(128 * 1024 - 'A=\0'.length) },
      metadata: { ['k'.repeat(100)]: 'v'.repeat(1000) },
      priority: -100,
      parallel: 100_000,
      retries: 100,
    },
  });
  const { status, body } = await post(submission);
  expect(status).toBe(200);
  const { body: execution } = await ana.api.get(`/executions/${body.batchId}-0`);
  expect(execution).toMatchObject({ label, args: submission.executions[0]?.args });
});

// Swapping the contents of two inputs is another batch (fault R21), two inputs of one base name are two (R20).
test('inputs are told apart by path and content', async () => {
  const before = await submitBatch(ana.api, { inputs: { 'x/in.csv': 'one', 'y/in.csv': 'two' } });
  const leases = await worker.lease(5);
  expect(leases.map((lease) => [lease.input?.path, lease.input?.sha256]).toSorted()).toEqual([
    ['x/in.csv', sha256('one')],
    ['y/in.csv', sha256('two')],
  ]);
  expect(before.missing.toSorted()).toEqual(['one', 'two'].map(sha256).toSorted());
});
