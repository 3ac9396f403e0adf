import { setTimeout as sleep } from 'node:timers/promises';

import { AppError } from '@nexus/kit/errors';
import type { Logger } from '@nexus/kit/logger';
import type { ExchangeReply } from '@nexus/grid/contract';

import type { GridClient } from '../grid/grid-client.ts';
import type { HeldLease } from './held-lease.ts';
import type { LeaseBook } from './lease-book.ts';

export interface LeaseLoopDeps {
  client: GridClient;
  book: LeaseBook;
  logger: Logger;
  heartbeatMs: number;
  /** Called with work that has just been leased. */
  onLeased(leases: HeldLease[]): void;
  onDrain(): void;
  onUnauthorized(): void;
}

const POLL_MS = 20_000;
const RETRY_MS = 500;

/** Takes in what an answer brings: commands first, then work. */
export function takeReply(deps: LeaseLoopDeps, reply: ExchangeReply): void {
  deps.book.stop(reply.cancel, 'cancelled');
  if (reply.drain) deps.onDrain();
  if (reply.leases.length > 0) deps.onLeased(deps.book.take(reply, Date.now()));
}

/**
 * Waits for work and commands by long poll. A poll that asks for work is never given up from here: the
 * answer may be on its way with leases in it. One that only waits for commands is, as soon as there is
 * room for work (`wake`).
 */
export class LeaseLoop {
  readonly #deps: LeaseLoopDeps;
  readonly #stopped = new AbortController();
  #commandsOnly: AbortController | undefined;

  constructor(deps: LeaseLoopDeps) {
    this.#deps = deps;
  }

  /** There may be room for more work now. Mostly the answer to a report has filled it already. */
  wake(): void {
    if (this.#deps.book.hasRoom) this.#commandsOnly?.abort();
  }

  stop(): void {
    this.#stopped.abort();
  }

  async poll(): Promise<void> {
    const { book, client } = this.#deps;
    while (!this.#stopped.signal.aborted) {
      const reserved = book.reserve();
      this.#commandsOnly = reserved ? undefined : new AbortController();
      const signals = this.#commandsOnly
        ? [this.#stopped.signal, this.#commandsOnly.signal]
        : [this.#stopped.signal];
      try {
        const reply = await client.exchange(
          {
            waitMs: POLL_MS,
            knownBatches: book.knownBatches,
            knownCancels: this.#acting(),
            ...(reserved ? { capacity: reserved } : {}),
          },
          AbortSignal.any(signals),
        );
        book.settle(reserved);
        takeReply(this.#deps, reply);
      } catch (error) {
        book.settle(reserved);
        if (!this.#commandsOnly?.signal.aborted) await this.#waitAfter(error);
      }
    }
  }

  /** Keeps the leases alive and hears which of them are lost. */
  async heartbeat(): Promise<void> {
    const { book, client, heartbeatMs } = this.#deps;
    while (!this.#stopped.signal.aborted) {
      try {
        const reply = await client.heartbeat(book.refs);
        book.stop(reply.lost, 'lost');
        book.stop(reply.cancel, 'cancelled');
        if (reply.drain) this.#deps.onDrain();
      } catch (error) {
        await this.#waitAfter(error);
      }
      await sleep(heartbeatMs, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
    }
  }

  #acting(): string[] {
    return this.#deps.book.held
      .filter((held) => held.controller.signal.aborted)
      .map((held) => held.lease.executionId);
  }

  async #waitAfter(failure: unknown): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    if (failure instanceof AppError && failure.code === 'unauthorized') this.#deps.onUnauthorized();
    else this.#deps.logger.debug({ err: failure }, 'the control plane does not answer');
    await sleep(RETRY_MS, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
  }
}
