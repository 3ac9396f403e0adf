import { setTimeout as sleep } from 'node:timers/promises';

export interface RetryPolicy {
  /** Attempts in all, the first included. */
  attempts: number;
  firstDelayMs: number;
  maxDelayMs: number;
}

export interface RetryHooks {
  isRetryable(error: unknown): boolean;
  onRetry?(error: unknown, delayMs: number): void;
  signal?: AbortSignal | undefined;
}

/** Doubling delays with up to 25 % taken off at random, so that many clients do not come back at once. */
export function retryDelayMs(policy: RetryPolicy, attempt: number, random: number): number {
  const full = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (attempt - 1));
  return Math.round(full * (1 - random / 4));
}

export async function retry<T>(
  policy: RetryPolicy,
  operation: () => Promise<T>,
  hooks: RetryHooks,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await operation();
    } catch (error) {
      hooks.signal?.throwIfAborted();
      if (attempt >= policy.attempts || !hooks.isRetryable(error)) throw error;
      const delayMs = retryDelayMs(policy, attempt, Math.random());
      hooks.onRetry?.(error, delayMs);
      await sleep(delayMs, undefined, hooks.signal ? { signal: hooks.signal } : {});
    }
  }
}
