import type { Database, ExclusiveDatabase, Queryable } from '@nexus/db';

import type { Random } from '../random.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface GuillotineOptions {
  time: VirtualTime;
  random: Random;
  /** After so many calls of the process, it is killed in, before or after the next. */
  fallsAfter: number;
  /** Cuts the connection that it holds to the database: what it had not committed is undone. */
  cut: () => Promise<void>;
}

/**
 * Between a daemon and everything it can reach. Once it has fallen nothing gets through in either
 * direction any more, as with a process that was killed: what it waited for never comes.
 */
export class Guillotine {
  readonly #options: GuillotineOptions;
  #left: number;
  #isDown = false;
  #frozenUntil = 0;
  readonly down: Promise<void>;
  #tellDown: () => void = () => undefined;

  constructor(options: GuillotineOptions) {
    this.#options = options;
    this.#left = options.fallsAfter;
    this.down = new Promise((resolve) => {
      this.#tellDown = resolve;
    });
  }

  get isDown(): boolean {
    return this.#isDown;
  }

  get wasFrozen(): boolean {
    return this.#frozenUntil > 0;
  }

  /** Not killed but stopped, and cut off from the database meanwhile: it comes back as a zombie. */
  async freeze(ms: number): Promise<void> {
    const { time, cut } = this.#options;
    this.#frozenUntil = time.now() + ms;
    await time.busy(cut);
  }

  async fall(): Promise<void> {
    if (this.#isDown) return;
    this.#isDown = true;
    this.#tellDown();
    await this.#options.time.busy(this.#options.cut);
  }

  /** One call of the process to somewhere. */
  async pass<T>(work: () => Promise<T>, mayWait: boolean): Promise<T> {
    const { time, random } = this.#options;
    if (this.#isDown) return never();
    if (mayWait) await this.#dawdle();
    this.#left -= 1;
    if (this.#left < 0) {
      if (random.next() < 0.5) await time.busy(work).catch(() => undefined);
      await this.fall();
      return never();
    }
    // A reply that arrives after the fall is heard by nobody.
    const result = await work().catch((error: unknown) => {
      if (this.#isDown) return never<T>();
      throw error;
    });
    return this.#isDown ? never() : result;
  }

  /** Sleeps like the process: for ever, once it is dead. */
  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    if (this.#isDown) return never();
    await this.#options.time.sleep(delayMs, signal);
    await this.#thaw();
    if (this.#isDown) return never();
  }

  /** Others act while it is on its way. */
  async #dawdle(): Promise<void> {
    const { time, random } = this.#options;
    await this.#thaw();
    if (random.next() < 0.1) await time.sleep(random.between(1, 400));
    await this.#thaw();
    if (this.#isDown) return never();
  }

  async #thaw(): Promise<void> {
    const { time } = this.#options;
    if (this.#frozenUntil > time.now()) await time.sleep(this.#frozenUntil - time.now());
  }
}

function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}

export function guardDatabase(
  database: ExclusiveDatabase,
  guillotine: Guillotine,
  time: VirtualTime,
): Database {
  /** Announced as busy until it ends, or until nobody is left to wait for it. */
  const untilDown = async <T>(work: () => Promise<T>): Promise<T> => {
    const ended = work().then((result) => ({ result }));
    const outcome = await time.busy(() => Promise.race([ended, guillotine.down]));
    return outcome ? outcome.result : never();
  };
  const guard = (db: Queryable, mayWait: boolean): Queryable => ({
    query: (sql, values) =>
      guillotine.pass(() => untilDown(() => db.query(sql, values ?? [])), mayWait),
  });
  return {
    ...guard(database, true),
    transaction: (work) =>
      untilDown(() =>
        database.transaction(async (tx) => {
          // Without a pause inside: whoever would wait for its locks could not be waited for.
          const result = await work(guard(tx, false));
          // Killed before the commit.
          await guillotine.pass(() => Promise.resolve(), false);
          return result;
        }),
      ),
    close: () => database.close(),
  };
}

export function guardFetch(fetch: typeof globalThis.fetch, guillotine: Guillotine): typeof fetch {
  return (input, init) =>
    // What was on its way when the process was frozen arrives, whatever has become of its rights.
    guillotine.pass(
      () => fetch(input, guillotine.wasFrozen ? { ...init, signal: null } : init),
      true,
    );
}
