import { test } from 'vitest';
import { openDatabase } from '@nexus/db';
import { submitBatch } from '/work/main/apps/orchestrator/src/testing/submissions.ts';
import { startTestControlPlane } from '/work/main/apps/orchestrator/src/testing/test-control-plane.ts';
import { claim } from '/work/main/apps/orchestrator/src/queue/claim.ts';
test('speed', async () => {
  const plane = await startTestControlPlane();
  const ana = await plane.createAccount();
  const workerId = (await plane.addWorker()).id;
  const db = openDatabase({ url: plane.databaseUrl, maxConnections: 40 });
  const take = (slots: number) => claim(db, { workerId, capacity: { slots, cpus: 1e6, memoryBytes: 1e15 }, total: { cpus: 1e6, memoryBytes: 1e15 }, offers: [], leaseMs: 30000 });
  for (const [par, slots] of [[1, 20], [1, 1], [40, 20], [100, 1]] as const) {
    await db.query('delete from batches');
    let t0 = performance.now();
    await submitBatch(ana.api, { executions: 10000 });
    console.log('submit', performance.now() - t0);
    t0 = performance.now();
    let n = 0, calls = 0;
    const target = slots === 1 ? 2000 : 10000;
    await Promise.all(Array.from({ length: par }, async () => { while (n < target) { const l = await take(slots); calls++; n += l.length; if (!l.length) console.log('empty'); } }));
    const ms = performance.now() - t0;
    console.log({ par, slots, n, calls, ms, perCall: ms / calls, perSec: n / ms * 1000 });
  }
  await db.close(); await plane.stop();
}, 120000);
