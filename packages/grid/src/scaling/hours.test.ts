import fc from 'fast-check';
import { expect, test } from 'vitest';

import { billMicros, HOUR_MS, paidUntilMs, startedHours } from './hours.ts';

test.each([
  [0, 1],
  [1, 1],
  [HOUR_MS, 1],
  [HOUR_MS + 1, 2],
  [25 * HOUR_MS - 1, 25],
])('%i ms of life are %i started hours', (lifeMs, hours) => {
  expect(startedHours(lifeMs)).toBe(hours);
});

test('the bill is hours times price, IPv4 included', () => {
  const rent = { priceMicrosPerHour: 8800, ipv4MicrosPerHour: 800 };
  expect(billMicros(rent, { createdAtMs: 500, endAtMs: 500 + HOUR_MS + 1 })).toBe(2 * 9600);
});

test('until its paid hour ends a server costs nothing more, and right after it does', () => {
  fc.assert(
    fc.property(fc.nat(1e12), fc.nat(1e9), (createdAtMs, ageMs) => {
      const nowMs = createdAtMs + ageMs;
      const endMs = paidUntilMs(createdAtMs, nowMs);
      expect(endMs).toBeGreaterThanOrEqual(nowMs);
      expect(startedHours(endMs - createdAtMs)).toBe(startedHours(ageMs));
      expect(startedHours(endMs + 1 - createdAtMs)).toBe(startedHours(ageMs) + 1);
    }),
  );
});
