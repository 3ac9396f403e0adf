import { AsyncLocalStorage } from 'node:async_hooks';
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers/promises';

import type { Clock } from '@nexus/simulators/hetzner';

interface Alarm {
  at: number;
  order: number;
  wake: () => void;
}

interface Nap {
  due: number;
  latest: number;
  wake: () => void;
}

/** What runs beside the actors and sleeps by itself: it is waited for until it sleeps again. */
interface Background {
  awake: number;
}

/**
 * A background loop sleeps for longer than it asks, until something else happens: by these factors, which
 * make of the second of the lease watch less than half of a lease.
 */
const NAP = { least: 30, most: 60 };

const realSetImmediate = setImmediate;

/**
 * A time that passes only when nothing is left to do at the present moment: minutes pass in microseconds,
 * and two runs with the same seed see the same. Work with a database or a socket is announced by `busy`.
 */
export class VirtualTime implements Clock {
  readonly #alarms: Alarm[] = [];
  #naps: Nap[] = [];
  #nowMs: number;
  #order = 0;
  #busy = 0;
  #becomesIdle: () => void = () => undefined;
  readonly #context = new AsyncLocalStorage<Background>();
  readonly #onAdvance: (nowMs: number) => Promise<unknown>;
  /** What the other clocks show, or are being set to. */
  #shown: { atMs: number; set: Promise<unknown> } | undefined;

  /** `onAdvance` sets other clocks; only before somebody may look at them. */
  constructor(startsAtMs: number, onAdvance: (nowMs: number) => Promise<unknown>) {
    this.#nowMs = startsAtMs;
    this.#onAdvance = onAdvance;
  }

  now(): number {
    return this.#nowMs;
  }

  /** Forgets whatever sleeps, and goes to another point in time. */
  async restart(nowMs: number): Promise<void> {
    this.#alarms.length = 0;
    this.#nowMs = nowMs;
    await this.#show();
  }

