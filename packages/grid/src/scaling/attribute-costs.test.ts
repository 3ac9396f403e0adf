import fc from 'fast-check';
import { expect, test } from 'vitest';

import { attributeCosts, splitMicros, type ServerLife } from './attribute-costs.ts';
import { HOUR, MINUTE } from './testing/situations.ts';

const LIFE: ServerLife = {
  priceMicrosPerHour: 8800,
  ipv4MicrosPerHour: 800,
  createdAtMs: 0,
  registeredAtMs: 3 * MINUTE,
  endAtMs: HOUR,
  slots: 2,
  attemptMs: [],
  otherSlotMs: 0,
};

test('an hour is split by slot time into boot, executions and what stood idle', () => {
  const attemptMs = [30 * MINUTE, 15 * MINUTE, 3 * MINUTE];
  expect(attributeCosts({ ...LIFE, attemptMs })).toEqual({
    totalMicros: 9600,
    executionsMicros: 3520,
    bootMicros: 440,
    idleMicros: 4840,
    ipv4Micros: 800,
    attemptMicros: [2200, 1100, 220],
  });
});

test('attempts that are not told one by one count as those that are', () => {
  const attemptMs = [30 * MINUTE];
  expect(attributeCosts({ ...LIFE, attemptMs, otherSlotMs: 18 * MINUTE })).toMatchObject({
    executionsMicros: 3520,
    idleMicros: 4840,
    attemptMicros: [2200],
  });
});

test('attempts that were fetched ahead share what there is', () => {
  const attemptMs = Array.from({ length: 8 }, () => 30 * MINUTE);
  const parts = attributeCosts({ ...LIFE, registeredAtMs: 0, attemptMs });
  expect(parts).toMatchObject({ idleMicros: 0, bootMicros: 0, executionsMicros: 8800 });
  expect(parts.attemptMicros).toEqual(attemptMs.map(() => 1100));
});

test('the paid rest of the last hour is idle', () => {
  expect(attributeCosts({ ...LIFE, endAtMs: HOUR + 1 })).toMatchObject({
    totalMicros: 19_200,
    idleMicros: 17_600 - 440,
  });
});

test('a server that never came up is all boot and idle rest', () => {
  expect(attributeCosts({ ...LIFE, registeredAtMs: null, endAtMs: 6 * MINUTE })).toMatchObject({
    bootMicros: 880,
    idleMicros: 7920,
    executionsMicros: 0,
  });
});

// Row 46.
test('the parts add up to the bill, to the micro-euro', () => {
  const life = fc.record({
    priceMicrosPerHour: fc.nat(2_000_000),
    ipv4MicrosPerHour: fc.nat(2000),
    createdAtMs: fc.nat(HOUR),
    registeredAtMs: fc.option(fc.nat(2 * HOUR)),
    endAtMs: fc.integer({ min: HOUR, max: 1000 * HOUR }),
    slots: fc.integer({ min: 1, max: 64 }),
    attemptMs: fc.array(fc.nat(5 * HOUR), { maxLength: 30 }),
    otherSlotMs: fc.oneof(fc.constant(0), fc.nat(100 * HOUR)),
  });
  fc.assert(
    fc.property(life, (given) => {
      const { totalMicros, attemptMicros, ...lines } = attributeCosts(given);
      const sum = (all: readonly number[]) => all.reduce((total, micros) => total + micros, 0);
      expect(sum(Object.values(lines))).toBe(totalMicros);
      if (given.otherSlotMs === 0) expect(sum(attemptMicros)).toBe(lines.executionsMicros);
      expect(sum(attemptMicros)).toBeLessThanOrEqual(lines.executionsMicros);
      const each = [...Object.values(lines), ...attemptMicros];
      expect(each.every((micros) => Number.isInteger(micros) && micros >= 0)).toBe(true);
    }),
  );
});

test('shares are whole, add up, and are off by less than one', () => {
  fc.assert(
    fc.property(
      fc.nat(1e12),
      fc.array(fc.nat(1e13), { minLength: 1, maxLength: 20 }),
      (total, weights) => {
        const shares = splitMicros(total, weights);
        const sum = weights.reduce((a, b) => a + b, 0);
        expect(shares.reduce((a, b) => a + b, 0)).toBe(total);
        if (sum === 0) return;
        for (const [index, weight] of weights.entries()) {
          expect(Math.abs((shares[index] ?? 0) - (total / sum) * weight)).toBeLessThan(1.001);
        }
      },
    ),
  );
});
