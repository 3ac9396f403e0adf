import type { Capacity } from '@nexus/grid/contract';

export interface RoomSnapshot {
  total: Capacity;
  /** Executions held: running, and leased but not started yet. */
  held: readonly { cpus: number; memoryBytes: number }[];
  /** Asked for in calls whose answer is still out. */
  promised: Capacity | undefined;
  /** Median run time of the latest executions; null before the first. */
  medianMs: number | null;
}

/** Work that is fetched ahead should be started within this time. */
const AHEAD_MS = 100;
const MAX_AHEAD = 32;

/**
 * How much more to lease. Executions so short that asking for the next one takes a good part of their
 * time are fetched ahead; longer ones never are, another worker may be free for them.
 */
export function roomForMore({ total, held, promised, medianMs }: RoomSnapshot): Capacity {
  const ahead = leadFor(total.slots, medianMs);
  const slots = total.slots + ahead - held.length - (promised?.slots ?? 0);
  if (slots <= 0) return { slots: 0, cpus: 0, memoryBytes: 0 };
  // What is fetched ahead starts when something else has ended, so it may count on that one's share.
  const share = (total.slots + ahead) / total.slots;
  const cpus =
    total.cpus * share - sum(held, (execution) => execution.cpus) - (promised?.cpus ?? 0);
  const memoryBytes =
    total.memoryBytes * share -
    sum(held, (execution) => execution.memoryBytes) -
    (promised?.memoryBytes ?? 0);
  return { slots, cpus: Math.max(0, cpus), memoryBytes: Math.max(0, Math.floor(memoryBytes)) };
}

export function leadFor(slots: number, medianMs: number | null): number {
  if (medianMs === null) return 0;
  return Math.min(MAX_AHEAD, Math.floor((slots * AHEAD_MS) / Math.max(1, medianMs)));
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
