import type { Logger } from '@nexus/kit/logger';

import { stop, type HeldLease } from '../leases/held-lease.ts';
import type { LeaseBook } from '../leases/lease-book.ts';

export interface ExecutorOptions {
  book: LeaseBook;
  logger: Logger;
  /** Runs a lease to its end, its report included. Never rejects. */
  start(held: HeldLease): Promise<void>;
  /** A slot came free. */
  onRoom(): void;
}

/** Fetched ahead and still not begun after this time: another worker may have room. */
const MAX_WAIT_MS = 2000;

/** Starts leased executions as slots come free, and knows when everything has ended. */
export class Executor {
  readonly ended: Promise<void>;
  readonly #options: ExecutorOptions;
  readonly #startedAt = new Map<HeldLease, number>();
  readonly #timer: NodeJS.Timeout;
  #isClosing = false;
  #resolveEnded: () => void = () => undefined;

  constructor(options: ExecutorOptions) {
    this.#options = options;
    this.ended = new Promise((resolve) => (this.#resolveEnded = resolve));
    this.#timer = setInterval(() => this.#returnStale(), MAX_WAIT_MS / 4);
  }

  startWhatFits(): void {
    if (this.#isClosing) return;
    for (const held of this.#options.book.startable()) this.#start(held);
  }

  /** The script has ended; may be said more than once. */
  onSlotFree(held: HeldLease): void {
    if (held.phase !== 'running') return;
    held.phase = 'ending';
    const startedAt = this.#startedAt.get(held);
    if (startedAt !== undefined) this.#options.book.noteDuration(performance.now() - startedAt);
    // The report of its end asks for the next one; only if that brings nothing does the poll have to.
    this.startWhatFits();
  }

  drain(): void {
    this.#close();
    for (const held of this.#waiting()) this.#giveBack(held);
    this.#endIfIdle();
  }

  stop(): void {
    this.#close();
    for (const held of this.#options.book.held) {
      if (held.phase === 'waiting') this.#giveBack(held);
      else stop(held, 'shutdown');
    }
    this.#endIfIdle();
  }

  #close(): void {
    this.#isClosing = true;
    this.#options.book.close();
  }

  #start(held: HeldLease): void {
    held.phase = 'running';
    this.#startedAt.set(held, performance.now());
    void this.#run(held);
  }

  async #run(held: HeldLease): Promise<void> {
    try {
      await this.#options.start(held);
    } catch (error) {
      this.#options.logger.error(
        { err: error, executionId: held.lease.executionId },
        'an attempt ended in an error of our own',
      );
    } finally {
      this.#startedAt.delete(held);
      this.#options.book.release(held);
      this.startWhatFits();
      this.#options.onRoom();
      this.#endIfIdle();
    }
  }

  #waiting(): HeldLease[] {
    return this.#options.book.held.filter((held) => held.phase === 'waiting');
  }

  #returnStale(): void {
    const before = Date.now() - MAX_WAIT_MS;
    for (const held of this.#waiting()) if (held.leasedAtMs < before) this.#giveBack(held);
  }

  // It runs through `start` like any other: aborted from the beginning, it ends in being reported as released.
  #giveBack(held: HeldLease): void {
    stop(held, 'shutdown');
    this.#start(held);
  }

  #endIfIdle(): void {
    if (!this.#isClosing || this.#options.book.held.length > 0) return;
    clearInterval(this.#timer);
    this.#resolveEnded();
  }
}
