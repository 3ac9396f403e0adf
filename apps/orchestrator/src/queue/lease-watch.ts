import { startLoop, type BackgroundLoop } from '@nexus/kit/background';
import type { Logger } from '@nexus/kit/logger';

import type { WorkerDeps } from '../workers/worker-deps.ts';
import { cancelOverdue } from './cancel-overdue.ts';
import { expireLeases } from './expire-leases.ts';

/**
 * Whether a worker's silence says anything about the worker. Not for one lease time after the control
 * plane has started, after its database was away, or after it slept itself (a closed laptop, a frozen
 * process): nobody could be heard then.
 */
export class Hearing {
  readonly #leaseMs: number;
  #trustFrom: number;
  #lastAt: number;

  constructor(leaseMs: number, now: number) {
    this.#leaseMs = leaseMs;
    this.#trustFrom = now + leaseMs;
    this.#lastAt = now;
  }

  /** To be asked several times in a lease time; what lies between is how sleep is noticed. */
  isReliable(now: number): boolean {
    // Half a lease of our sleep and the sixth between two heartbeats end no lease yet.
    if (now - this.#lastAt > this.#leaseMs / 2) this.interrupted(now);
    this.#lastAt = now;
    return now >= this.#trustFrom;
  }

  interrupted(now: number): void {
    this.#trustFrom = now + this.#leaseMs;
  }
}

/** Takes work back from workers that stopped answering, while their silence can be heard. */
export function startLeaseWatch(deps: WorkerDeps, logger: Logger): BackgroundLoop {
  const hearing = new Hearing(deps.leaseMs, Date.now());
  const intervalMs = Math.min(1000, deps.leaseMs / 4);
  return startLoop({ name: 'lease-watch', intervalMs, logger }, async () => {
    try {
      if (!hearing.isReliable(Date.now())) {
        await deps.database.query('select 1');
        return;
      }
      const batchIds = await expireLeases(deps.database, {
        maxTimesLost: deps.maxTimesLost,
        isCertain: false,
      });
      if (batchIds.length > 0) {
        logger.warn({ batches: batchIds.length }, 'leases expired');
        deps.signals.notify('queue', ...batchIds.map((id) => `batch:${id}` as const));
      }
      const overdue = await cancelOverdue(deps.database);
      deps.signals.notify(...overdue.map((id) => `batch:${id}` as const));
      await deps.registry.sweep(deps.leaseMs * 2);
    } catch (error) {
      hearing.interrupted(Date.now());
      throw error;
    }
  });
}