  wakeAt(at: number, wake: () => void): () => void {
    this.#order += 1;
    const alarm = { at, order: this.#order, wake };
    this.#alarms.push(alarm);
    return () => {
      const index = this.#alarms.indexOf(alarm);
      if (index !== -1) this.#alarms.splice(index, 1);
    };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- whatever the signal's owner chose
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = (): void => {
        callOff();
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- as above
        reject(signal?.reason);
      };
      const callOff = this.wakeAt(this.#nowMs + Math.max(0, delayMs), () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Time stands still until it is done. */
  async busy<T>(work: () => Promise<T>): Promise<T> {
    this.#busy += 1;
    try {
      await this.#show();
      return await work();
    } finally {
      this.#leave();
    }
  }

  /** The same for what may sleep in between by `node:timers/promises`, and may start loops that do. */
  async background<T>(work: () => Promise<T>): Promise<T> {
    const context: Background = { awake: 1 };
    this.#busy += 1;
    try {
      await this.#show();
      return await this.#context.run(context, work);
    } finally {
      if (context.awake > 0) {
        context.awake -= 1;
        this.#leave();
      }
    }
  }

  /** Lets time pass until that holds; it is asked whenever nothing is left to do. */
  async run(isOver: () => boolean): Promise<void> {
    for (;;) {
      await this.#settle();
      if (isOver()) return;
      const next = this.#alarms.reduce<Alarm | undefined>(earlier, undefined);
      const nap = Math.min(...this.#naps.map(({ latest }) => latest));
      if (!next && nap === Infinity) throw new Error('everybody waits for ever');
      const at = Math.max(this.#nowMs, Math.min(next?.at ?? Infinity, nap));
      this.#nowMs = at;
      if (next && next.at <= at) {
        this.#alarms.splice(this.#alarms.indexOf(next), 1);
        next.wake();
        await this.#settle();
      }
      await this.#endNaps();
    }
  }

  /** Replaces the clocks and the randomness of this process; the result puts them back. */
  install(randomBytes: (size: number) => Buffer): () => void {
    const real = { date: globalThis.Date, sleep: timers.setTimeout, bytes: crypto.randomBytes };
    const realTimeout = AbortSignal.timeout.bind(AbortSignal);
    globalThis.Date = makeVirtualDate(real.date, () => this.#nowMs);
    // The overloads with a callback are used by nobody here.
    crypto.randomBytes = ((size: number) => randomBytes(size)) as typeof crypto.randomBytes;
    timers.setTimeout = ((delayMs: number, value: unknown, options?: { signal?: AbortSignal }) =>
      this.#nap(delayMs, options?.signal).then(() => value)) as typeof timers.setTimeout;
    AbortSignal.timeout = (delayMs) => this.#timeout(delayMs);
    syncBuiltinESMExports();
    return () => {
      globalThis.Date = real.date;
      crypto.randomBytes = real.bytes;
      timers.setTimeout = real.sleep;
      AbortSignal.timeout = realTimeout;
      syncBuiltinESMExports();
    };
  }

  #timeout(delayMs: number): AbortSignal {
    const controller = new AbortController();
    this.wakeAt(this.#nowMs + delayMs, () =>
      controller.abort(new DOMException('timed out', 'TimeoutError')),
    );
    return controller.signal;
  }

  #nap(delayMs = 0, signal?: AbortSignal): Promise<void> {
    const context = this.#context.getStore();
    if (context && context.awake > 0) {
      context.awake -= 1;
      this.#leave();
    }
    return new Promise((resolve, reject) => {
      const due = this.#nowMs + NAP.least * delayMs;
      const enter = (): void => {
        this.#naps = this.#naps.filter((other) => other !== nap);
        signal?.removeEventListener('abort', onAbort);
        if (!context) return;
        context.awake += 1;
        this.#busy += 1;
      };
      const onAbort = (): void => {
        this.#naps = this.#naps.filter((other) => other !== nap);
        reject(new DOMException('aborted', 'AbortError'));
      };
      const nap: Nap = {
        ...{ due, latest: this.#nowMs + NAP.most * delayMs },
        wake: () => {
          enter();
          resolve();
        },
      };
      if (signal?.aborted) return onAbort();
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#naps.push(nap);
    });
  }

  async #endNaps(): Promise<void> {
    const over = this.#naps.filter(({ due }) => due <= this.#nowMs);
    if (over.length > 0) await this.#show();
    for (const nap of over) nap.wake();
  }

  async #show(): Promise<void> {
    if (this.#shown?.atMs !== this.#nowMs)
      this.#shown = { atMs: this.#nowMs, set: this.#onAdvance(this.#nowMs) };
    await this.#shown.set;
  }

  #leave(): void {
    this.#busy -= 1;
    if (this.#busy === 0) this.#becomesIdle();
  }

  /** Until nothing is under way: what is not announced as busy takes no more than a few turns of the loop. */
  async #settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet += 1) {
      if (this.#busy > 0) {
        await new Promise<void>((resolve) => {
          this.#becomesIdle = resolve;
        });
        quiet = 0;
      }
      await new Promise((resolve) => {
        realSetImmediate(resolve);
      });
    }
    if (this.#busy > 0) await this.#settle();
  }
}

function earlier(first: Alarm | undefined, alarm: Alarm): Alarm {
  if (first === undefined || alarm.at < first.at) return alarm;
  return alarm.at === first.at && alarm.order < first.order ? alarm : first;
}

function makeVirtualDate(real: DateConstructor, now: () => number): DateConstructor {
  class VirtualDate extends real {
    constructor(...parts: [] | [number | string | Date]) {
      if (parts.length === 0) super(now());
      else super(...parts);
    }

    static override now(): number {
      return now();
    }

    static override [Symbol.hasInstance](value: unknown): boolean {
      return Object.prototype.toString.call(value) === '[object Date]';
    }
  }
  // Nobody calls it without `new`.
  return VirtualDate as unknown as DateConstructor;
}
