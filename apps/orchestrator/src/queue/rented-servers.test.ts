import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { SERVER_TOKEN_KIND } from '@nexus/grid/contract';
import { createToken } from '@nexus/kit/tokens';

import { FakeWorker } from '../testing/fake-worker.ts';
import { submitBatch } from '../testing/submissions.ts';
import {
  startTestControlPlane,
  type TestAccount,
  type TestControlPlane,
} from '../testing/test-control-plane.ts';

let plane: TestControlPlane;
let ana: TestAccount;

beforeAll(async () => {
  plane = await startTestControlPlane();
  ana = await plane.createAccount();
});

beforeEach(async () => {
  await plane.database.query('delete from batches');
  await plane.database.query('delete from workers');
  await plane.database.query('delete from servers');
});

afterAll(() => plane.stop());

/** A worker on a server that was made so many minutes ago. */
async function rent(id: string, ageMinutes: number): Promise<FakeWorker> {
  const token = createToken(SERVER_TOKEN_KIND, id);
  await plane.database.query(
    `insert into servers (id, name, state, server_type, location, architecture, cpus, memory_bytes, slots,
       price_micros_per_hour, ipv4_micros_per_hour, join_secret_hash, join_until, reason, cloud_id, created_at)
     values ($1, $1, 'active', 'cx23', 'fsn1', 'x86', 2, 4e9, 2, 8800, 800, $2, now() + interval '1 hour',
       'for a test', $3, now() - $4 * interval '1 minute')`,
    [id, token.secretHash, id.charCodeAt(0), ageMinutes],
  );
  return FakeWorker.register(plane.url, token.text);
}

/** The batch is known to run for so long: one of it has. */
async function submitKnown(minutes: number): Promise<void> {
  const { batchId } = await submitBatch(ana.api, { executions: 3 });
  await plane.database.query(
    'update executions set wall_ms = $2 where batch_id = $1 and index = 0',
    [batchId, minutes * 60_000],
  );
}

// Row 43.
test('what outlives the paid hour of one server goes to the one that is paid for longer', async () => {
  const ending = await rent('a', 50);
  const fresh = await rent('b', 5);
  await submitKnown(20);
  expect(await ending.lease(1)).toEqual([]);
  expect(await fresh.lease(1)).toHaveLength(1);
});

test('what fits into the paid hour goes to whoever asks', async () => {
  const ending = await rent('a', 50);
  await rent('b', 5);
  await submitKnown(5);
  expect(await ending.lease(1)).toHaveLength(1);
});

test('without room elsewhere, or after some seconds, the ending hour does as well', async () => {
  const ending = await rent('a', 50);
  const fresh = await rent('b', 5);
  await submitKnown(20);
  await fresh.lease(1);
  await plane.database.query('update workers set slots = 1 where id = $1', [fresh.id]);
  expect(await ending.lease(1)).toHaveLength(1);

  await plane.database.query('update workers set slots = 4 where id = $1', [fresh.id]);
  expect(await ending.lease(1)).toEqual([]);
  await plane.database.query("update executions set queued_at = queued_at - interval '6 seconds'");
  expect(await ending.lease(1)).toHaveLength(1);
});

// Row 57.
test('what a server has failed for reasons of its own goes to another one first', async () => {
  const bad = await rent('a', 5);
  const good = await rent('b', 5);
  await submitBatch(ana.api);
  const lease = await bad.leaseOne();
  await bad.report({ ...refOf(lease), kind: 'worker_failed', reason: 'no disk' });
  expect(await bad.lease(1)).toEqual([]);
  expect(await good.lease(1)).toHaveLength(1);
});

test('and comes back to it when no other takes it', async () => {
  const bad = await rent('a', 5);
  await submitBatch(ana.api);
  const lease = await bad.leaseOne();
  await bad.report({ ...refOf(lease), kind: 'worker_failed', reason: 'no disk' });
  await plane.database.query("update attempts set ended_at = ended_at - interval '21 seconds'");
  expect(await bad.lease(1)).toHaveLength(1);
});

function refOf({ executionId, epoch }: { executionId: string; epoch: number }) {
  return { executionId, epoch };
}
