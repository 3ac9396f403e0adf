type Effect = (at: number) => void;

interface Entry {
  at: number;
  effect: Effect;
}

/** What is going to happen, in the order of time; what is due at the same time, in the order it was planned. */
export class Timeline {
  readonly #entries: Entry[] = [];

  schedule(at: number, effect: Effect): void {
    const index = this.#entries.findLastIndex((entry) => entry.at <= at) + 1;
    this.#entries.splice(index, 0, { at, effect });
  }

  /** Effects may plan further ones; those that are due by then happen, too. */
  runUntil(now: number): void {
    for (let next = this.#entries[0]; next && next.at <= now; next = this.#entries[0]) {
      this.#entries.shift();
      next.effect(next.at);
    }
  }

  get nextAt(): number | undefined {
    return this.#entries[0]?.at;
  }
}
