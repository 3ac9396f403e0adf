import { describe, expect, test } from 'vitest';

import { retry, retryDelayMs, type RetryPolicy } from './retry.ts';

const POLICY: RetryPolicy = { attempts: 4, firstDelayMs: 100, maxDelayMs: 1000 };

test.each([
  [1, 0, 100],
  [2, 0, 200],
  [3, 0, 400],
  [4, 0, 800],
  [5, 0, 1000],
  [1, 0.999_999, 75],
  [4, 0.5, 700],
  [60, 0, 1000],
  [5000, 0.5, 875],
])('before attempt %i + 1, at chance %f, it waits %i ms', (attempt, random, delayMs) => {
  expect(retryDelayMs(POLICY, attempt, random)).toBe(delayMs);
});

describe('an operation', () => {
  const quick = { attempts: 3, firstDelayMs: 1, maxDelayMs: 1 };

  /** Fails so often, then succeeds. */
  function failing(times: number) {
    let calls = 0;
    return {
      calls: () => calls,
      run: async () => {
        calls += 1;
        if (calls <= times) throw new Error(`failure ${calls}`);
        return 'done';
      },
    };
  }

  test.each([
    [0, 1],
    [2, 3],
  ])('that fails %i times is called %i times', async (times, calls) => {
    const operation = failing(times);
    const delays: number[] = [];
    expect(
      await retry(quick, operation.run, {
        isRetryable: () => true,
        onRetry: (_error, delayMs) => delays.push(delayMs),
      }),
    ).toBe('done');
    expect([operation.calls(), delays.length]).toEqual([calls, times]);
  });

  test('that goes on failing ends with its last failure', async () => {
    const operation = failing(9);
    await expect(retry(quick, operation.run, { isRetryable: () => true })).rejects.toThrow(
      'failure 3',
    );
    expect(operation.calls()).toBe(3);
  });

  test('that cannot succeed is not repeated', async () => {
    const operation = failing(9);
    await expect(retry(quick, operation.run, { isRetryable: () => false })).rejects.toThrow(
      'failure 1',
    );
    expect(operation.calls()).toBe(1);
  });

  test('ends at once when aborted, also in a long wait', async () => {
    const controller = new AbortController();
    const operation = failing(9);
    const hooks = {
      isRetryable: () => true,
      onRetry: () => controller.abort(new Error('stopped')),
      signal: controller.signal,
    };
    await expect(
      retry({ ...POLICY, firstDelayMs: 3_600_000, maxDelayMs: 3_600_000 }, operation.run, hooks),
    ).rejects.toThrow();
    expect(operation.calls()).toBe(1);
  });
});
