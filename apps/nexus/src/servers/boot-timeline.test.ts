import { expect, test } from 'vitest';

import { bootTimeline, totalSeconds, type BootTimes } from './boot-timeline.ts';

const at = (seconds: number) => new Date(Date.UTC(2026, 10, 20, 10) + seconds * 1000);

const TIMES: BootTimes = {
  queuedAt: at(0),
  intendedAt: at(1.25),
  createdAt: at(2),
  runningAt: at(12),
  registeredAt: at(40.04),
  firstStartAt: at(40.5),
};

const seconds = (times: BootTimes) => bootTimeline(times).map((step) => step.seconds);

test.each<[string, Partial<BootTimes>, (number | null)[], number | null]>([
  ['all of it', {}, [null, 1.3, 0.8, 10, 28, 0.5], 40.5],
  ['nobody waited', { queuedAt: null }, [null, null, 0.8, 10, 28, 0.5], 39.3],
  [
    'it still boots',
    { registeredAt: null, firstStartAt: null },
    [null, 1.3, 0.8, 10, null, null],
    null,
  ],
  ['it was seen to run too late', { runningAt: at(50) }, [null, 1.3, 0.8, null, 38, 0.5], 40.5],
  ['its reply was lost', { createdAt: null }, [null, 1.3, null, 10.8, 28, 0.5], 40.5],
  ['the clock of the cloud is behind', { createdAt: at(1) }, [null, 1.3, 0, 11, 28, 0.5], 40.5],
])('%s', (_name, changes, steps, total) => {
  const times = { ...TIMES, ...changes };
  expect(seconds(times)).toEqual(steps);
  expect(totalSeconds(times)).toBe(total);
});
