const MINUTE_MS = 60_000;
const KEPT = 60;

/**
 * The most executions that ran or waited at once, for each of the last 60 minutes. Kept in memory:
 * after a restart less is known, and idle servers are kept for one hour less.
 */
export class RecentDemand {
  readonly #minutes = new Map<number, number>();

  note(count: number, now: Date): void {
    const minute = minuteOf(now);
    this.#minutes.set(minute, Math.max(this.#minutes.get(minute) ?? 0, count));
    for (const known of this.#minutes.keys())
      if (known <= minute - KEPT) this.#minutes.delete(known);
  }

  /** Oldest first. Of a minute in which nobody looked (this machine slept) nothing is known: 0. */
  list(now: Date): number[] {
    const last = minuteOf(now);
    const first = Math.max(last - KEPT + 1, Math.min(last, ...this.#minutes.keys()));
    return Array.from(
      { length: last - first + 1 },
      (_, index) => this.#minutes.get(first + index) ?? 0,
    );
  }
}

function minuteOf(time: Date): number {
  return Math.floor(time.getTime() / MINUTE_MS);
}
