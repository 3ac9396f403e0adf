import { once, EventEmitter } from 'node:events';
import { expect, test } from 'vitest';

import { createSkippingClock } from './skipping-clock.ts';

test('time that is skipped has passed for everyone who waits for a moment in it', async () => {
  const clock = createSkippingClock();
  const startedAt = clock.now();
  const rung = new EventEmitter();
  clock.wakeAt(startedAt + 1_800_000, () => rung.emit('half'));
  const callOff = clock.wakeAt(startedAt + 1_900_000, () =>
    rung.emit('error', new Error('called off')),
  );
  const later = clock.wakeAt(startedAt + 7_200_000, () =>
    rung.emit('error', new Error('too early')),
  );
  callOff();
  const half = once(rung, 'half');
  clock.skip(3_600_000);
  await half;
  expect(clock.now() - startedAt).toBeGreaterThanOrEqual(3_600_000);
  later();
});
