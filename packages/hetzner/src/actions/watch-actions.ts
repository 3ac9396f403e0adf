import type { CallOptions } from '../api.ts';
import { HetznerBudgetError } from '../errors.ts';
import type { Priority } from '../handlers/request-budget.ts';
import type { Timing } from '../timing.ts';
import type { Action } from './action.ts';

export type WaitResult =
  | { kind: 'succeeded'; actions: Action[] }
  /** The first one that failed; others may go on. */
  | { kind: 'failed'; action: Action }
  /** The API does not know these any more. */
  | { kind: 'vanished'; actionIds: number[] }
  /** Still running at the deadline. */
  | { kind: 'expired'; actionIds: number[] };

export interface ActionWatcherOptions extends Pick<Timing, 'now' | 'sleep'> {
  /** The API's view of some actions; one it does not know is left out. */
  fetchActions: (ids: readonly number[], options: CallOptions) => Promise<Action[]>;
}

const PRIORITIES: readonly Priority[] = ['delete', 'create', 'read'];

/** Longer timers fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

interface Wait {
  running: Set<number>;
  finished: Action[];
  polls: number;
  nextPollAtMs: number;
  deadlineMs: number;
  priority: Priority;
  settle(result: WaitResult): void;
  fail(error: unknown): void;
}

/** The same steps as the official command line: half a second, and after five seconds more and more. */
export function pollDelayMs(polls: number): number {
  return Math.min(2500, Math.round(500 * 1.5 ** Math.max(0, polls - 9)));
}

/**
 * Waits for actions. All waits share one poll, so that twenty servers that boot at the same time
 * cost as many requests as one.
 */
export class ActionWatcher {
  readonly #options: ActionWatcherOptions;
  readonly #waits = new Set<Wait>();
  #isLooping = false;
  #sleeping = new AbortController();
  #polling = new AbortController();

  constructor(options: ActionWatcherOptions) {
    this.#options = options;
  }

  wait(actions: readonly Action[], options: CallOptions = {}): Promise<WaitResult> {
    const { signal } = options;
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const onAbort = () => wait.fail(signal?.reason);
      const leave = () => {
        signal?.removeEventListener('abort', onAbort);
        this.#leave(wait);
      };
      const wait: Wait = {
        running: new Set(actions.map(({ id }) => id)),
        finished: [],
        polls: 0,
        nextPollAtMs: this.#nowMs() + pollDelayMs(0),
        deadlineMs: options.deadline?.getTime() ?? Infinity,
        priority: options.priority ?? 'read',
        settle: (result) => {
          leave();
          resolve(result);
        },
        fail: (error) => {
          leave();
          // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- whatever the signal's owner chose
          reject(error);
        },
      };
      signal?.addEventListener('abort', onAbort);
      this.#waits.add(wait);
      update(wait, actions, []);
      this.#rouse();
    });
  }

  #nowMs(): number {
    return this.#options.now().getTime();
  }

  #leave(wait: Wait): void {
    this.#waits.delete(wait);
    if (this.#waits.size > 0) return;
    this.#sleeping.abort();
    this.#polling.abort();
  }

  /** A new wait may be due before the ones that are slept for. */
  #rouse(): void {
    this.#sleeping.abort();
    if (this.#isLooping || this.#waits.size === 0) return;
    this.#isLooping = true;
    void this.#loop();
  }

  async #loop(): Promise<void> {
    while (this.#waits.size > 0) {
      await this.#sleepUntilDue();
      this.#expire();
      if ([...this.#waits].some((wait) => wait.nextPollAtMs <= this.#nowMs())) await this.#poll();
    }
    this.#isLooping = false;
  }

  async #sleepUntilDue(): Promise<void> {
    const due = [...this.#waits].map((wait) => Math.min(wait.nextPollAtMs, wait.deadlineMs));
    const delayMs = Math.min(...due) - this.#nowMs();
    if (delayMs <= 0) return;
    this.#sleeping = new AbortController();
    // Roused early, the loop looks again what is due.
    await this.#options.sleep(delayMs, this.#sleeping.signal).catch(() => undefined);
  }

  #expire(): void {
    for (const wait of this.#waits) {
      if (wait.deadlineMs <= this.#nowMs())
        wait.settle({ kind: 'expired', actionIds: [...wait.running] });
    }
  }

  async #poll(): Promise<void> {
    const waits = [...this.#waits];
    const asked = [...new Set(waits.flatMap((wait) => [...wait.running]))];
    const priority = PRIORITIES.find((one) => waits.some((wait) => wait.priority === one));
    const signal = this.#pollSignal(waits);
    try {
      const actions = await this.#options.fetchActions(asked, { priority, signal });
      for (const wait of waits) this.#advance(wait, actions, asked);
    } catch (error) {
      // Nobody waits any more, or not that long: the loop sees to it.
      if (signal.aborted) return;
      for (const wait of waits) this.#giveUp(wait, error);
    }
  }

  /** A poll with its retries may take minutes; the next deadline may not wait for that. */
  #pollSignal(waits: readonly Wait[]): AbortSignal {
    this.#polling = new AbortController();
    const leftMs = Math.min(...waits.map((wait) => wait.deadlineMs)) - this.#nowMs();
    if (leftMs > MAX_TIMER_MS) return this.#polling.signal;
    return AbortSignal.any([this.#polling.signal, AbortSignal.timeout(Math.max(0, leftMs))]);
  }

  #advance(wait: Wait, actions: Action[], asked: readonly number[]): void {
    wait.polls += 1;
    wait.nextPollAtMs = this.#nowMs() + pollDelayMs(wait.polls);
    update(wait, actions, asked);
  }

  #giveUp(wait: Wait, error: unknown): void {
    // No room to ask right now is no reason to stop waiting.
    if (error instanceof HetznerBudgetError) wait.nextPollAtMs = error.retryAt.getTime();
    else wait.fail(error);
  }
}

/** Takes in what is known of some actions; `asked` are those that would be there if they existed. */
function update(wait: Wait, actions: readonly Action[], asked: readonly number[]): void {
  const awaited = actions.filter(({ id }) => wait.running.has(id));
  const failed = awaited.find(({ status }) => status === 'error');
  if (failed) {
    wait.settle({ kind: 'failed', action: failed });
    return;
  }
  const known = new Set(actions.map(({ id }) => id));
  const vanished = asked.filter((id) => wait.running.has(id) && !known.has(id));
  if (vanished.length > 0) {
    wait.settle({ kind: 'vanished', actionIds: vanished });
    return;
  }
  for (const action of awaited.filter(({ status }) => status === 'success')) {
    wait.running.delete(action.id);
    wait.finished.push(action);
  }
  if (wait.running.size === 0) wait.settle({ kind: 'succeeded', actions: wait.finished });
}
