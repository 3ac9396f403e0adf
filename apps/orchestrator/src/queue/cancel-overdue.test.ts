import { afterAll, beforeAll, expect, test } from 'vitest';

import { submitBatch } from '../testing/submissions.ts';
import {
  startTestControlPlane,
  type TestAccount,
  type TestControlPlane,
} from '../testing/test-control-plane.ts';
import { cancelOverdue } from './cancel-overdue.ts';

let plane: TestControlPlane;
let ana: TestAccount;

beforeAll(async () => {
  plane = await startTestControlPlane();
  ana = await plane.createAccount();
});

afterAll(() => plane.stop());

const age = (seconds: number) =>
  plane.database.query(
    "update executions set queued_at = queued_at - $1 * interval '1 second' where state = 'queued'",
    [seconds],
  );

// Row 36.
test('what waits for too long is cancelled and says why; what runs and what would wait is left alone', async () => {
  const worker = await plane.addWorker();
  const impatient = await submitBatch(ana.api, {
    executions: 3,
    submission: { maxWaitSeconds: 60 },
  });
  const running = await worker.leaseOne();
  const patient = await submitBatch(ana.api, { executions: 1 });
  await age(59);
  expect(await cancelOverdue(plane.database)).toEqual([]);
  await age(2);
  expect(await cancelOverdue(plane.database)).toEqual([impatient.batchId]);
  const { body } = await ana.api.get('/executions');
  const stateOf = (id: string) =>
    body.executions.find((execution: { id: string }) => execution.id === id);
  const ids = [0, 1, 2].map((index) => `${impatient.batchId}-${index}`);
  for (const id of ids.filter((each) => each !== running.executionId)) {
    expect(stateOf(id)).toMatchObject({
      state: 'cancelled',
      reason: expect.stringContaining('--max-wait'),
    });
  }
  expect(stateOf(running.executionId)?.state ?? 'leased').toBe('leased');
  expect(stateOf(`${patient.batchId}-0`).state).toBe('queued');
  expect(await cancelOverdue(plane.database)).toEqual([]);
});
