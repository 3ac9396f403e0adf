import type { Context } from '../context.ts';
import type { Screen } from '../terminal/screen.ts';

export type InterruptChoice = 'continue' | 'detach' | 'cancel';

export interface InterruptionOptions {
  context: Context;
  screen: Screen;
  /** Asks the person, until the signal takes the question back; undefined where nobody can be asked. */
  ask: ((signal: AbortSignal) => Promise<InterruptChoice>) | undefined;
}

/**
 * Ctrl-C and SIGTERM while something runs on the grid. The first Ctrl-C at a terminal asks whether to
 * detach or cancel; a second one, a SIGTERM, or a Ctrl-C where nobody can be asked, cancels.
 */
export class Interruption {
  readonly #options: InterruptionOptions;
  readonly #detach = new AbortController();
  readonly #cancel = new AbortController();
  readonly #depart = new AbortController();
  readonly #stopListening: () => void;
  #isAsking = false;

  constructor(options: InterruptionOptions) {
    this.#options = options;
    this.#stopListening = options.context.signals.listen((signal) => this.#onSignal(signal));
  }

  /** Aborted when the person wants to go and let the run go on. */
  get detached(): AbortSignal {
    return this.#detach.signal;
  }

  /** Aborted when the run is to be cancelled. */
  get cancelled(): AbortSignal {
    return this.#cancel.signal;
  }

  /** Aborted when the person waits for nothing any more, be it that the run goes on or not: nothing is fetched then. */
  get departed(): AbortSignal {
    return this.#depart.signal;
  }

  /** For reasons other than a signal: nobody reads the output any more, or the first failure ends it all. */
  requestCancel(): void {
    this.#cancel.abort();
  }

  close(): void {
    this.#stopListening();
  }

  #onSignal(signal: 'SIGINT' | 'SIGTERM'): void {
    const { ask } = this.#options;
    if (signal === 'SIGTERM' || this.#isAsking || !ask) {
      this.#leave(this.#cancel);
      return;
    }
    this.#isAsking = true;
    void this.#askPerson(ask);
  }

  async #askPerson(ask: NonNullable<InterruptionOptions['ask']>): Promise<void> {
    const { signal } = this.#cancel;
    // The second Ctrl-C may come before the question is on the terminal, and is its answer then.
    const question = () => ask(signal);
    const choice = await this.#options.screen.hold(question).catch(() => 'cancel' as const);
    if (signal.aborted) return;
    // The next Ctrl-C is the second one after any answer but "continue".
    this.#isAsking = choice !== 'continue';
    if (choice === 'detach') this.#leave(this.#detach);
    if (choice === 'cancel') this.#leave(this.#cancel);
  }

  #leave(way: AbortController): void {
    this.#depart.abort();
    way.abort();
  }
}
