import type { Capacity, ExchangeReply, LeasedBatch, LeaseRef } from '@nexus/grid/contract';

import { stop, type HeldLease, type StopReason } from './held-lease.ts';
import { roomForMore } from './room.ts';

const KEPT_DURATIONS = 32;
const KEPT_BATCHES = 100;

/** Everything this worker holds, and what it may still ask for. */
export class LeaseBook {
  readonly total: Capacity;
  readonly #held = new Map<string, HeldLease>();
  readonly #batches = new Map<string, LeasedBatch>();
  #promised: Capacity[] = [];
  #durationsMs: number[] = [];
  #isOpen = true;

  constructor(total: Capacity) {
    this.total = total;
  }

  get held(): HeldLease[] {
    return [...this.#held.values()];
  }

  get refs(): LeaseRef[] {
    return this.held.map(({ lease }) => ({ executionId: lease.executionId, epoch: lease.epoch }));
  }

  get knownBatches(): string[] {
    return [...this.#batches.keys()];
  }

  /** Stops asking for work. */
  close(): void {
    this.#isOpen = false;
  }

  /** What to ask for in a call; it counts as taken until `settle`. */
  reserve(): Capacity | undefined {
    const room = this.#room();
    if (room.slots === 0) return undefined;
    this.#promised.push(room);
    return room;
  }

  get hasRoom(): boolean {
    return this.#room().slots > 0;
  }

  /** The call is over, whether or not it brought anything. */
  settle(reserved: Capacity | undefined): void {
    this.#promised = this.#promised.filter((capacity) => capacity !== reserved);
  }

  /** Takes new leases in; returns them. */
  take(reply: ExchangeReply, now: number): HeldLease[] {
    for (const batch of reply.batches) this.#remember(batch);
    return reply.leases.flatMap((lease) => {
      const batch = this.#batches.get(lease.batchId);
      if (!batch) return [];
      const { cpus, memoryBytes } = batch.spec.limits;
      const controller = new AbortController();
      const held: HeldLease = {
        lease,
        batch,
        cpus,
        memoryBytes,
        leasedAtMs: now,
        phase: 'waiting',
        controller,
      };
      this.#held.set(lease.executionId, held);
      return [held];
    });
  }

  release(held: HeldLease): void {
    // A newer lease of the same execution may be held by now; that one stays.
    if (this.#held.get(held.lease.executionId) === held) this.#held.delete(held.lease.executionId);
  }

  stop(refs: readonly LeaseRef[], reason: StopReason): void {
    for (const { executionId, epoch } of refs) {
      const held = this.#held.get(executionId);
      if (held?.lease.epoch === epoch) stop(held, reason);
    }
  }

  noteDuration(durationMs: number): void {
    this.#durationsMs = [...this.#durationsMs.slice(1 - KEPT_DURATIONS), durationMs];
  }

  /** Waiting leases that may start now, in the order they came. */
  startable(): HeldLease[] {
    const running = this.held.filter((held) => held.phase === 'running');
    const free = {
      slots: this.total.slots - running.length,
      cpus: this.total.cpus - running.reduce((sum, held) => sum + held.cpus, 0),
      memoryBytes:
        this.total.memoryBytes - running.reduce((sum, held) => sum + held.memoryBytes, 0),
    };
    const startable: HeldLease[] = [];
    for (const held of this.held.filter((candidate) => candidate.phase === 'waiting')) {
      if (free.slots < 1 || held.cpus > free.cpus || held.memoryBytes > free.memoryBytes) break;
      free.slots -= 1;
      free.cpus -= held.cpus;
      free.memoryBytes -= held.memoryBytes;
      startable.push(held);
    }
    return startable;
  }

  #room(): Capacity {
    if (!this.#isOpen) return { slots: 0, cpus: 0, memoryBytes: 0 };
    return roomForMore({
      total: this.total,
      // What is only being reported frees its place: the next one may come with the answer.
      held: this.held.filter((held) => held.phase !== 'ending'),
      promised: this.#promisedInAll(),
      medianMs: this.#medianMs(),
    });
  }

  #promisedInAll(): Capacity {
    return this.#promised.reduce(
      (sum, one) => ({
        slots: sum.slots + one.slots,
        cpus: sum.cpus + one.cpus,
        memoryBytes: sum.memoryBytes + one.memoryBytes,
      }),
      { slots: 0, cpus: 0, memoryBytes: 0 },
    );
  }

  #medianMs(): number | null {
    const sorted = this.#durationsMs.toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? null;
  }

  #remember(batch: LeasedBatch): void {
    this.#batches.set(batch.id, batch);
    const inUse = new Set(this.held.map((held) => held.batch.id));
    for (const id of this.#batches.keys()) {
      if (this.#batches.size <= KEPT_BATCHES) return;
      if (!inUse.has(id) && id !== batch.id) this.#batches.delete(id);
    }
  }
}
