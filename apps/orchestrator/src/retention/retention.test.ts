import { readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { sha256 } from '@nexus/kit/hash';
import { FolderBlobStore } from '@nexus/storage';

import { refOf, type FakeWorker } from '../testing/fake-worker.ts';
import { submitBatch, toEntries, toSubmission, uploadBlob } from '../testing/submissions.ts';
import {
  startTestControlPlane,
  type TestAccount,
  type TestControlPlane,
} from '../testing/test-control-plane.ts';
import { sweep, type RetentionPolicy, type Swept } from './retention.ts';

let plane: TestControlPlane;
let ana: TestAccount;
let bruno: TestAccount;
let worker: FakeWorker;
let blobs: FolderBlobStore;

beforeAll(async () => {
  plane = await startTestControlPlane();
  ana = await plane.createAccount();
  bruno = await plane.createAccount('bruno');
  worker = await plane.addWorker();
  blobs = await FolderBlobStore.open(plane.blobFolder);
});

afterAll(() => plane.stop());

const HOUR_MS = 3_600_000;

/** As `retention` would a day later, for all that is there now. */
function clean(policy: Partial<RetentionPolicy> = {}): Promise<Swept> {
  const now = new Date(Date.now() + HOUR_MS);
  return sweep(
    { database: plane.database, blobs },
    { finishedBefore: now, abandonedBefore: now, unusedBefore: now, ...policy },
  );
}

const NEVER = new Date(0);
/** Of blobs alone: no batch is old enough. */
const onlyBlobs = () => clean({ finishedBefore: NEVER, abandonedBefore: NEVER });

async function isHere(name: string, account = ana): Promise<boolean> {
  const response = await account.api.raw(`/blobs/${name}`);
  await response.arrayBuffer();
  return response.status === 200;
}

async function storedNames(): Promise<string[]> {
  const names: string[] = [];
  for await (const some of blobs.list()) names.push(...some);
  return names;
}

beforeEach(async () => {
  await plane.database.query('delete from batches');
  // One that is always held, so that the database is not taken for the wrong one.
  await plane.database.query('delete from environments');
  await clean();
  const held = await uploadBlob(ana.api, 'always held');
  await plane.database.query(
    "insert into environments (account_id, key, state, blob_sha256, used_at) values ($1, 'held', 'ready', $2, 'infinity')",
    [ana.id, held],
  );
});

test('bytes that nobody refers to go, with the right to them', async () => {
  const name = await uploadBlob(ana.api, 'of no use');
  expect(await onlyBlobs()).toMatchObject({ blobs: 1 });
  expect(await isHere(name)).toBe(false);
  expect(await blobs.sizeOf(name)).toBeUndefined();
  expect(
    (await ana.api.post('/blobs/missing', { blobs: [{ sha256: name, sizeBytes: 1 }] })).body,
  ).toEqual({ missing: [name] });
});

test('what was used lately stays, also if it was only asked for', async () => {
  const name = await uploadBlob(ana.api, 'asked for');
  await plane.database.query("update blobs set used_at = now() - interval '30 hours'");
  await ana.api.post('/blobs/missing', { blobs: [{ sha256: name, sizeBytes: 1 }] });
  await clean({ unusedBefore: new Date(Date.now() - 24 * HOUR_MS), finishedBefore: NEVER });
  expect(await isHere(name)).toBe(true);
});

describe('what a kept batch needs stays', () => {
  test('project, inputs, standard input and dependencies, from the submit on', async () => {
    const files = { 'main.py': 'script', 'requirements.txt': 'six', 'package.json': '{}' };
    const [, requirements] = toEntries(files);
    const inputs = { 'in/a.csv': 'input' };
    const stdin = await uploadBlob(ana.api, 'typed');
    const dependencies = [{ manager: 'pip' as const, files: requirements ? [requirements] : [] }];
    await submitBatch(ana.api, {
      files,
      inputs,
      spec: { stdin: { sha256: stdin, sizeBytes: 5 }, dependencies },
    });
    await onlyBlobs();
    for (const content of ['script', 'six', '{}', 'input', 'typed'])
      expect(await isHere(sha256(content)), content).toBe(true);
    const { batches } = await worker.exchange({
      capacity: { slots: 1, cpus: 4, memoryBytes: 2 ** 33 },
    });
    expect(await isHere(batches[0]?.projectSha256 ?? '')).toBe(true);
  });

  test('what is still being uploaded for it', async () => {
    const submission = toSubmission({ files: { 'main.py': 'first', 'b.py': 'second' } });
    const { body } = await ana.api.post('/batches', submission);
    await uploadBlob(ana.api, 'first');
    await onlyBlobs();
    await uploadBlob(ana.api, 'second');
    expect((await ana.api.post(`/batches/${body.batchId}/start`)).body).toEqual({
      state: 'accepted',
      missing: [],
    });
  });

  test('outputs, large log chunks and environments', async () => {
    await submitBatch(ana.api);
    const lease = await worker.leaseOne();
    const output = await worker.upload(lease, Buffer.from('result'));
    const log = await worker.upload(lease, Buffer.from('a large piece of log'));
    await worker.log(lease, [{ sequence: 0, blob: { sha256: log, sizeBytes: 20 } }]);
    const packages = await worker.upload(lease, Buffer.from('packages'));
    const key = sha256('key');
    await worker.api.post(`/environments/${key}/claim`, refOf(lease));
    await worker.api.post(`/environments/${key}/publish`, {
      ...refOf(lease),
      result: { state: 'ready', sha256: packages, sizeBytes: 8 },
    });
    await worker.finish(lease, {
      outputs: { entries: toEntries({ 'out.txt': 'result' }) },
      logs: { stdoutBytes: 20, stderrBytes: 0, droppedBytes: 0 },
    });
    await onlyBlobs();
    for (const name of [output, log, packages]) expect(await isHere(name)).toBe(true);
    const lines = await ana.api.lines(`/executions/${lease.executionId}/logs`);
    expect(lines[1]).toMatchObject({
      type: 'chunk',
      chunk: { data: Buffer.from('a large piece of log').toString('base64') },
    });
    expect(
      (await ana.api.get(`/executions/${lease.executionId}/outputs`)).body.entries,
    ).toHaveLength(1);
    await clean();
    expect(await storedNames()).toEqual([sha256('always held')]);
  });
});

test('bytes of two accounts go when both have no use for them, and not before', async () => {
  const name = await uploadBlob(ana.api, 'shared');
  await uploadBlob(bruno.api, 'shared');
  await submitBatch(bruno.api, { files: { 'main.py': 'shared' } });
  await onlyBlobs();
  expect([await isHere(name, ana), await isHere(name, bruno)]).toEqual([false, true]);
  await plane.database.query('delete from batches');
  await onlyBlobs();
  expect(await blobs.sizeOf(name)).toBeUndefined();
});

describe('batches', () => {
  test('go a while after their end, with all that is theirs', async () => {
    const { batchId } = await submitBatch(ana.api, {
      executions: 2,
      submission: { env: { A: 'b' } },
    });
    for (const lease of await worker.lease(2)) {
      await worker.log(lease, [{ sequence: 0, data: 'YQ==' }]);
      await worker.finish(lease);
    }
    const running = await submitBatch(ana.api);
    expect(await clean({ finishedBefore: new Date(Date.now() - HOUR_MS) })).toMatchObject({
      batches: 0,
    });
    expect(await clean()).toMatchObject({ batches: 1 });
    expect((await ana.api.get(`/batches/${batchId}`)).status).toBe(404);
    for (const table of ['executions', 'attempts', 'log_chunks']) {
      const column = table === 'executions' ? 'id' : 'execution_id';
      expect(
        await plane.database.query(`select * from ${table} where ${column} like $1`, [
          `${batchId}%`,
        ]),
      ).toEqual([]);
    }
    expect((await ana.api.get(`/batches/${running.batchId}`)).status).toBe(200);
  });

  test('stay while a later one shows their results as its own', async () => {
    const submission = { rerun: 'reuse' as const };
    const first = await submitBatch(ana.api, { executions: ['a', 'b'], submission });
    for (const lease of await worker.lease(2)) {
      await worker.log(lease, [{ sequence: 0, data: 'bG9n' }]);
      await worker.finish(lease, { logs: { stdoutBytes: 3, stderrBytes: 0, droppedBytes: 0 } });
    }
    const second = await submitBatch(ana.api, { executions: ['a', 'c'], submission });
    expect(second).toMatchObject({ reused: 1 });
    await clean();
    expect((await ana.api.get(`/batches/${first.batchId}`)).status).toBe(200);
    expect(await ana.api.lines(`/executions/${second.batchId}-0/logs`)).toMatchObject([
      { type: 'attempt' },
      { type: 'chunk' },
      { type: 'end' },
    ]);
    await ana.api.post(`/batches/${second.batchId}/cancel`);
    await clean();
    await clean();
    expect((await ana.api.get(`/batches/${first.batchId}`)).status).toBe(404);
  });

  test('more of them than one statement takes go in one sweep', async () => {
    for (let n = 0; n < 60; n += 1) await submitBatch(ana.api);
    await plane.database.query("update executions set state = 'cancelled'");
    expect(await clean()).toMatchObject({ batches: 60 });
  });

  test('whose upload was given up are cancelled, and may be submitted again', async () => {
    const submission = toSubmission({
      files: { 'main.py': 'given up' },
      submission: { rerun: 'reuse' },
    });
    const { body } = await ana.api.post('/batches', submission);
    await clean({ abandonedBefore: new Date(Date.now() - HOUR_MS), finishedBefore: NEVER });
    expect((await ana.api.get(`/batches/${body.batchId}`)).body.counts).toMatchObject({
      uploading: 1,
    });
    await clean({ finishedBefore: NEVER });
    const { body: ended } = await ana.api.get(`/executions/${body.batchId}-0`);
    expect(ended).toMatchObject({ state: 'cancelled', reason: 'its upload was never completed' });
    expect((await ana.api.post(`/batches/${body.batchId}/retry`)).body).toMatchObject({
      error: { code: 'conflict' },
    });
    const again = await ana.api.post('/batches', submission);
    expect(again.body).toMatchObject({
      batchId: body.batchId,
      isAttached: true,
      state: 'uploading',
      requeued: 1,
      missing: [sha256('given up')],
    });
    // The batch is as old as ever, the wish is not.
    await plane.database.query("update batches set created_at = now() - interval '2 days'");
    await clean({ abandonedBefore: new Date(Date.now() - HOUR_MS), finishedBefore: NEVER });
    expect(await worker.lease(1)).toEqual([]);
    await uploadBlob(ana.api, 'given up');
    expect((await ana.api.post(`/batches/${body.batchId}/start`)).body).toMatchObject({
      state: 'accepted',
    });
    expect(await worker.leaseOne()).toMatchObject({ executionId: `${body.batchId}-0-2` });
  });
});

test('uploads that nobody went on with are dropped, those under way are not', async () => {
  const [old, young] = [sha256('old part'), sha256('young part')];
  for (const name of [old, young])
    await ana.api.put(`/blobs/${name}?offset=0&size=${3 << 20}`, Buffer.alloc(2 << 20));
  const uploads = join(plane.blobFolder, 'uploads');
  await utimes(join(uploads, `${ana.id}-${old}.part`), new Date(0), new Date(0));
  await clean({ abandonedBefore: new Date(Date.now() - HOUR_MS), finishedBefore: NEVER });
  expect(await readdir(uploads)).toEqual([`${ana.id}-${young}.part`]);
  await clean({ finishedBefore: NEVER });
  expect(await readdir(uploads)).toEqual([]);
});

test('bytes that lost their row, or never had one, go', async () => {
  const name = sha256('of a process that died in between');
  await blobs.put(Buffer.from('of a process that died in between'));
  const refused = toSubmission({
    spec: { image: 'x', sandbox: 'process' },
    files: { 'main.py': 'refused' },
  });
  expect((await ana.api.post('/batches', refused)).status).toBe(400);
  expect(
    await clean({ unusedBefore: new Date(Date.now() - HOUR_MS) }),
    'they are too young',
  ).toMatchObject({ blobs: 0 });
  expect(await onlyBlobs()).toMatchObject({ blobs: 2 });
  expect(await blobs.sizeOf(name)).toBeUndefined();
});

test('under a database that knows of no blob nothing is deleted: it is the wrong one', async () => {
  await plane.database.query('delete from environments');
  await plane.database.query('delete from blobs');
  expect(await onlyBlobs()).toMatchObject({ blobs: 0 });
  expect(await blobs.sizeOf(sha256('always held'))).toBe(11);
});

test('a stray file among the uploads does not stop the sweep', async () => {
  await writeFile(join(plane.blobFolder, 'uploads', 'left.tmp'), 'x');
  await clean();
  expect(await readdir(join(plane.blobFolder, 'uploads'))).toEqual([]);
});
