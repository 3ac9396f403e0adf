import { expect, test } from 'vitest';

import { RateLimit } from './rate-limit.ts';

const NOW = Date.UTC(2026, 10, 2, 8);

test('a whole hour of requests may come at once, and then one a second', () => {
  const limit = new RateLimit(3600);
  for (let count = 0; count < 3600; count += 1) expect(limit.take(NOW)).toBe(true);
  expect(limit.take(NOW + 999)).toBe(false);
  expect(limit.take(NOW + 1000)).toBe(true);
  expect(limit.take(NOW + 1000)).toBe(false);
});

test('the headers tell what is left, and when everything is back', () => {
  const limit = new RateLimit(3600);
  limit.use(60, NOW);
  expect(limit.headers(NOW)).toEqual({
    'RateLimit-Limit': '3600',
    'RateLimit-Remaining': '3540',
    'RateLimit-Reset': String(NOW / 1000 + 60),
  });
  expect(limit.headers(NOW + 3_600_000)['RateLimit-Remaining']).toBe('3600');
});
