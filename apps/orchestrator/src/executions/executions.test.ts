import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { ExecutionList } from '@nexus/grid/contract';
import { submitBatch, toEntries, toSubmission } from '../testing/submissions.ts';

import { refOf, type FakeWorker } from '../testing/fake-worker.ts';
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

async function list(query: string, path = '/executions'): Promise<ExecutionList> {
  const { status, body } = await ana.api.get(`${path}?${query}`);
  expect(status, JSON.stringify(body)).toBe(200);
  return body;
}

function idsOf(page: ExecutionList): string[] {
  return page.executions.map((execution) => execution.id);
}

/** Every id of a listing, page by page; between two pages `meanwhile` happens. */
async function walk(
  query: string,
  options: { path?: string; meanwhile?: () => Promise<unknown> } = {},
): Promise<string[]> {
  const ids: string[] = [];
  let cursor = '';
  for (;;) {
    const page = await list(`${query}${cursor}`, options.path);
    ids.push(...idsOf(page));
    if (page.nextCursor === null) return ids;
    cursor = `&cursor=${page.nextCursor}`;
    await options.meanwhile?.();
  }
}

describe('the list of executions', () => {
  test('has the newest batch first and keeps the order of a batch', async () => {
    const older = await submitBatch(ana.api, { executions: 12 });
    const newer = await submitBatch(ana.api, { executions: 3 });
    const expected = [
      ...[0, 1, 2].map((n) => `${newer.batchId}-${n}`),
      ...Array.from({ length: 12 }, (_, n) => `${older.batchId}-${n}`),
    ];
    expect(await walk('')).toEqual(expected);
    for (const limit of [1, 4, 5, 15, 1000])
      expect(await walk(`limit=${limit}`), `${limit} a page`).toEqual(expected);
  });

  test('read page by page loses and repeats nothing while new ones arrive and old ones change', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 5; n += 1) ids.unshift(...(await submitted(4)));
    const seen = await walk('limit=3', {
      meanwhile: async () => {
        await submitBatch(ana.api, { executions: 2 });
        for (const lease of await worker.lease(2)) await worker.finish(lease);
      },
    });
    expect(seen).toEqual(ids);
  });

  async function submitted(executions: number): Promise<string[]> {
    const { batchId } = await submitBatch(ana.api, { executions });
    return Array.from({ length: executions }, (_, n) => `${batchId}-${n}`);
  }

  test('is filtered by state', async () => {
    const { batchId } = await submitBatch(ana.api, { executions: 4 });
    for (const [n, lease] of (await worker.lease(3)).entries())
      if (n < 2) await worker.finish(lease, { outcome: n === 0 ? 'failed' : 'succeeded' });
    const states = async (state: string) =>
      (await list(`state=${state}&limit=1`)).executions.length;
    expect(
      await Promise.all(['failed', 'succeeded', 'leased', 'queued', 'lost'].map(states)),
    ).toEqual([1, 1, 1, 1, 0]);
    expect(await walk('state=queued', { path: `/batches/${batchId}/executions` })).toEqual([
      `${batchId}-3`,
    ]);
    expect((await ana.api.get('/executions?state=broken')).status).toBe(400);
  });

  // Row 27, fault R22.
  test('is filtered by metadata, all of which must hold', async () => {
    const a = await submitBatch(ana.api, {
      submission: { metadata: { team: 'data', env: 'prod' } },
    });
    const b = await submitBatch(ana.api, {
      submission: { metadata: { team: 'data', env: 'test', note: 'a=b & "c"' } },
    });
    await submitBatch(ana.api, { submission: { metadata: { env: 'prod' } } });
    const found = async (...pairs: string[]) =>
      idsOf(await list(pairs.map((pair) => `metadata=${encodeURIComponent(pair)}`).join('&')));
    expect(await found('team=data')).toEqual([`${b.batchId}-0`, `${a.batchId}-0`]);
    expect(await found('team=data', 'env=prod')).toEqual([`${a.batchId}-0`]);
    expect(await found('note=a=b & "c"')).toEqual([`${b.batchId}-0`]);
    expect(await found('team=dat')).toEqual([]);
    expect(await found('team=')).toEqual([]);
    for (const pair of ['team', '=data', ''])
      expect((await ana.api.get(`/executions?metadata=${pair}`)).status, pair).toBe(400);
  });

  test.each([
    'limit=0',
    'limit=1001',
    'limit=x',
    `cursor=${'x'.repeat(300)}`,
    'cursor=%00',
    'metadata=a%3D%00',
    'batch=x',
    'batch=%00',
    'batches=abcdefghijkl',
  ])('refuses %s', async (query) => {
    const { status, body } = await ana.api.get(`/executions?${query}`);
    expect([status, body.error.code]).toEqual([400, 'invalid_request']);
  });

  test('refuses a cursor that no earlier answer gave, in a sentence', async () => {
    const ask = async (cursor: string) =>
      (await ana.api.get(`/executions?cursor=${cursor}`)).body.error?.message;
    for (const cursor of ['', 'x', 'eyJpZCI6MX0', '%F0%9F%A6%99'])
      expect(await ask(cursor), cursor).toBe('cursor: is not the nextCursor of an earlier answer');
    expect(await ask('abcdefghijkl-0')).toBe(
      'cursor: there is no execution abcdefghijkl-0; list from the start',
    );
    const { batchId } = await submitBatch(ana.api);
    const { body } = await ana.api.get(`/batches/${batchId}/executions?cursor=${batchId}-0`);
    expect(body).toEqual({ executions: [], nextCursor: null });
  });

  test('of one batch has all of it, retries beside what they retry', async () => {
    const { batchId } = await submitBatch(ana.api, { executions: 3 });
    for (const lease of await worker.lease(3)) await worker.finish(lease, { outcome: 'failed' });
    await submitBatch(ana.api, { executions: 2 });
    await ana.api.post(`/executions/${batchId}-1/retry`);
    const ids = await walk('limit=2', { path: `/batches/${batchId}/executions` });
    expect(ids.toSorted()).toEqual([
      `${batchId}-0`,
      `${batchId}-1`,
      `${batchId}-1-2`,
      `${batchId}-2`,
    ]);
  });
});

