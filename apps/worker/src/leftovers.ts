import { sha256 } from '@nexus/kit/hash';
import type { Logger } from '@nexus/kit/logger';
import { sweepCgroups, sweepContainers } from '@nexus/sandbox';

/** Whose containers are whose: the same for every process that works in this folder. */
export function containerOwner(workerFolder: string): string {
  return sha256(workerFolder).slice(0, 16);
}

/** Ends what a process of the worker in this folder left running when it was killed. */
export async function sweepLeftovers(workerFolder: string, logger: Logger): Promise<void> {
  const sweeps = [sweepCgroups(), sweepContainers(containerOwner(workerFolder))];
  for (const result of await Promise.allSettled(sweeps)) {
    if (result.status === 'rejected') logger.debug({ err: result.reason }, 'nothing to sweep');
  }
}
