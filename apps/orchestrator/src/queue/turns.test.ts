import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { parseConfig } from '@nexus/kit/config';
import { silentLogger } from '@nexus/kit/logger';
import { sha256 } from '@nexus/kit/hash';

import { createApp, type App } from '../app.ts';
import { configSchema } from '../config.ts';
import { FakeWorker, finished, refOf } from '../testing/fake-worker.ts';
import { readEvents, submitBatch, toEntries, uploadBlob } from '../testing/submissions.ts';
import {
  startTestControlPlane,
  TEST_ENCRYPTION_KEY,
  type TestAccount,
  type TestControlPlane,
} from '../testing/test-control-plane.ts';

// Calls of several workers are taken in one transaction: none of them may notice the others.

let plane: TestControlPlane;
/** A second control plane on the same database. */
let replica: App;
let ana: TestAccount;
let crew: FakeWorker[];

beforeAll(async () => {
  plane = await startTestControlPlane();
  ana = await plane.createAccount();
  const given = {
    DATABASE_URL: plane.databaseUrl,
    BLOB_FOLDER: join(plane.blobFolder),
    ENCRYPTION_KEY: TEST_ENCRYPTION_KEY,
  };
  replica = await createApp(parseConfig(configSchema, given), { logger: silentLogger });
  const replicaUrl = await replica.listen({ host: '127.0.0.1', port: 0 });
  crew = await Promise.all(
    Array.from({ length: 6 }, async (_, n) =>
      n % 2 === 0
        ? plane.addWorker({ name: `worker ${n}` })
        : FakeWorker.register(replicaUrl, await plane.createJoinToken(), { name: `worker ${n}` }),
    ),
  );
});

afterAll(async () => {
  await replica.close();
  await plane.stop();
});

beforeEach(() => plane.database.query('delete from batches'));

const ROOM = { slots: 3, cpus: 64, memoryBytes: 2 ** 40 };

test('one call that fails does not fail those it shared a transaction with', async () => {
  await submitBatch(ana.api, { executions: 12 });
  const held = await Promise.all(crew.map((worker) => worker.lease(2)));
  const answers = await Promise.all(
    crew.map((worker, n) => {
      const items = (held[n] ?? []).map((lease) =>
        finished(lease, n === 2 ? { reason: 'cannot be stored: \0' } : {}),
      );
      return worker.api.post('/exchange', { items });
    }),
  );
  expect(answers.map((answer) => answer.status)).toEqual([200, 200, 400, 200, 200, 200]);
  const states = await plane.database.query(
    'select state, count(*) from executions group by 1 order by 1',
  );
  expect(states).toEqual([
    { state: 'leased', count: 2 },
    { state: 'succeeded', count: 10 },
  ]);
});

test('workers of two control planes report and lease at once: nothing is done twice, --parallel holds', async () => {
  const content = 'the same output';
  await uploadBlob(ana.api, content);
  const outputs = { entries: toEntries({ [`${sha256(content)}.txt`]: content }) };
  const ids = await Promise.all(
    [4, 7, 1000].map(
      async (parallel) =>
        (await submitBatch(ana.api, { executions: 60, submission: { parallel } })).batchId,
    ),
  );
  let isOver = false;
  let tooMany = 0;
  const watching = (async () => {
    while (!isOver)
      tooMany += (await plane.database.query('select 1 from batches where active > parallel'))
        .length;
  })();
  const ran: string[] = [];
  const working = crew.map(async (worker) => {
    let leases = await worker.lease(3);
    while (!isOver) {
      ran.push(...leases.map((lease) => lease.executionId));
      const items = leases.flatMap((lease) => [
        { ...refOf(lease), kind: 'running' as const, sandbox: 'process' },
        finished(lease, { outputs }),
      ]);
      const reply = await worker.exchange({
        items,
        capacity: ROOM,
        waitMs: items.length === 0 ? 20 : 0,
      });
      expect(reply.results).toEqual(items.map(() => 'accepted'));
      leases = reply.leases;
    }
  });
  await Promise.all(ids.map((id) => readEvents(ana.api, id, 'follow=true')));
  isOver = true;
  await Promise.all([...working, watching]);
  expect(ran).toHaveLength(180);
  expect(new Set(ran).size).toBe(180);
  expect(tooMany).toBe(0);
  expect(await plane.database.query('select outcome, count(*) from attempts group by 1')).toEqual([
    { outcome: 'succeeded', count: 180 },
  ]);
});

test('a batch cancelled at one control plane reaches the worker at the other', async () => {
  const { batchId } = await submitBatch(ana.api);
  const there = crew[1];
  const lease = await there?.leaseOne();
  const hearing = there?.exchange({ waitMs: 60_000 });
  await ana.api.post(`/batches/${batchId}/cancel`);
  expect((await hearing)?.cancel).toEqual(lease ? [refOf(lease)] : []);
});