describe('an execution', () => {
  // Fault R24.
  test('that ended before it ever started can be read', async () => {
    const { batchId } = await submitBatch(ana.api, { executions: 2 });
    await ana.api.post(`/executions/${batchId}-0/cancel`);
    expect((await ana.api.get(`/executions/${batchId}-0`)).body).toMatchObject({
      ...{
        state: 'cancelled',
        startedAt: null,
        leasedAt: null,
        exitCode: null,
        workerName: null,
        sandbox: null,
        outputs: null,
      },
      ...{
        waiting: null,
        finishedAt: expect.any(String),
        usage: { wallMs: null, cpuMs: null, maxMemoryBytes: null },
      },
    });
    const lease = await worker.leaseOne();
    const usage = { wallMs: null, cpuMs: null, maxMemoryBytes: null };
    await worker.finish(lease, {
      outcome: 'failed',
      exitCode: null,
      reason: 'the script main.py did not travel with the project',
      sandbox: '',
      usage,
    });
    expect((await ana.api.get(`/executions/${batchId}-1`)).body).toMatchObject({
      state: 'failed',
      exitCode: null,
      startedAt: null,
      reason: expect.stringContaining('main.py'),
    });
    expect(await ana.api.lines(`/executions/${batchId}-1/logs?follow=true`)).toMatchObject([
      { type: 'attempt', epoch: 1 },
      { type: 'end', execution: { state: 'failed' } },
    ]);
    expect(await ana.api.lines(`/batches/${batchId}/events?follow=true`)).toHaveLength(4);
    expect((await ana.api.get(`/executions/${batchId}-1/outputs`)).body).toEqual({ entries: [] });
  });

  test('without outputs has none, with outputs says how many and how large', async () => {
    await submitBatch(ana.api, { executions: 2 });
    const [plain, rich] = await worker.lease(2);
    if (!plain || !rich) throw new Error('nothing leased');
    await worker.finish(plain);
    await worker.upload(rich, Buffer.from('123'));
    const entries = [
      ...toEntries({ 'b.txt': '123', 'a.txt': '123' }),
      { type: 'directory' as const, path: 'empty', mode: 0o755 },
      { type: 'symlink' as const, path: 'link', target: 'a.txt' },
    ];
    await worker.finish(rich, { outputs: { entries } });
    expect((await ana.api.get(`/executions/${plain.executionId}`)).body.outputs).toBeNull();
    expect((await ana.api.get(`/executions/${rich.executionId}`)).body.outputs).toMatchObject({
      fileCount: 2,
      sizeBytes: 6,
    });
    expect(
      (await ana.api.get(`/executions/${rich.executionId}/outputs`)).body.entries.map(
        (entry: { path: string }) => entry.path,
      ),
    ).toEqual(['a.txt', 'b.txt', 'empty', 'link']);
  });

  test.each([
    '/executions/x',
    '/executions/abc-0',
    '/executions/abcdefghijkl',
    '/executions/%00',
    '/executions/..%2f',
    `/executions/${'a'.repeat(200)}`,
  ])('is not asked for as %s', async (path) => {
    expect((await ana.api.get(path)).body).toMatchObject({ error: { code: 'invalid_request' } });
  });
});

