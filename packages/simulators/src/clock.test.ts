import { expect, test } from 'vitest';

import { createManualClock, createRealClock } from './clock.ts';

test('a manual clock stops at every alarm on its way, in the order of time', () => {
  const clock = createManualClock(0);
  const seen: [string, number][] = [];
  clock.wakeAt(300, () => seen.push(['later', clock.now()]));
  clock.wakeAt(100, () => {
    seen.push(['first', clock.now()]);
    clock.wakeAt(150, () => seen.push(['from within', clock.now()]));
  });
  const callOff = clock.wakeAt(200, () => seen.push(['called off', clock.now()]));
  callOff();
  clock.advance(250);
  expect(clock.now()).toBe(250);
  clock.advance(50);
  expect(seen).toEqual([
    ['first', 100],
    ['from within', 150],
    ['later', 300],
  ]);
});

test('a real clock that runs fast wakes when its own time has come', async () => {
  const clock = createRealClock(1000);
  const at = clock.now() + 5000;
  const wokenAt = await new Promise<number>((resolve) => {
    clock.wakeAt(at, () => resolve(clock.now()));
  });
  expect(wokenAt).toBeGreaterThanOrEqual(at);
});
