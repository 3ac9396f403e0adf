import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { Submission } from '@nexus/grid/contract';
import { sha256 } from '@nexus/kit/hash';

import type { FakeWorker } from '../testing/fake-worker.ts';
import {
  readEvents,
  submitBatch,
  toEntries,
  toSubmission,
  uploadBlob,
  type BatchTraits,
} from '../testing/submissions.ts';
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

/** Leases all there is and ends it: by label, how; the rest succeeds. */
async function runAll(outcomes: Record<string, 'failed' | 'cancelled'> = {}): Promise<string[]> {
  const ran: string[] = [];
  for (let leases = await worker.lease(100); leases.length > 0; leases = await worker.lease(100)) {
    for (const lease of leases) {
      const [label = ''] = lease.args;
      ran.push(label);
      await worker.finish(lease, { outcome: outcomes[label] ?? 'succeeded' });
    }
  }
  return ran.toSorted();
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
    expect(await runAll({ 1: 'failed' })).toEqual(['0', '1', '2']);
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
    await runAll({ b: 'failed', d: 'cancelled' });
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
    expect(await runAll()).toEqual(['b', 'd']);
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
    expect(await runAll()).toEqual(['new']);
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
    await runAll();
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
    await runAll({ 1: 'failed', 4: 'failed' });
    const replies = await Promise.all(Array.from({ length: 10 }, () => post(submission)));
    expect(replies.reduce((sum, reply) => sum + reply.body.requeued, 0)).toBe(2);
    expect(await runAll()).toEqual(['1', '4']);
  });

  test('uses nothing of what another account has run', async () => {
    const carla = await plane.createAccount('carla');
    await submitBatch(ana.api, { executions: ['mine'], submission: REUSE });
    await runAll();
    const { isAttached, reused } = await submitBatch(carla.api, {
      executions: ['mine'],
      submission: REUSE,
    });
    expect([isAttached, reused]).toEqual([false, 0]);
  });

  test('with rerun always runs it all', async () => {
    await submitBatch(ana.api, { executions: ['a'], submission: REUSE });
    await runAll();
    expect(await submitBatch(ana.api, { executions: ['a'] })).toMatchObject({
      isAttached: false,
      reused: 0,
    });
    expect(await runAll()).toEqual(['a']);
  });
});

