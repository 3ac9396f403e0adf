import { setTimeout as sleep } from 'node:timers/promises';

import { AppError } from '@nexus/kit/errors';
import type { Logger } from '@nexus/kit/logger';
import { retryDelayMs } from '@nexus/kit/retry';
import type { Capacity, ExchangeReply, LogItem, ReportItem } from '@nexus/grid/contract';

import type { GridClient } from '../grid/grid-client.ts';

export interface MailboxHooks {
  /** Room for more work right now, or undefined: lease nothing with this call. */
  reserve(): Capacity | undefined;
  knownBatches(): string[];
  onReply(reply: ExchangeReply, reserved: Capacity | undefined): void;
  onFailedCall(reserved: Capacity | undefined): void;
  /** The control plane no longer knows this worker. */
  onUnauthorized(): void;
}

type Result = ExchangeReply['results'][number];

/** The start of a script, by this process's own clock. */
export interface RunningNews {
  kind: 'running';
  executionId: string;
  epoch: number;
  sandbox: string;
  startedAtMs: number;
}

export type News = Exclude<ReportItem, { kind: 'running' }> | RunningNews;

interface OutgoingItem {
  item: News;
  settle(result: Result): void;
}

/** How long the start of a script may wait for its first lines and, if it is short, for its end. */
const GATHER_START_MS = 100;
/** How long lines may wait for more. */
const GATHER_LOG_MS = 20;
const MAX_ITEMS = 500;
const MAX_LOGS = 500;
/** Log bytes waiting to be sent before scripts are slowed down. */
const MAX_WAITING_BYTES = 4 << 20;
const RETRY = { attempts: Number.POSITIVE_INFINITY, firstDelayMs: 100, maxDelayMs: 3000 };

/**
 * What goes to the control plane: logs and reports, in order, one call at a time. What comes up while
 * a call is out travels together in the next one, so that a busy worker makes few calls and an idle
 * one waits for none. A call that failed is made again with the same content until it gets through.
 */
export class Mailbox {
  readonly #client: GridClient;
  readonly #hooks: MailboxHooks;
  readonly #logger: Logger;
  #logs: LogItem[] = [];
  #items: OutgoingItem[] = [];
  #waitingBytes = 0;
  #roomWaiters: (() => void)[] = [];
  #pumping: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Something in it is to be sent now, not only when more has gathered. */
  #isDue = false;
  #isClosed = false;

  constructor(options: { client: GridClient; hooks: MailboxHooks; logger: Logger }) {
    this.#client = options.client;
    this.#hooks = options.hooks;
    this.#logger = options.logger;
  }

  /** Resolves when there is room for more. */
  async pushLog(item: LogItem): Promise<void> {
    this.#logs.push(item);
    this.#waitingBytes += item.data?.length ?? 0;
    this.#kickSoon(GATHER_LOG_MS);
    while (this.#waitingBytes > MAX_WAITING_BYTES && !this.#isClosed) {
      await new Promise<void>((resolve) => this.#roomWaiters.push(resolve));
    }
  }

  /** Resolves with the control plane's verdict, however long that takes. */
  report(item: News): Promise<Result> {
    return new Promise((resolve) => {
      this.#items.push({ item, settle: resolve });
      if (item.kind === 'running') this.#kickSoon(GATHER_START_MS);
      else this.#kick();
    });
  }

  /** Resolves when nothing is waiting any more. */
  async drain(): Promise<void> {
    while (this.#hasMail() && !this.#isClosed) {
      this.#kick();
      await this.#pumping;
    }
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#freeRoom();
  }

  /** For news that may well be followed by more: of a short script, its start, its log and its end travel together. */
  #kickSoon(delayMs: number): void {
    this.#timer ??= setTimeout(() => this.#kick(), delayMs);
  }

  #kick(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isDue = true;
    this.#pumping ??= this.#pump().finally(() => {
      this.#pumping = undefined;
      if (this.#isDue && !this.#isClosed) this.#kick();
    });
  }

  #hasMail(): boolean {
    return this.#logs.length > 0 || this.#items.length > 0;
  }

  async #pump(): Promise<void> {
    // Lets everything that happens in this turn of the event loop travel together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#isDue && !this.#isClosed) {
      const logs = this.#logs.splice(0, MAX_LOGS);
      // A result must not overtake its own log.
      const items = this.#logs.length > 0 ? [] : this.#items.splice(0, MAX_ITEMS);
      this.#isDue = this.#hasMail();
      if (logs.length + items.length > 0) await this.#deliver(logs, items);
      this.#waitingBytes -= logs.reduce((sum, item) => sum + (item.data?.length ?? 0), 0);
      this.#freeRoom();
    }
  }

  async #deliver(logs: LogItem[], items: OutgoingItem[]): Promise<void> {
    for (let attempt = 1; !this.#isClosed; attempt += 1) {
      const reserved = this.#hooks.reserve();
      try {
        const reply = await this.#client.exchange({
          logs,
          items: items.map(({ item }) => (item.kind === 'running' ? withAge(item) : item)),
          ...(reserved ? { capacity: reserved, knownBatches: this.#hooks.knownBatches() } : {}),
        });
        for (const [position, outgoing] of items.entries())
          outgoing.settle(reply.results[position] ?? 'refused');
        this.#hooks.onReply(reply, reserved);
        return;
      } catch (error) {
        this.#hooks.onFailedCall(reserved);
        if (this.#isHopeless(error)) {
          for (const outgoing of items) outgoing.settle('refused');
          return;
        }
        const delayMs = retryDelayMs(RETRY, Math.min(attempt, 8), Math.random());
        if (attempt === 2)
          this.#logger.warn({ err: error }, 'the control plane does not answer; trying again');
        await sleep(delayMs);
      }
    }
  }

  /** Answers that another try cannot change. */
  #isHopeless(error: unknown): boolean {
    if (!(error instanceof AppError) || error.isRetryable) return false;
    if (error.code === 'unauthorized') this.#hooks.onUnauthorized();
    else this.#logger.error({ err: error }, 'the control plane refused a report');
    return true;
  }

  #freeRoom(): void {
    for (const resolve of this.#roomWaiters.splice(0)) resolve();
  }
}

// The control plane's clock decides; from here only how long ago it was.
function withAge({ startedAtMs, ...item }: RunningNews): ReportItem {
  return { ...item, startedMsAgo: Math.max(0, Math.round(performance.now() - startedAtMs)) };
}
