import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { SERVER_TOKEN_KIND, workerListSchema } from '@nexus/grid/contract';
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

/** A server as the daemon writes it into the books. */
async function addServer(state = 'intended', joinsFor = '10 minutes'): Promise<string> {
  const token = createToken(SERVER_TOKEN_KIND, 'srv1');
  await plane.database.query(
    `insert into servers (id, name, state, server_type, location, architecture, cpus, memory_bytes, slots,
       price_micros_per_hour, ipv4_micros_per_hour, join_secret_hash, join_until, reason, cloud_id, created_at)
     values ('srv1', 'rgrid-grid-srv1', $1, 'cx23', 'fsn1', 'x86', 2, 4e9, 2, 8800, 800, $2,
       now() + $3::interval, 'for a test', 42, now())`,
    [state, token.secretHash, joinsFor],
  );
  return token.text;
}

const join = (token: string, traits = {}) => FakeWorker.register(plane.url, token, traits);
const setState = (state: string) => plane.database.query('update servers set state = $1', [state]);

describe("a server's join token", () => {
  test('makes its worker a worker at the price of the server', async () => {
    const worker = await join(await addServer());
    const rows = await plane.database.query(
      'select server_id as "serverId", price_micros_per_hour as price from workers where id = $1',
      [worker.id],
    );
    expect(rows).toEqual([{ serverId: 'srv1', price: 8800 }]);
  });

  test('is good for once', async () => {
    const token = await addServer();
    await join(token);
    await expect(join(token)).rejects.toThrow(/was used/);
  });

  test('is good for once, also when two come at the same moment', async () => {
    const token = await addServer();
    const results = await Promise.allSettled([1, 2, 3, 4].map(() => join(token)));
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
  });

  test('lets a worker that starts again follow itself, and nobody else', async () => {
    const token = await addServer();
    const first = await join(token);
    const second = await join(token, { previousToken: first.token });
    expect(second.id).not.toBe(first.id);
    await expect(join(token, { previousToken: first.token })).rejects.toThrow(/was used/);
    const stranger = await plane.addWorker();
    await expect(join(token, { previousToken: stranger.token })).rejects.toThrow(/was used/);
  });

  test('used by a worker that starts again ends the leases of its earlier self at once', async () => {
    const token = await addServer();
    const first = await join(token);
    await submitBatch(ana.api);
    const leased = await first.leaseOne();
    const second = await join(token, { previousToken: first.token });
    expect(await second.leaseOne()).toMatchObject({ executionId: leased.executionId, epoch: 2 });
  });

  test.each([
    ['has expired', 'booting', '-1 seconds'],
    ['belongs to a server that is being deleted', 'deleting', '10 minutes'],
    ['belongs to a server that is gone', 'gone', '10 minutes'],
  ])('is refused once it %s', async (_why, state, joinsFor) => {
    const token = await addServer(state, joinsFor);
    await expect(join(token)).rejects.toThrow(/used or has expired/);
  });

  test('with another secret is refused', async () => {
    await addServer();
    const { text } = createToken(SERVER_TOKEN_KIND, 'srv1');
    await expect(join(text)).rejects.toThrow(/not valid/);
  });
});

describe('a worker on a server that drains', () => {
  test('gets nothing new, keeps what it has, and gets work again when the server is resumed', async () => {
    const worker = await join(await addServer('active'));
    await submitBatch(ana.api, { executions: 3 });
    const leased = await worker.leaseOne();
    await setState('draining');
    expect(await worker.lease(1)).toEqual([]);
    const beat = await worker.heartbeat([leased]);
    expect(beat.lost).toEqual([]);
    expect(beat.drain).toBe(false);
    await setState('active');
    expect(await worker.lease(1)).toHaveLength(1);
  });

  test('is shown as draining', async () => {
    await join(await addServer('active'));
    await setState('draining');
    const { body } = await ana.api.get('/workers');
    expect(body.workers).toMatchObject([{ state: 'draining' }]);
  });
});

test('a worker is listed with the server under it, and until when that is paid', async () => {
  await join(await addServer('active'), { name: 'rented' });
  await plane.addWorker({ name: 'always there' });
  await plane.database.query("update servers set created_at = '2026-11-20T10:20:00Z'");
  const list = async () =>
    workerListSchema.parse((await ana.api.get('/workers')).body).workers.map((w) => w.server);
  const place = { serverType: 'cx23', location: 'fsn1' };
  const [none, server] = await list();
  expect(none).toBeNull();
  expect(server).toMatchObject(place);
  expect(server?.paidUntil).toMatch(/:20:00\.000Z$/);
  expect(Date.parse(server?.paidUntil ?? '')).toBeGreaterThan(Date.now());
  await plane.database.query('update servers set created_at = null, cloud_id = null');
  expect(await list()).toEqual([null, { ...place, paidUntil: null }]);
});
