import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { Lease, ReportItem } from '@nexus/grid/contract';
import { sha256 } from '@nexus/kit/hash';

import { expireLeases } from '../queue/expire-leases.ts';
import { finished, leaseQuery, refOf, type FakeWorker } from '../testing/fake-worker.ts';
import { submitBatch, toEntries } from '../testing/submissions.ts';
import {
  startTestControlPlane,
  type TestAccount,
  type TestControlPlane,
} from '../testing/test-control-plane.ts';

// Row 50: a worker that was written off, or that is somebody else, changes nothing.

let plane: TestControlPlane;
let ana: TestAccount;
/** Leased it first and went silent. */
let zombie: FakeWorker;
/** Holds it now, or held it last. */
let holder: FakeWorker;

beforeAll(async () => {
  plane = await startTestControlPlane();
  ana = await plane.createAccount();
  zombie = await plane.addWorker({ name: 'zombie' });
  holder = await plane.addWorker({ name: 'holder' });
});

afterAll(() => plane.stop());

beforeEach(() => plane.database.query('delete from batches'));

async function expire(): Promise<void> {
  await plane.database.query(
    "update executions set lease_until = now() - interval '1 second' where lease_until is not null",
  );
  await expireLeases(plane.database, { maxTimesLost: 2, isCertain: false });
}

async function snapshot(): Promise<unknown[]> {
  return Promise.all(
    [
      'select * from executions order by id',
      'select * from attempts order by 1, 2',
      'select * from log_chunks order by 1, 2, 3',
      'select * from batches',
      'select * from environments',
    ].map((sql) => plane.database.query(sql)),
  );
}

const KEY = sha256('an environment');

/** Everything a worker can say about an execution. */
async function sayEverything(worker: FakeWorker, lease: Lease): Promise<void> {
  const ref = refOf(lease);
  const items: ReportItem[] = [
    { ...ref, kind: 'running', sandbox: 'process', startedMsAgo: 0 },
    { ...ref, kind: 'publishing' },
    { ...ref, kind: 'released' },
    { ...ref, kind: 'worker_failed', reason: 'it broke' },
    finished(lease, { outputs: { entries: [] }, exitCode: 0 }),
    finished(lease, { outcome: 'failed', exitCode: 9 }),
    finished(lease, { outcome: 'cancelled' }),
  ];
  await worker.log(lease, [
    { sequence: 0, data: 'YQ==' },
    { sequence: 77, data: 'Yg==' },
  ]);
  for (const item of items) expect(await worker.report(item)).toBe('refused');
  const heartbeat = await worker.heartbeat([ref]);
  expect(heartbeat.lost).toEqual([ref]);
  const blob = Buffer.from('bytes of a zombie');
  expect((await worker.tryUpload(lease, blob)).status).toBe(409);
  expect((await worker.api.get(`/blobs/${sha256(blob)}?${leaseQuery(lease)}`)).body).toMatchObject({
    error: { code: 'lease_lost' },
  });
  expect((await worker.api.post(`/blobs/missing?${leaseQuery(lease)}`, { blobs: [] })).status).toBe(
    409,
  );
  expect((await worker.api.post(`/environments/${KEY}/claim`, ref)).status).toBe(409);
  const result = { state: 'ready', sha256: sha256(blob), sizeBytes: blob.length };
  expect((await worker.api.post(`/environments/${KEY}/publish`, { ...ref, result })).status).toBe(
    409,
  );
}

describe('a zombie', () => {
  let old: Lease;

  beforeEach(async () => {
    await submitBatch(ana.api, { files: { 'main.py': 'x' } });
    old = await zombie.leaseOne();
    await expire();
  });

  test('changes nothing while the execution waits for its next worker', async () => {
    const before = await snapshot();
    await sayEverything(zombie, old);
    expect(await snapshot()).toEqual(before);
  });

  test('changes nothing while another worker holds the execution', async () => {
    const lease = await holder.leaseOne();
    expect(lease).toMatchObject({ executionId: old.executionId, epoch: 2 });
    await holder.log(lease, [{ sequence: 0, data: 'Z29vZA==' }]);
    const before = await snapshot();
    await sayEverything(zombie, old);
    expect(await snapshot()).toEqual(before);
  });

  test('changes nothing of a published result', async () => {
    const lease = await holder.leaseOne();
    const made = await holder.upload(lease, Buffer.from('the true result'));
    const outputs = { entries: toEntries({ 'out.txt': 'the true result' }) };
    expect(
      await holder.finish(lease, {
        outputs,
        logs: { stdoutBytes: 4, stderrBytes: 0, droppedBytes: 0 },
      }),
    ).toBe('accepted');
    const before = await snapshot();
    await sayEverything(zombie, old);
    expect(await snapshot()).toEqual(before);
    const { body } = await ana.api.get(`/executions/${lease.executionId}/outputs`);
    expect(body.entries).toMatchObject([{ path: 'out.txt', sha256: made }]);
  });

  test('changes nothing under its old epoch, even when it holds the execution again under a new one', async () => {
    const lease = await zombie.leaseOne();
    expect(lease).toMatchObject({ executionId: old.executionId, epoch: 2 });
    const before = await snapshot();
    await sayEverything(zombie, old);
    expect(await snapshot()).toEqual(before);
    expect((await zombie.heartbeat([lease, old])).lost).toEqual([refOf(old)]);
  });

  test('changes nothing under an epoch that was never given out', async () => {
    await holder.leaseOne();
    const before = await snapshot();
    await sayEverything(zombie, { ...old, epoch: 3 });
    expect(await snapshot()).toEqual(before);
  });
});

