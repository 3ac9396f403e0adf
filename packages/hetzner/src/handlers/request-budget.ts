/**
 * How many requests the project has left, as far as we know. The limit is per project and hour
 * (3600 unless Hetzner raised it) and refills bit by bit, so it is never waited for to be full.
 */
export interface RequestBudget {
  limitPerHour: number;
  /** At `at`, without those in flight. */
  remaining: number;
  at: Date;
  /** Sent, not answered. */
  inFlight: number;
  /** When the API said all of it will be there again; for people, decisions do without it. */
  fullAt: Date | null;
}

/** What is left is given out in this order: what bills must always be possible to end. */
export type Priority = 'delete' | 'create' | 'read';

/** What the `RateLimit-*` headers of a reply said. */
export interface RateLimitHeaders {
  limitPerHour: number;
  remaining: number;
  fullAt: Date | null;
}

/** Shares of the limit that a priority leaves to those above it: 108 and 216 of 3600 requests. */
const RESERVE: Readonly<Record<Priority, number>> = { delete: 0, create: 0.03, read: 0.06 };

const HOUR_MS = 3_600_000;

export function initialBudget(now: Date): RequestBudget {
  return { limitPerHour: 3600, remaining: 3600, at: now, inFlight: 0, fullAt: null };
}

/** When a request may be sent; `now` or earlier means at once. */
export function readyAt(budget: RequestBudget, priority: Priority, now: Date): Date {
  const { limitPerHour } = budget;
  const reserve = Math.min(Math.ceil(limitPerHour * RESERVE[priority]), limitPerHour - 1);
  const missing = reserve + 1 - remainingAt(budget, now);
  if (missing <= 0) return now;
  return new Date(now.getTime() + Math.ceil((missing * HOUR_MS) / limitPerHour));
}

export function afterSending(budget: RequestBudget, now: Date): RequestBudget {
  return {
    ...budget,
    remaining: remainingAt(budget, now) - 1,
    at: now,
    inFlight: budget.inFlight + 1,
  };
}

/** Null headers: no answer came, or it came from something that does not count requests. */
export function afterReply(
  budget: RequestBudget,
  headers: RateLimitHeaders | null,
  now: Date,
): RequestBudget {
  const inFlight = budget.inFlight - 1;
  if (headers === null) return { ...budget, inFlight };
  // Those in flight may not have been counted yet when this was said. Too low is mended by the
  // next reply; too high would spend what is kept for deletes.
  return { ...headers, remaining: headers.remaining - inFlight, at: now, inFlight };
}

function remainingAt(budget: RequestBudget, now: Date): number {
  const elapsedMs = Math.max(0, now.getTime() - budget.at.getTime());
  const refilled = (elapsedMs * budget.limitPerHour) / HOUR_MS;
  return Math.min(budget.limitPerHour, budget.remaining + refilled);
}
