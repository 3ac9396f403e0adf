const MINUTE_MS = 60_000;
const KEPT = 60;

/**
 * The most executions that ran or waited at once, for each of the last 60 minutes. Kept in memory:
 * after a restart less is known, and idle servers are kept for one hour less.
 */
export class RecentDemand {
  readonly #minutes = new Map<number, number>();

  note(count: number, now: Date): void {
    const minute = Math.floor(now.getTime() / MINUTE_MS);
    this.#minutes.set(minute, Math.max(this.#minutes.get(minute) ?? 0, count));
    for (const known of this.#minutes.keys())
      if (known <= minute - KEPT) this.#minutes.delete(known);
  }

  /** Oldest first. A minute in which nobody looked counts like the one before it. */
  list(now: Date): number[] {
    const minute = Math.floor(now.getTime() / MINUTE_MS);
    const first = Math.min(minute, ...this.#minutes.keys());
    const counts: number[] = [];
    for (let at = first; at <= minute; at += 1)
      counts.push(this.#minutes.get(at) ?? counts.at(-1) ?? 0);
    return counts;
  }
}
