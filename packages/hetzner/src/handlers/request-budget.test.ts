import fc from 'fast-check';
import { expect, test } from 'vitest';

import {
  afterReply,
  afterSending,
  initialBudget,
  readyAt,
  type Priority,
  type RequestBudget,
} from './request-budget.ts';

const NOW = new Date('2026-11-20T10:00:00Z');
const later = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);

const budget = (remaining: number, limitPerHour = 3600): RequestBudget => ({
  ...{ limitPerHour, remaining, at: NOW, inFlight: 0, fullAt: null },
});

test.each([
  ['delete', 1, 0],
  ['delete', 0, 1],
  ['delete', -3, 4],
  ['create', 109, 0],
  ['create', 108, 1],
  ['create', 0, 109],
  ['read', 217, 0],
  ['read', 216, 1],
  ['read', 0, 217],
] as const)('a %s with %i of 3600 left may be sent in %i s', (priority, remaining, seconds) => {
  expect(readyAt(budget(remaining), priority, NOW)).toEqual(later(seconds));
});

test.each([
  // Limit, left, seconds until a read may be sent. A small limit keeps at least one for deletes.
  [10, 2, 0],
  [10, 1, 360],
  [1, 1, 0],
  [36_000, 2161, 0],
  [36_000, 2160, 0.1],
])('with a limit of %i and %i left a read may be sent in %f s', (limit, remaining, seconds) => {
  expect(readyAt(budget(remaining, limit), 'read', NOW)).toEqual(later(seconds));
});

test('what is left grows by the limit in an hour, and never over it', () => {
  expect(readyAt(budget(0), 'delete', later(1))).toEqual(later(1));
  const sent = afterSending(budget(3599), later(3600));
  expect(sent.remaining).toBe(3599);
});

test('a clock that goes back takes nothing away', () => {
  expect(readyAt(budget(1), 'delete', later(-60))).toEqual(later(-60));
});

test('a reply sets what is left, less those that are still under way', () => {
  const two = afterSending(afterSending(initialBudget(NOW), NOW), NOW);
  const headers = { limitPerHour: 7200, remaining: 500, fullAt: later(60) };
  const one = afterReply(two, headers, NOW);
  expect(one).toEqual({ ...headers, remaining: 499, at: NOW, inFlight: 1 });
  expect(afterReply(one, null, NOW)).toMatchObject({ remaining: 499, inFlight: 0 });
});

test('whatever is asked for, deletes have what is kept for them', () => {
  const priority = fc.constantFrom<Priority>('create', 'read');
  fc.assert(
    fc.property(fc.array(priority, { maxLength: 5000 }), (priorities) => {
      let left = budget(1000);
      for (const one of priorities)
        if (readyAt(left, one, NOW) <= NOW) left = afterSending(left, NOW);
      expect(left.remaining).toBeGreaterThanOrEqual(108);
      expect(readyAt(left, 'delete', NOW)).toEqual(NOW);
    }),
    { numRuns: 50 },
  );
});
