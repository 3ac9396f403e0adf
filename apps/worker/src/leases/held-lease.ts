import type { Lease, LeasedBatch } from '@nexus/grid/contract';

/** An execution this worker holds the lease of. */
export interface HeldLease {
  lease: Lease;
  batch: LeasedBatch;
  cpus: number;
  memoryBytes: number;
  leasedAtMs: number;
  /** waiting: fetched ahead. running: in its sandbox. ending: its last report is on the way. */
  phase: 'waiting' | 'running' | 'ending';
  /** Aborted with the reason why it must stop. */
  controller: AbortController;
}

/** Why a lease is given up. */
export type StopReason = 'cancelled' | 'lost' | 'shutdown';

export function stop(held: HeldLease, reason: StopReason): void {
  if (!held.controller.signal.aborted) held.controller.abort(reason);
}
