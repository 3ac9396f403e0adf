import type { Logger } from '@nexus/kit/logger';

import type { Handler } from './handler.ts';

/** One line for every try: where to, how it ended, how long it took. No headers and no bodies. */
export function logRequests(
  next: Handler,
  { logger, now }: { logger: Logger; now: () => Date },
): Handler {
  return async (request) => {
    const startedAtMs = now().getTime();
    const log = (outcome: Record<string, unknown>) =>
      logger.debug(
        {
          method: request.method,
          path: request.path,
          ...outcome,
          durationMs: now().getTime() - startedAtMs,
        },
        'Hetzner request',
      );
    try {
      const reply = await next(request);
      log({ status: reply.status, remaining: reply.headers.get('ratelimit-remaining') });
      return reply;
    } catch (error) {
      log({ failure: error instanceof Error ? error.message : 'aborted' });
      throw error;
    }
  };
}
