import { EventEmitter } from 'node:events';

import { listen, type Database, type Listener } from '@nexus/db';
import { randomId } from '@nexus/kit/ids';

/** What may have changed. A signal carries no data: whoever hears it looks in the database. */
export type Topic = 'queue' | `batch:${string}` | `execution:${string}` | `worker:${string}`;

const CHANNEL = 'nexus_signals';
// NOTIFY takes a lock that all commits share; many signals of one moment go out in one statement.
const COALESCE_MS = 25;

/** Wakes waiters here at once and in the other replicas through Postgres. Lost signals cost a delay, never an error. */
export class Signals {
  readonly #emitter = new EventEmitter({ captureRejections: false });
  readonly #database: Database;
  readonly #origin = randomId(8);
  readonly #listener: Listener;
  readonly #pending = new Set<Topic>();
  #timer: NodeJS.Timeout | undefined;

  constructor(database: Database, url: string) {
    this.#emitter.setMaxListeners(0);
    this.#database = database;
    this.#listener = listen(
      { url, channel: CHANNEL },
      { onMessage: (payload) => this.#receive(payload), onReady: () => this.#wakeAll() },
    );
  }

  notify(...topics: Topic[]): void {
    for (const topic of topics) {
      this.#emitter.emit(topic);
      this.#pending.add(topic);
    }
    this.#timer ??= setTimeout(() => this.#flush(), COALESCE_MS);
  }

  /** Resolves at the next signal of any of the topics, after `timeoutMs`, or when aborted. */
  async wait(topics: readonly Topic[], timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const all = [...topics, 'wake-all'];
      // By hand: abort signals and a promise for each topic were a third of a busy server's own time.
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        for (const topic of all) this.#emitter.removeListener(topic, done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      signal.addEventListener('abort', done, { once: true });
      for (const topic of all) this.#emitter.once(topic, done);
    });
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#wakeAll();
    await this.#listener.close();
  }

  #flush(): void {
    this.#timer = undefined;
    const payloads = [...this.#pending].map((topic) => `${this.#origin} ${topic}`);
    this.#pending.clear();
    this.#database
      .query('select pg_notify($1, payload) from unnest($2::text[]) as payload', [
        CHANNEL,
        payloads,
      ])
      .catch(() => undefined);
  }

  #receive(payload: string): void {
    const [origin, topic] = payload.split(' ', 2);
    if (origin !== this.#origin && topic !== undefined) this.#emitter.emit(topic);
  }

  #wakeAll(): void {
    this.#emitter.emit('wake-all');
  }
}