// Row 35.
test('everything that waits says what for', async () => {
  const { batchId } = await submitBatch(ana.api, { executions: 6, submission: { parallel: 2 } });
  await submitBatch(ana.api, { executions: 2, limits: { cpus: 500 } });
  await submitBatch(ana.api, { executions: 1, spec: { sandbox: 'bubblewrap' } });
  await ana.api.post('/batches', toSubmission({ files: { 'main.py': 'not here' } }));
  await worker.lease(2);
  const codes = async () => {
    const { executions } = await list('limit=1000');
    for (const execution of executions) {
      const isWaiting = execution.state === 'queued' || execution.state === 'uploading';
      expect(execution.waiting !== null, `${execution.id} ${execution.state}`).toBe(isWaiting);
    }
    return executions.flatMap((execution) => (execution.waiting ? [execution.waiting.code] : []));
  };
  expect(await codes()).toEqual([
    'uploading_files',
    'no_worker_fits',
    'no_worker_fits',
    'no_worker_fits',
    ...Array.from({ length: 4 }, () => 'parallel_limit'),
  ]);
  const { body } = await ana.api.get(`/executions/${batchId}-5`);
  expect(body.waiting).toMatchObject({
    code: 'parallel_limit',
    executionsAhead: 3,
    message: expect.stringContaining('--parallel'),
  });
  await plane.database.query("update workers set state = 'draining'");
  expect(new Set(await codes())).toEqual(new Set(['uploading_files', 'workers_draining']));
  await plane.database.query("update workers set state = 'gone'");
  expect(new Set(await codes())).toEqual(new Set(['uploading_files', 'no_worker']));
  await plane.database.query("update workers set state = 'active'");
});

test('each of a page says its place in the queue', async () => {
  await submitBatch(ana.api, { executions: 3 });
  await submitBatch(ana.api, { executions: 5 });
  await worker.lease(2);
  const { executions } = await list('limit=1000&state=queued');
  // One of each batch is leased; what came earlier is served before.
  expect(executions.map((execution) => execution.waiting?.executionsAhead)).toEqual([
    2, 3, 4, 5, 0, 1,
  ]);
});

test('workers are listed with what they hold', async () => {
  await submitBatch(ana.api, { executions: 3 });
  const [first] = await worker.lease(3);
  if (first) await worker.report({ ...refOf(first), kind: 'running', sandbox: 'process' });
  const { workers } = (await ana.api.get('/workers')).body;
  expect(workers).toMatchObject([
    {
      name: 'worker',
      state: 'active',
      slots: 4,
      busy: 3,
      drivers: ['process'],
      runtimes: ['python'],
    },
  ]);
  expect(JSON.stringify(workers)).not.toMatch(/secret|token/i);
});
