import { setTimeout as sleep } from 'node:timers/promises';

import type { StateCounts, Worker } from '@nexus/grid/contract';

/** What of a batch is under way, as the progress bar tells it. */
export interface Activity {
  running: number;
  saving: number;
}

/**
 * From what the platform says of the batch and of its workers. Workers lease short executions ahead, and one
 * that died holds its leases for a while: what runs is never more than the slots of those that are there.
 */
export function activityOf(counts: StateCounts | undefined, slots: number | undefined): Activity {
  if (!counts) return { running: 0, saving: 0 };
  const running = Math.min(counts.leased + counts.running, slots ?? Number.POSITIVE_INFINITY);
  return { running, saving: counts.publishing };
}

export interface SlotsWatch {
  listWorkers: () => Promise<Worker[]>;
  onSlots: (slots: number) => void;
  everyMs: number;
  signal: AbortSignal;
}

/** Asks now and then how many slots there are, until `signal` ends it. */
export async function watchSlots(watch: SlotsWatch): Promise<void> {
  while (!watch.signal.aborted) {
    // The stream of the batch tells of real trouble; an answer that cannot be had is none.
    const workers = await watch.listWorkers().catch(() => undefined);
    if (workers) watch.onSlots(workers.reduce((sum, worker) => sum + worker.slots, 0));
    await sleep(watch.everyMs, undefined, { signal: watch.signal, ref: false }).catch(
      () => undefined,
    );
  }
}
