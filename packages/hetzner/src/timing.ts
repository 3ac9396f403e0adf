/** Time and chance, handed in so that tests need neither wait nor guess. */
export interface Timing {
  now: () => Date;
  /** Rejects when the signal aborts. */
  sleep: (delayMs: number, signal: AbortSignal | undefined) => Promise<unknown>;
  /** In [0, 1). */
  random: () => number;
}
