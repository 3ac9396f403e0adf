import { setTimeout as sleep } from 'node:timers/promises';

import { retryDelayMs, type RetryPolicy } from '@nexus/kit/retry';

import { ConnectionProblem, mayRetry } from './failures.ts';

/** 1, 2, 4, 8 and 16 seconds between six tries. */
export const REQUEST_RETRIES: RetryPolicy = { attempts: 6, firstDelayMs: 1000, maxDelayMs: 16_000 };

/** Where a platform that refuses connections is most likely not started: seven seconds are enough for a restart. */
export const LOCAL_RETRIES: RetryPolicy = { attempts: 4, firstDelayMs: 1000, maxDelayMs: 4000 };

/** Somebody waits for the answer to a question, and can ask again: two tries more within a second or two. */
export const READ_RETRIES: RetryPolicy = { attempts: 3, firstDelayMs: 400, maxDelayMs: 600 };

/** A platform may restart, a laptop may sleep: following goes on for ten minutes without an answer. */
export const FOLLOW_RETRIES: RetryPolicy = { attempts: 130, firstDelayMs: 250, maxDelayMs: 5000 };

export interface RetryOptions {
  policy: RetryPolicy;
  /** The request may reach the platform twice without harm. */
  isRepeatable: boolean;
  onRetry: (error: unknown, delayMs: number) => void;
  signal?: AbortSignal | undefined;
}

export async function retryRequest<T>(options: RetryOptions, send: () => Promise<T>): Promise<T> {
  let staleLeft = 16;
  for (let attempt = 1; ;) {
    try {
      return await send();
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!mayRetry(error, options.isRepeatable)) throw error;
      if (error instanceof ConnectionProblem && error.isStale && staleLeft > 0) {
        staleLeft -= 1;
        continue;
      }
      if (attempt >= options.policy.attempts) throw error;
      const delayMs = retryDelayMs(options.policy, attempt, Math.random());
      options.onRetry(error, delayMs);
      await sleep(delayMs, undefined, options.signal ? { signal: options.signal } : {});
      attempt += 1;
    }
  }
}
