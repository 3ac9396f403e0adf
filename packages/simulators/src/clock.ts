/** Where a simulator takes its time from. */
export interface Clock {
  now(): number;
  /** Calls back once `now()` has reached `at`, never before this call returns; the result calls it off. */
  wakeAt(at: number, wake: () => void): () => void;
}

/** Stands still until it is advanced. */
export interface ManualClock extends Clock {
  /** Goes forward, stopping at every point in time somebody asked to be woken at. */
  advance(ms: number): void;
}

interface Alarm {
  at: number;
  wake: () => void;
}

export function createManualClock(startsAt: number = Date.UTC(2026, 10, 2, 8)): ManualClock {
  let now = startsAt;
  const alarms = new Set<Alarm>();
  const findNext = (until: number): Alarm | undefined =>
    [...alarms]
      .filter((alarm) => alarm.at <= until)
      .reduce<Alarm | undefined>((first, alarm) => {
        return first === undefined || alarm.at < first.at ? alarm : first;
      }, undefined);
  return {
    now: () => now,
    wakeAt: (at, wake) => {
      const alarm = { at, wake };
      alarms.add(alarm);
      return () => alarms.delete(alarm);
    },
    advance: (ms) => {
      const end = now + ms;
      for (let alarm = findNext(end); alarm !== undefined; alarm = findNext(end)) {
        alarms.delete(alarm);
        now = Math.max(now, alarm.at);
        alarm.wake();
      }
      now = end;
    },
  };
}

/** The longest delay a timer takes; beyond it Node fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The time of this machine, running `speed` times as fast from now on. */
export function createRealClock(speed = 1): Clock {
  const startedAt = Date.now();
  const now = (): number => startedAt + (Date.now() - startedAt) * speed;
  return {
    now,
    wakeAt: (at, wake) => {
      let timer: NodeJS.Timeout;
      const arm = (): void => {
        const leftMs = Math.ceil((at - now()) / speed);
        timer = setTimeout(
          () => (now() >= at ? wake() : arm()),
          Math.min(Math.max(leftMs, 0), MAX_TIMER_MS),
        );
      };
      arm();
      return () => clearTimeout(timer);
    },
  };
}