describe('is refused with 400 and leaves nothing:', () => {
  const [file] = toEntries({ 'a.txt': 'x' });
  const entry = { ...file, mode: 0o644 };
  const [execution] = toSubmission().executions;
  const spec = toSubmission().spec;

  function withSpec(changes: Record<string, unknown>) {
    return { spec: { ...spec, ...changes } };
  }
  function withEntries(...entries: unknown[]) {
    return { project: { entries } };
  }
  function withExecution(changes: Record<string, unknown>) {
    return { executions: [{ ...execution, ...changes }] };
  }

  const cases: [string, Record<string, unknown>][] = [
    ['no executions', { executions: [] }],
    ['an unknown field', { surprise: 1 }],
    ['an unknown field of the spec', withSpec({ surprise: 1 })],
    ['an unknown field of an execution', withExecution({ surprise: 1 })],
    ['an unknown field of a file', withEntries({ ...entry, surprise: 1 })],
    ['a path twice', withEntries(entry, entry)],
    ['a path inside of a file', withEntries(entry, { ...entry, path: 'a.txt/b' })],
    [
      'a path inside of a link',
      withEntries({ type: 'symlink', path: 'l', target: '/etc' }, { ...entry, path: 'l/m/passwd' }),
    ],
    ...['../a', 'a/../../b', './a', 'a//b', 'a/', '', '..', '/', '/../etc/passwd', 'a\0b'].map(
      (path): [string, Record<string, unknown>] => [
        `the path ${JSON.stringify(path)}`,
        withEntries({ ...entry, path }),
      ],
    ),
    ['an input outside', withExecution({ input: { ...entry, path: '../x' } })],
    ['a script outside', withSpec({ script: '../main.py' })],
    ['a working directory outside', withSpec({ workingDirectory: '../..' })],
    ['an absolute working directory', withSpec({ workingDirectory: '/etc' })],
    ['a root that is not absolute', withSpec({ root: 'home' })],
    ['a root with ..', withSpec({ root: '/home/../etc' })],
    ['a set-id mode', withEntries({ ...entry, mode: 0o4755 })],
    ['a hash that is none', withEntries({ ...entry, sha256: 'abc' })],
    ['a negative size', withEntries({ ...entry, sizeBytes: -1 })],
    [
      'sizes beyond all numbers',
      withEntries(
        ...Array.from({ length: 2000 }, (_, n) => ({
          ...entry,
          path: `${n}`,
          sizeBytes: Number.MAX_SAFE_INTEGER,
        })),
      ),
    ],
    ['a device', withEntries({ type: 'device', path: 'x' })],
    ['a label without text', withExecution({ label: '' })],
    ['a label with a NUL', withExecution({ label: 'a\0b' })],
    ['a label of 5000 characters', withExecution({ label: 'x'.repeat(5000) })],
    ['an argument with a NUL', withExecution({ args: ['a\0b'] })],
    ['an argument with half a surrogate pair', withExecution({ args: ['\ud800'] })],
    ['an argument of 200 KB', withExecution({ args: ['x'.repeat(200_000)] })],
    ['an identity that is none', withExecution({ identity: 'x' })],
    ['no CPUs', withSpec({ limits: { ...spec.limits, cpus: 0 } })],
    ['too many CPUs', withSpec({ limits: { ...spec.limits, cpus: 1e6 } })],
    ['memory beyond all numbers', withSpec({ limits: { ...spec.limits, memoryBytes: 1e300 } })],
    ['too little memory', withSpec({ limits: { ...spec.limits, memoryBytes: 1 } })],
    ['no time', withSpec({ limits: { ...spec.limits, timeoutSeconds: 0 } })],
    ['endless time', withSpec({ limits: { ...spec.limits, timeoutSeconds: 1e12 } })],
    ['limits left out', withSpec({ limits: undefined })],
    ['an unknown sandbox', withSpec({ sandbox: 'chroot' })],
    ['an image in another sandbox', withSpec({ image: 'python', sandbox: 'process' })],
    ['a variable without a name', { env: { '': 'x' } }],
    ['a variable of a wrong name', { env: { 'A-B': 'x' } }],
    ['a variable with a NUL', { env: { A: 'a\0b' } }],
    ['a variable of 1 MB', { env: { A: 'x'.repeat(1 << 20) } }],
    ['metadata that is no text', { metadata: { a: 1 } }],
    ['metadata with a NUL', { metadata: { a: 'a\0b' } }],
    ['metadata without a name', { metadata: { '': 'x' } }],
    ['metadata of 2000 characters', { metadata: { a: 'x'.repeat(2000) } }],
    ['priority beyond measure', { priority: 101 }],
    ['half a priority', { priority: 0.5 }],
    ['parallel 0', { parallel: 0 }],
    ['parallel beyond measure', { parallel: 1e9 }],
    ['negative retries', { retries: -1 }],
    ['retries beyond measure', { retries: 1000 }],
    ['a short idempotency key', { idempotencyKey: 'x' }],
    ['an idempotency key with a NUL', { idempotencyKey: 'abcdefgh\0' }],
    ['an unknown way to rerun', { rerun: 'sometimes' }],
    ['a masked name with a NUL', { masked: ['a\0b'] }],
  ];

  test.each(cases)('%s', async (_name, changes) => {
    const { status, body } = await post({ ...toSubmission(), ...changes });
    expect([status, body.error?.code]).toEqual([400, 'invalid_request']);
    expect(body.error.message).not.toMatch(/\b(select|insert|postgres|at \/|\.ts)\b/i);
    expect(await countRows()).toEqual({ batches: 0, executions: 0, blobs: 0 });
  });

  test('what is no JSON', async () => {
    const send = (body: string, type = 'application/json') =>
      ana.api.raw('/batches', { method: 'POST', body, headers: { 'content-type': type } });
    for (const body of ['', '{', '[]', 'null', '"text"', '{"__proto__":{"a":1}}'])
      expect((await send(body)).status, body).toBe(400);
    expect((await send('a=b', 'application/x-www-form-urlencoded')).status).toBe(415);
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
      env: { A: 'x'.repeat(128 * 1024) },
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
