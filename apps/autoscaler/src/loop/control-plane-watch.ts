const ANSWER_MS = 3000;

/**
 * Since when workers could be heard without a break. While the control plane is away nobody can send
 * it a heartbeat: what was silent then may be well.
 */
export class ControlPlaneWatch {
  readonly #healthUrl: string;
  readonly #now: () => Date;
  #since: Date;
  #isAway = false;

  constructor(apiBase: string, now: () => Date) {
    this.#healthUrl = new URL('/health', apiBase).href;
    this.#now = now;
    this.#since = now();
  }

  get listeningSince(): Date {
    return this.#since;
  }

  /** We slept ourselves (a closed laptop, a frozen process): nobody could be heard meanwhile. */
  interrupted(): void {
    this.#since = this.#now();
  }

  async look(signal: AbortSignal): Promise<void> {
    const answers = await fetch(this.#healthUrl, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    }).then(
      (reply) => reply.ok,
      () => false,
    );
    // While it is away the clock is kept at now: nobody has been silent since.
    if (!answers || this.#isAway) this.#since = this.#now();
    this.#isAway = !answers;
  }
}
