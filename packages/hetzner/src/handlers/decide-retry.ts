import { HetznerApiError, HetznerConnectionError, hasCode } from '../errors.ts';
import type { Method } from './handler.ts';

/** As Hetzner's own Go client does it: five retries after the first try. */
const MAX_RETRIES = 5;
const FIRST_DELAY_MS = 1000;
const MAX_DELAY_MS = 60_000;

export interface FailedTry {
  error: unknown;
  method: Method;
  /** May be sent again when it is unknown whether this try acted. */
  isRepeatable: boolean;
  /** Retries before this failure. */
  retries: number;
  deadline: Date | undefined;
}

/** How long to wait before the next try, or null: there is none. `random` is in [0, 1). */
export function decideRetry(failed: FailedTry, now: Date, random: number): number | null {
  if (failed.retries >= MAX_RETRIES || !isRetryable(failed)) return null;
  const delayMs = Math.max(backoffMs(failed.retries, random), waitForRoomMs(failed.error, now));
  // Whoever would wait longer than any backoff is better off doing something else meanwhile.
  if (delayMs > MAX_DELAY_MS) return null;
  if (failed.deadline && now.getTime() + delayMs >= failed.deadline.getTime()) return null;
  return delayMs;
}

/** Doubling, and anywhere between the first delay and that: many clients do not come back at once. */
function backoffMs(retries: number, random: number): number {
  const full = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** retries);
  return Math.round(FIRST_DELAY_MS + (full - FIRST_DELAY_MS) * random);
}

function waitForRoomMs(error: unknown, now: Date): number {
  const retryAt = error instanceof HetznerApiError ? error.retryAt : null;
  return retryAt === null ? 0 : retryAt.getTime() - now.getTime();
}

/**
 * `locked`, 500, 503 and `resource_unavailable` are not here, as in Hetzner's client: they last
 * longer than a backoff, and the caller knows better what to do instead.
 */
function isRetryable({ error, method, isRepeatable }: FailedTry): boolean {
  if (error instanceof HetznerApiError) {
    if (error.mayHaveActed && !isRepeatable) return false;
    if (error.code === null) return error.status === 502 || error.status === 504;
    return hasCode(error, 'conflict', 'rate_limit_exceeded', 'bad_gateway', 'timeout');
  }
  if (error instanceof HetznerConnectionError) {
    if (error.mayHaveActed && !isRepeatable) return false;
    if (error.reason === 'timeout') return true;
    // Go repeats these by itself, below its Hetzner client, where a kept-alive connection was
    // closed by the other side at the moment of its use. Node does not.
    return error.reason === 'lost' && method !== 'POST';
  }
  return false;
}
