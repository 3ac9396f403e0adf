import { EXECUTION_STATES } from '@nexus/grid/constants';
import type { StateCounts, Worker } from '@nexus/grid/contract';
import { expect, it } from 'vitest';

import { activityOf, watchSlots } from './batch-activity.ts';

// fromEntries forgets its keys; they are exactly EXECUTION_STATES.
const none = Object.fromEntries(EXECUTION_STATES.map((state) => [state, 0])) as StateCounts;

it.each([
  [{ running: 2, leased: 1, publishing: 4 }, undefined, { running: 3, saving: 4 }],
  [{ running: 2, leased: 32 }, 2, { running: 2, saving: 0 }],
  [{ running: 4 }, 2, { running: 2, saving: 0 }],
  [{ running: 1 }, 8, { running: 1, saving: 0 }],
  [{ running: 2 }, 0, { running: 0, saving: 0 }],
])('of %j with %j slots %j are under way', (counts, slots, expected) => {
  expect(activityOf({ ...none, ...counts }, slots)).toEqual(expected);
});

it('nothing is before the platform has said anything', () => {
  expect(activityOf(undefined, 8)).toEqual({ running: 0, saving: 0 });
});

it('the slots of all workers count, as they come and go', async () => {
  const worker = (slots: number): Worker => ({ slots }) as Worker;
  const answers = [[worker(2), worker(4)], undefined, [worker(4)]];
  const seen: number[] = [];
  const controller = new AbortController();
  await watchSlots({
    listWorkers: async () => {
      const answer = answers.shift();
      if (!answer) throw new Error('no answer');
      return answer;
    },
    onSlots: (slots) => {
      seen.push(slots);
      if (seen.length === 2) controller.abort();
    },
    everyMs: 0,
    signal: controller.signal,
  });
  expect(seen).toEqual([6, 4]);
});
