import type { Logger } from '@nexus/kit/logger';

import { HetznerError } from '../errors.ts';
import type { Timing } from '../timing.ts';
import { decideRetry } from './decide-retry.ts';
import { operationOf, type Handler } from './handler.ts';

/** Sends again what may succeed. Doubt about an early try stays with the failure of the last one. */
export function retryRequests(next: Handler, options: Timing & { logger: Logger }): Handler {
  const { now, sleep, random, logger } = options;
  return async (request) => {
    let mayHaveActed = false;
    for (let retries = 0; ; retries += 1) {
      try {
        return await next(request);
      } catch (error) {
        if (error instanceof HetznerError) {
          mayHaveActed ||= error.mayHaveActed;
          error.mayHaveActed = mayHaveActed;
        }
        const delayMs = decideRetry({ ...request, error, retries }, now(), random());
        if (delayMs === null) throw error;
        logger.info({ operation: operationOf(request), err: error, delayMs }, 'Hetzner retry');
        await sleep(delayMs, request.signal);
      }
    }
  };
}
