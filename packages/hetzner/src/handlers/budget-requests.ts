import { HetznerBudgetError } from '../errors.ts';
import { operationOf, type ApiReply, type Handler } from './handler.ts';
import {
  afterReply,
  afterSending,
  initialBudget,
  readyAt,
  type RateLimitHeaders,
  type RequestBudget,
} from './request-budget.ts';

export interface BudgetedRequests {
  handle: Handler;
  budget: () => RequestBudget;
}

/** Refuses what the budget has no room for, and learns from every reply what is left. */
export function budgetRequests(next: Handler, now: () => Date): BudgetedRequests {
  let budget = initialBudget(now());

  const handle: Handler = async (request) => {
    const sentAt = now();
    const ready = readyAt(budget, request.priority, sentAt);
    if (ready > sentAt) throw new HetznerBudgetError(operationOf(request), ready);
    budget = afterSending(budget, sentAt);
    let reply: ApiReply | undefined;
    try {
      reply = await next(request);
    } finally {
      const headers = reply ? readHeaders(reply, budget.limitPerHour) : null;
      budget = afterReply(budget, headers, now());
    }
    if (reply.status !== 429) return reply;
    return { ...reply, retryAt: readyAt(budget, request.priority, now()) };
  };
  return { handle, budget: () => budget };
}

function readHeaders(reply: ApiReply, knownLimit: number): RateLimitHeaders | null {
  const limitPerHour = readInteger(reply.headers.get('ratelimit-limit'));
  const remaining = readInteger(reply.headers.get('ratelimit-remaining'));
  const resetSeconds = readInteger(reply.headers.get('ratelimit-reset'));
  const fullAt = resetSeconds === undefined ? null : new Date(resetSeconds * 1000);
  // A refusal says that nothing is left, even if no header does.
  if (reply.status === 429)
    return { limitPerHour: limitPerHour || knownLimit, remaining: 0, fullAt };
  if (!limitPerHour || remaining === undefined) return null;
  return { limitPerHour, remaining, fullAt };
}

function readInteger(text: string | null): number | undefined {
  return text !== null && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}
