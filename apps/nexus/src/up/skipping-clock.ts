import type { Clock } from '@nexus/simulators/hetzner';

/** The time of this machine, and of a cloud of which some can be left out. */
export interface SkippingClock extends Clock {
  /** Goes forward at once; who waits for a moment in between is woken. */
  skip(ms: number): void;
}

export function createSkippingClock(): SkippingClock {
  let aheadMs = 0;
  const alarms = new Set<() => void>();
  const now = (): number => Date.now() + aheadMs;
  return {
    now,
    wakeAt(at, wake) {
      let timer: NodeJS.Timeout;
      const arm = (): void => {
        clearTimeout(timer);
        timer = setTimeout(ring, Math.max(0, at - now()));
      };
      const ring = (): void => {
        if (now() < at) return arm();
        alarms.delete(arm);
        wake();
      };
      alarms.add(arm);
      arm();
      return () => {
        alarms.delete(arm);
        clearTimeout(timer);
      };
    },
    skip(ms) {
      aheadMs += ms;
      for (const arm of alarms) arm();
    },
  };
}
