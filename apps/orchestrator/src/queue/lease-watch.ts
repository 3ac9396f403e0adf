import { startLoop, type BackgroundLoop } from '@nexus/kit/background';
import type { Logger } from '@nexus/kit/logger';

import type { WorkerDeps } from '../workers/worker-deps.ts';
import { expireLeases } from './expire-leases.ts';

/**
 * Takes work back from workers that stopped answering. For one lease time after it starts, and after
 * any time in which the database was away, it takes nothing: workers could not be heard then, and
 * their silence says nothing about them.
 */
export function startLeaseWatch(deps: WorkerDeps, logger: Logger): BackgroundLoop {
  let trustFrom = Date.now() + deps.leaseMs;
  const intervalMs = Math.min(1000, deps.leaseMs / 4);
  return startLoop({ name: 'lease-watch', intervalMs, logger }, async () => {
    try {
      if (Date.now() < trustFrom) {
        await deps.database.query('select 1');
        return;
      }
      const batchIds = await expireLeases(deps.database, { maxTimesLost: deps.maxTimesLost, isCertain: false });
      if (batchIds.length > 0) {
        logger.warn({ batches: batchIds.length }, 'leases expired');
        deps.signals.notify('queue', ...batchIds.map((id) => `batch:${id}` as const));
      }
      await deps.registry.sweep(deps.leaseMs * 2);
    } catch (error) {
      trustFrom = Date.now() + deps.leaseMs;
      throw error;
    }
  });
}
