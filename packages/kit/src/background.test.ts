import { expect, test } from 'vitest';

import { startLoop } from './background.ts';
import { silentLogger } from './logger.ts';

test('a loop goes on after a failure, and stopping waits for the step under way', async () => {
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
  let calls = 0;
  let finished = 0;
  const loop = startLoop({ name: 'test', intervalMs: 1, logger: silentLogger }, async (signal) => {
    calls += 1;
    if (calls === 1) throw new Error('the first step fails');
    if (calls < 3) return;
    reach();
    await new Promise<void>((resolve) =>
      signal.addEventListener('abort', () => resolve(), { once: true }),
    );
    finished += 1;
  });
  await reached;
  await loop.stop();
  expect([calls, finished]).toEqual([3, 1]);
  await loop.stop();
  expect(calls).toBe(3);
});

test('a loop in its pause stops at once', async () => {
  const { promise: done, resolve } = Promise.withResolvers<void>();
  const loop = startLoop({ name: 'test', intervalMs: 3_600_000, logger: silentLogger }, async () =>
    resolve(),
  );
  await done;
  await loop.stop();
});
