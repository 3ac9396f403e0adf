/** Each moment on the way from somebody waiting to something running; null: not yet, or not known. */
export interface BootTimes {
  queuedAt: Date | null;
  intendedAt: Date;
  /** By the cloud's clock, in whole seconds. */
  createdAt: Date | null;
  /** When the daemon saw it in the cloud's list, which it reads every few seconds. */
  runningAt: Date | null;
  registeredAt: Date | null;
  firstStartAt: Date | null;
}

export interface BootStep {
  step: 'queued' | 'intended' | 'created' | 'running' | 'registered' | 'first_execution';
  at: Date | null;
  /** Since the last step before it that is known. */
  seconds: number | null;
}

/** What each step took. */
export function bootTimeline(times: BootTimes): BootStep[] {
  const { registeredAt, runningAt } = times;
  // Seen later than its worker: when it began to run is not known any more.
  const isMissed = runningAt !== null && registeredAt !== null && runningAt > registeredAt;
  const moments = [
    ['queued', times.queuedAt],
    ['intended', times.intendedAt],
    ['created', times.createdAt],
    ['running', isMissed ? null : runningAt],
    ['registered', registeredAt],
    ['first_execution', times.firstStartAt],
  ] as const;
  let before: Date | null = null;
  return moments.map(([step, at]) => {
    const seconds = before && at ? secondsBetween(before, at) : null;
    before = at ?? before;
    return { step, at, seconds };
  });
}

/** From waiting to the first execution; null: it is not there yet. */
export function totalSeconds({ queuedAt, intendedAt, firstStartAt }: BootTimes): number | null {
  return firstStartAt && secondsBetween(queuedAt ?? intendedAt, firstStartAt);
}

// Clocks differ and the cloud's leaves fractions out: nothing takes less than no time.
function secondsBetween(from: Date, to: Date): number {
  return Math.max(0, Math.round((to.getTime() - from.getTime()) / 100) / 10);
}
