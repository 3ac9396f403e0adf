import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { FakeWorker } from '../testing/fake-worker.ts';
import { submitBatch, toSubmission } from '../testing/submissions.ts';
import {
  startTestControlPlane,
  TEST_ENCRYPTION_KEY,
  type TestAccount,
  type TestControlPlane,
} from '../testing/test-control-plane.ts';

// Row 18: what `--env` carries comes out again in one place only, the worker that holds a lease.

let plane: TestControlPlane;
let ana: TestAccount;
let worker: FakeWorker;

const SECRET = 'sk-live-4f9c2ab1e07d';
const submission = { env: { API_TOKEN: SECRET, MODE: 'fast' }, masked: ['API_TOKEN'] };

beforeAll(async () => {
  plane = await startTestControlPlane();
  ana = await plane.createAccount();
  worker = await plane.addWorker();
});

afterAll(() => plane.stop());

async function dumpDatabase(): Promise<string> {
  const tables = await plane.database.query<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'public'",
  );
  const dumps = await Promise.all(
    tables.map(({ name }) =>
      plane.database.query<{ row: string }>(`select t::text as row from ${name} t`),
    ),
  );
  return dumps
    .flat()
    .map(({ row }) => row)
    .join('\n');
}

async function dumpBlobs(): Promise<string> {
  const files = await readdir(plane.blobFolder, { recursive: true, withFileTypes: true });
  const texts = await Promise.all(
    files
      .filter((file) => file.isFile())
      .map((file) => readFile(join(file.parentPath, file.name), 'latin1')),
  );
  return texts.join('\n');
}

test('the value of a variable is in no table, no blob, no answer and no line of the log', async () => {
  const { batchId } = await submitBatch(ana.api, { executions: 2, submission });
  const { leases, batches } = await worker.exchange({
    capacity: { slots: 1, cpus: 9, memoryBytes: 2 ** 40 },
  });
  expect(batches[0]).toMatchObject({ env: submission.env, masked: ['API_TOKEN'] });
  for (const lease of leases) await worker.finish(lease, { outcome: 'failed' });
  const failing = [
    { env: { API_TOKEN: `${SECRET}\0` } },
    { env: { 'WRONG NAME': SECRET } },
    { env: { API_TOKEN: [SECRET] } },
    { env: SECRET },
    { env: { API_TOKEN: SECRET }, metadata: { a: 'x\0' } },
  ];
  const answers = await Promise.all(
    failing.map((changes) => ana.api.post('/batches', { ...toSubmission(), ...changes })),
  );
  expect(answers.map((answer) => answer.status)).toEqual(failing.map(() => 400));
  const paths = [
    `/batches/${batchId}`,
    `/batches/${batchId}/executions`,
    `/executions/${batchId}-0`,
    '/executions',
    '/cost',
    '/workers',
  ];
  for (const path of paths) answers.push(await ana.api.get(path));
  for (const path of [`/batches/${batchId}/events`, `/executions/${batchId}-0/logs`])
    answers.push({ status: 200, body: await ana.api.lines(path) });
  const inClear = [
    SECRET,
    Buffer.from(SECRET).toString('base64').slice(0, -4),
    Buffer.from(SECRET).toString('hex'),
  ];
  const places = {
    answers: JSON.stringify(answers),
    database: await dumpDatabase(),
    blobs: await dumpBlobs(),
    log: await plane.readLog(),
  };
  for (const [place, text] of Object.entries(places)) {
    for (const form of inClear)
      expect(text.includes(form), `${place} has it as ${form}`).toBe(false);
  }
  // The dump would have shown it: it shows what is not secret.
  expect(places.database).toContain('API_TOKEN');
  expect(places.database).toContain(batchId);
});

test('a failure inside does not log keys, tokens or bodies', async () => {
  await plane.database.query('alter table batches rename to hidden');
  try {
    const { status, body } = await ana.api.post('/batches', { ...toSubmission(), ...submission });
    expect(status).toBe(500);
    expect(body.error).toEqual({
      code: 'internal',
      retryable: true,
      message: 'something went wrong on our side',
      errorId: expect.any(String),
    });
    await worker.api.post('/exchange', { capacity: { slots: 1, cpus: 1, memoryBytes: 1 } });
    const log = await plane.readLog();
    expect(log).toContain(body.error.errorId);
    expect(log).toContain('relation');
    for (const text of [SECRET, ana.key, worker.token, TEST_ENCRYPTION_KEY])
      expect(log).not.toContain(text);
  } finally {
    await plane.database.query('alter table hidden rename to batches');
  }
});

test('under another ENCRYPTION_KEY the execution fails and says why; work without variables goes on', async () => {
  await plane.database.query('delete from batches');
  const sealed = await submitBatch(ana.api, {
    executions: 2,
    submission: { ...submission, priority: 5 },
  });
  const plain = await submitBatch(ana.api);
  await plane.restart({ ENCRYPTION_KEY: 'quite another key that is only good for tests' });
  [ana, worker] = [await plane.createAccount('ana', 'after-restart'), await plane.addWorker()];
  const leases = await worker.lease(5);
  expect(leases.map((lease) => lease.batchId)).toEqual([plain.batchId]);
  const { body } = await ana.api.get(`/batches/${sealed.batchId}/executions`);
  expect(body.executions).toMatchObject(
    [1, 2].map(() => ({
      state: 'failed',
      reason: expect.stringMatching(/--env values cannot be opened.*ENCRYPTION_KEY/),
    })),
  );
});

test('after a rotation the older key still opens what it sealed', async () => {
  await plane.database.query('delete from batches');
  await plane.restart({});
  ana = await plane.createAccount('ana', 'before-rotation');
  await submitBatch(ana.api, { submission });
  await plane.restart({
    ENCRYPTION_KEY: 'a newer key that is only good for tests, too',
    INTERNAL_SECRET_KEY: TEST_ENCRYPTION_KEY,
  });
  [ana, worker] = [await plane.createAccount('ana', 'after-rotation'), await plane.addWorker()];
  await submitBatch(ana.api, { submission });
  const { batches } = await worker.exchange({
    capacity: { slots: 5, cpus: 9, memoryBytes: 2 ** 40 },
  });
  expect(batches.map((batch) => batch.env)).toEqual([submission.env, submission.env]);
});

test('an envelope that was moved to another batch does not open', async () => {
  await plane.database.query('delete from batches');
  const { batchId } = await submitBatch(ana.api, { submission });
  const other = await submitBatch(ana.api, { submission: { env: { A: 'b' } } });
  await plane.database.query(
    'update batches set env_sealed = (select env_sealed from batches where id = $1) where id = $2',
    [batchId, other.batchId],
  );
  await worker.lease(5);
  expect((await ana.api.get(`/executions/${other.batchId}-0`)).body).toMatchObject({
    state: 'failed',
  });
  expect((await ana.api.get(`/executions/${batchId}-0`)).body).toMatchObject({ state: 'leased' });
});
