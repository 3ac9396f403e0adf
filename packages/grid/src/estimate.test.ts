import fc from 'fast-check';
import { expect, test } from 'vitest';

import { estimateSchema } from './contract/index.ts';
import { slotCostMicros } from './cost.ts';
import { estimateBatch } from './estimate.ts';

const CX23 = { slots: 2, priceMicrosPerHour: 9600 };

test.each([
  [{ durationMs: 3_600_000, priceMicrosPerHour: 9600, slots: 2 }, 4800],
  [{ durationMs: 0, priceMicrosPerHour: 9600, slots: 2 }, 0],
  [{ durationMs: 1000, priceMicrosPerHour: 9600, slots: 1 }, 3],
  [{ durationMs: 3_600_000, priceMicrosPerHour: 1, slots: 2 }, 1],
  [{ durationMs: 3_600_000, priceMicrosPerHour: 0, slots: 4 }, 0],
])('%o costs %i', (usage, micros) => {
  expect(slotCostMicros(usage)).toBe(micros);
});

// Fault R23: 500 times 30 s on a two-slot machine at 0.0096 euros an hour was said to cost 24.29 euros.
test.each([
  [
    'one machine',
    500,
    30_000,
    [CX23],
    [
      [1, 15_000_000, 20_000],
      [2, 7_500_000, 20_000],
    ],
    2,
  ],
  [
    'five machines',
    500,
    30_000,
    Array.from({ length: 5 }, () => CX23),
    [
      [1, 15_000_000, 20_000],
      [2, 7_500_000, 20_000],
      [4, 3_750_000, 20_000],
      [8, 1_890_000, 20_000],
      [10, 1_500_000, 20_000],
    ],
    10,
  ],
  ['no machine', 3, 60_000, [], [[1, 180_000, 0]], 1],
  ['one execution', 1, 1000, [CX23], [[1, 1000, 1]], 1],
  [
    'fewer than slots',
    3,
    1000,
    [{ slots: 16, priceMicrosPerHour: 0 }],
    [
      [1, 3000, 0],
      [2, 2000, 0],
      [3, 1000, 0],
    ],
    3,
  ],
])('%s', (_name, executions, medianMs, workers, options, knee) => {
  const estimate = estimateBatch({ executions, samples: 9, medianMs, p90Ms: medianMs, workers });
  expect(
    estimate.options.map((option) => [option.parallel, option.durationMs, option.costMicros]),
  ).toEqual(options);
  expect(estimate.knee).toBe(knee);
});

test('more at once is never slower, the knee is one of the options, and all of it fits the contract', () => {
  const worker = fc.record({
    slots: fc.integer({ min: 1, max: 64 }),
    priceMicrosPerHour: fc.nat(1_000_000),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.nat(10_000_000),
      fc.array(worker, { maxLength: 5 }),
      (executions, medianMs, workers) => {
        const estimate = estimateSchema.parse(
          estimateBatch({ executions, samples: 0, medianMs, p90Ms: medianMs, workers }),
        );
        const durations = estimate.options.map((option) => option.durationMs);
        expect(durations).toEqual(durations.toSorted((a, b) => b - a));
        expect(estimate.options.map((option) => option.parallel)).toContain(estimate.knee);
      },
    ),
  );
});