test("another worker's token does not speak for a lease", async () => {
  await submitBatch(ana.api);
  const lease = await holder.leaseOne();
  await holder.log(lease, [{ sequence: 0, data: 'Z29vZA==' }]);
  const before = await snapshot();
  await sayEverything(zombie, lease);
  expect(await snapshot()).toEqual(before);
  expect(await holder.finish(lease)).toBe('accepted');
});

describe('an environment', () => {
  test('is published only by who builds it, and only with bytes that are here', async () => {
    await submitBatch(ana.api, { executions: 2 });
    const [builderLease, otherLease] = [await holder.leaseOne(), await zombie.leaseOne()];
    const claimBy = (worker: FakeWorker, lease: Lease) =>
      worker.api.post(`/environments/${KEY}/claim`, refOf(lease));
    expect((await claimBy(holder, builderLease)).body).toEqual({ state: 'build' });
    expect((await claimBy(zombie, otherLease)).body).toMatchObject({ state: 'wait' });
    const bytes = Buffer.from('installed packages');
    const result = { state: 'ready', sha256: sha256(bytes), sizeBytes: bytes.length };
    await holder.api.post(`/environments/${KEY}/publish`, { ...refOf(builderLease), result });
    expect(
      (await claimBy(zombie, otherLease)).body,
      'published before its bytes came',
    ).toMatchObject({ state: 'wait' });
    await holder.upload(builderLease, bytes);
    await zombie.api.post(`/environments/${KEY}/publish`, {
      ...refOf(otherLease),
      result: { ...result, state: 'failed', sha256: undefined, sizeBytes: undefined },
    });
    await zombie.api.post(`/environments/${KEY}/publish`, { ...refOf(otherLease), result });
    expect((await claimBy(zombie, otherLease)).body, 'published by another').toMatchObject({
      state: 'wait',
    });
    await holder.api.post(`/environments/${KEY}/publish`, { ...refOf(builderLease), result });
    expect((await claimBy(zombie, otherLease)).body).toEqual({
      state: 'ready',
      sha256: result.sha256,
      sizeBytes: bytes.length,
    });
  });

  test('whose builder failed or went away is built by the next', async () => {
    const key = sha256('another environment');
    await submitBatch(ana.api, { executions: 3 });
    const builder = await plane.addWorker({ name: 'builder' });
    const [first, second] = [await holder.leaseOne(), await builder.leaseOne()];
    const third = await zombie.leaseOne();
    const claimBy = (worker: FakeWorker, lease: Lease) =>
      worker.api.post(`/environments/${key}/claim`, refOf(lease));
    expect((await claimBy(holder, first)).body).toEqual({ state: 'build' });
    await holder.api.post(`/environments/${key}/publish`, {
      ...refOf(first),
      result: { state: 'failed' },
    });
    expect((await claimBy(builder, second)).body).toEqual({ state: 'build' });
    expect((await claimBy(zombie, third)).body).toMatchObject({ state: 'wait' });
    await builder.api.post('/leave');
    expect((await claimBy(zombie, third)).body).toEqual({ state: 'build' });
  });
});

test('a token of a worker that left is refused: it has to register again', async () => {
  const leaver = await plane.addWorker({ name: 'leaver' });
  expect((await leaver.api.post('/leave')).status).toBe(200);
  expect((await leaver.api.post('/heartbeat', { leases: [] })).body).toMatchObject({
    error: { code: 'unauthorized' },
  });
});

describe('a join token', () => {
  test('is good for one worker', async () => {
    const register = async (joinToken: string) => {
      const body = { ...zombie.traits, joinToken, name: 'again' };
      return fetch(`${plane.url}/api/v1/worker/register`, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      });
    };
    const token = await plane.createJoinToken();
    const answers = await Promise.all(Array.from({ length: 8 }, () => register(token)));
    expect(answers.map((answer) => answer.status).toSorted()).toEqual([
      200, 401, 401, 401, 401, 401, 401, 401,
    ]);
    expect((await register(`${token.slice(0, -2)}xx`)).status).toBe(401);
    expect((await register('join_abc_def')).status).toBe(401);
    const expiring = await plane.createJoinToken();
    await plane.database.query(
      "update join_tokens set expires_at = now() - interval '1 second' where used_at is null",
    );
    expect((await register(expiring)).status).toBe(401);
  });
});
