import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import {
  startTestControlPlane,
  type TestAccount,
  type TestControlPlane,
} from '../testing/test-control-plane.ts';
import { submitBatch } from '../testing/submissions.ts';
import { Hearing } from './lease-watch.ts';

describe('silence says nothing about a worker', () => {
  test('for one lease time after the start', () => {
    const hearing = new Hearing(30_000, 0);
    expect(
      [0, 10_000, 20_000, 29_999, 30_000, 31_000].map((now) => hearing.isReliable(now)),
    ).toEqual([false, false, false, false, true, true]);
  });

  test('for one lease time after the database was away', () => {
    const hearing = new Hearing(30_000, 0);
    for (let now = 0; now <= 40_000; now += 1000) hearing.isReliable(now);
    hearing.interrupted(40_500);
    expect([41_000, 50_000, 60_000, 70_499, 70_500].map((now) => hearing.isReliable(now))).toEqual([
      false,
      false,
      false,
      false,
      true,
    ]);
  });

  test('for one lease time after a sleep of our own', () => {
    const hearing = new Hearing(30_000, 0);
    for (let now = 0; now <= 40_000; now += 1000) hearing.isReliable(now);
    const woke = 40_000 + 3_600_000;
    expect(
      [0, 10_000, 20_000, 29_999, 30_000].map((after) => hearing.isReliable(woke + after)),
    ).toEqual([false, false, false, false, true]);
  });

  test('unless the gap was short', () => {
    const hearing = new Hearing(30_000, 0);
    for (let now = 0; now <= 40_000; now += 1000) hearing.isReliable(now);
    expect(hearing.isReliable(54_000)).toBe(true);
  });
});

// Row 7.
describe('of a running control plane', () => {
  let plane: TestControlPlane;
  let ana: TestAccount;

  beforeAll(async () => {
    plane = await startTestControlPlane({ LEASE_SECONDS: '1.2' });
    ana = await plane.createAccount();
  });

  afterAll(() => plane.stop());

  test('work of a worker that went silent goes to the next by itself, within the lease and a tick', async () => {
    const silent = await plane.addWorker({ name: 'silent' });
    const { batchId } = await submitBatch(ana.api);
    await silent.leaseOne();
    const next = await plane.addWorker({ name: 'next' });
    const { leases } = await next.exchange({
      capacity: { slots: 1, cpus: 4, memoryBytes: 2 ** 33 },
      waitMs: 20_000,
    });
    expect(leases).toMatchObject([{ executionId: `${batchId}-0`, epoch: 2 }]);
    expect((await ana.api.get(`/executions/${batchId}-0`)).body).toMatchObject({
      state: 'leased',
      workerName: 'next',
      timesLost: 1,
    });
  });

  test('a worker that went silent is gone from the list, and has to register again', async () => {
    const silent = await plane.addWorker({ name: 'soon gone' });
    const names = async () =>
      (await ana.api.get('/workers')).body.workers.map((worker: { name: string }) => worker.name);
    expect(await names()).toContain('soon gone');
    await plane.database.query(
      "update workers set heartbeat_at = now() - interval '1 hour' where id = $1",
      [silent.id],
    );
    await expect.poll(names, { timeout: 20_000 }).not.toContain('soon gone');
    await expect
      .poll(async () => (await silent.api.post('/heartbeat', { leases: [] })).status, {
        timeout: 20_000,
      })
      .toBe(401);
  });
});
