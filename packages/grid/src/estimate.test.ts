import fc from 'fast-check';
import { expect, test } from 'vitest';

import { estimateSchema } from './contract/index.ts';
import { slotCostMicros } from './cost.ts';
import { estimateBatch, type EstimateServer } from './estimate.ts';

const CX23 = { slots: 2, priceMicrosPerHour: 9600 };
const ORDERED: EstimateServer = {
  slots: 2,
  priceMicrosPerHour: 8800,
  ipv4MicrosPerHour: 800,
  bootMs: 45_000,
  most: 10,
};
const SECOND = 1000;
const MINUTE = 60 * SECOND;

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
  const basis = { executions, samples: 9, medianMs, p90Ms: medianMs, workers, server: null };
  const estimate = estimateBatch(basis);
  expect(
    estimate.options.map((option) => [option.parallel, option.durationMs, option.costMicros]),
  ).toEqual(options);
  expect(estimate.knee).toBe(knee);
});

// Row 44. Fault R23: to run 500 times 30 s takes five server hours, not 24 euros.
test.each<
  [string, number, number, { slots: number; priceMicrosPerHour: number }[], number[][], number]
>([
  [
    'an hour of each server, begun and paid',
    500,
    30 * SECOND,
    [],
    [
      [1, 250 * MINUTE + 45 * SECOND, 5 * 9600, 1],
      [2, 125 * MINUTE + 45 * SECOND, 3 * 9600, 1],
      [4, 62.5 * MINUTE + 45 * SECOND, 4 * 9600, 2],
      [8, 31.5 * MINUTE + 45 * SECOND, 4 * 9600, 4],
      [16, 16 * MINUTE + 45 * SECOND, 8 * 9600, 8],
      [20, 12.5 * MINUTE + 45 * SECOND, 10 * 9600, 10],
    ],
    8,
  ],
  [
    'a laptop first, and servers beside it',
    40,
    10 * MINUTE,
    [{ slots: 4, priceMicrosPerHour: 0 }],
    [
      [1, 400 * MINUTE, 0, 0],
      [2, 200 * MINUTE, 0, 0],
      [4, 100 * MINUTE, 0, 0],
      [8, 50 * MINUTE + 45 * SECOND, 2 * 9600, 2],
      [16, 30 * MINUTE + 45 * SECOND, 6 * 9600, 6],
      [24, 20 * MINUTE + 45 * SECOND, 10 * 9600, 10],
    ],
    8,
  ],
  [
    'no server that would be up when all is done',
    6,
    10 * SECOND,
    [{ slots: 2, priceMicrosPerHour: 0 }],
    [
      [1, 60 * SECOND, 0, 0],
      [2, 30 * SECOND, 0, 0],
      [4, 30 * SECOND, 0, 0],
      [6, 30 * SECOND, 0, 0],
    ],
    2,
  ],
])('with servers to order: %s', (_name, executions, medianMs, workers, options, knee) => {
  const basis = { executions, samples: 9, medianMs, p90Ms: medianMs, workers, server: ORDERED };
  const estimate = estimateBatch(basis);
  expect(
    estimate.options.map(({ parallel, durationMs, costMicros, servers }) => [
      parallel,
      durationMs,
      costMicros,
      servers,
    ]),
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
      fc.constantFrom(null, ORDERED, { ...ORDERED, most: 0 }),
      (executions, medianMs, workers, server) => {
        const basis = { executions, samples: 0, medianMs, p90Ms: medianMs, workers, server };
        const estimate = estimateSchema.parse(estimateBatch(basis));
        const durations = estimate.options.map((option) => option.durationMs);
        expect(durations).toEqual(durations.toSorted((a, b) => b - a));
        expect(estimate.options.map((option) => option.parallel)).toContain(estimate.knee);
      },
    ),
  );
});
