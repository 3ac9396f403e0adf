import { expect, test } from 'vitest';

import { rememberRefusal, rememberSuccess } from './refusals.ts';
import type { RefusalMemory } from './snapshot.ts';

const NOTHING: RefusalMemory = { cells: [], account: null };
const CELL = { kind: 'cell', serverType: 'cx23', location: 'fsn1', reason: 'sold out' } as const;
const MINUTE = 60_000;

function repeat(times: number, refusal: Parameters<typeof rememberRefusal>[1]): RefusalMemory {
  let memory = NOTHING;
  for (let n = 0; n < times; n += 1) memory = rememberRefusal(memory, refusal, 0);
  return memory;
}

test.each([
  [1, 5],
  [2, 10],
  [3, 20],
  [4, 30],
  [99, 30],
])('what has been sold out %i times in a row is left alone for %i minutes', (times, minutes) => {
  expect(repeat(times, CELL).cells).toEqual([
    {
      serverType: 'cx23',
      location: 'fsn1',
      reason: 'sold out',
      failures: times,
      untilMs: minutes * MINUTE,
    },
  ]);
});

test.each([
  ['account', 1, 5 * MINUTE],
  ['account', 9, 30 * MINUTE],
  ['passing', 1, 15_000],
  ['passing', 2, 30_000],
  ['passing', 9, 5 * MINUTE],
] as const)(
  'a refusal of kind %s, %i times, stops all creates for %i ms',
  (kind, times, untilMs) => {
    expect(repeat(times, { kind, reason: 'no' })).toEqual({
      cells: [],
      account: { failures: times, untilMs, reason: 'no' },
    });
  },
);

test('a create that goes through clears its cell and the account, not other cells', () => {
  const other = { ...CELL, location: 'nbg1' };
  let memory = rememberRefusal(repeat(3, CELL), other, 0);
  memory = rememberRefusal(memory, { kind: 'account', reason: 'limit' }, 0);
  expect(rememberSuccess(memory, CELL)).toMatchObject({
    cells: [{ location: 'nbg1' }],
    account: null,
  });
});
