import { setTimeout as sleep } from 'node:timers/promises';

import { retryDelayMs, type RetryPolicy } from '@nexus/kit/retry';

import { mayRetry } from './failures.ts';

/** Shorter gaps are nobody's business. */
const QUIET_ATTEMPTS = 3;

export interface ReconnectHooks {
  policy: RetryPolicy;
  signal: AbortSignal;
  say: (text: string) => Promise<void>;
}

/**
 * Goes on with a stream of events wherever it was cut. `open` starts one connection from what has
 * been seen so far; the stream is complete once `isLast` says so of an event.
 */
export async function* reconnecting<T>(
  open: (signal: AbortSignal) => AsyncIterable<T>,
  isLast: (event: T) => boolean,
  hooks: ReconnectHooks,
): AsyncGenerator<T> {
  const { policy } = hooks;
  let failures = 0;
  for (;;) {
    try {
      for await (const event of open(hooks.signal)) {
        if (failures > QUIET_ATTEMPTS) await hooks.say('connected again');
        failures = 0;
        yield event;
        if (isLast(event)) return;
      }
      // Ended without its last event: the platform was stopped in good order.
    } catch (error) {
      hooks.signal.throwIfAborted();
      if (!mayRetry(error, true)) throw error;
      if (failures >= policy.attempts) throw error;
    }
    failures += 1;
    if (failures === QUIET_ATTEMPTS + 1)
      await hooks.say('the platform does not answer; the run goes on there, trying again');
    await sleep(retryDelayMs(policy, failures, Math.random()), undefined, { signal: hooks.signal });
  }
}
