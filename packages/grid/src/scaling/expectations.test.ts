import { expect, test } from 'vitest';

import { expectRemainingMs } from './expectations.ts';

test.each([
  [60_000, 0, 60_000],
  [60_000, 20_000, 40_000],
  [60_000, 50_000, 25_000],
  [60_000, 600_000, 300_000],
  [0, 0, 0],
])(
  'of %i ms expected, after %i ms, %i ms are still to come',
  (expectedMs, elapsedMs, remaining) => {
    expect(expectRemainingMs({ expectedMs, elapsedMs })).toBe(remaining);
  },
);
