import { expect, test } from 'vitest';

import { billAt, countStartedHours, type BillLine } from './billing.ts';

const HOUR_MS = 3_600_000;
const START = Date.UTC(2026, 10, 2, 8, 17);

test.each([
  [0, 1],
  [1, 1],
  [HOUR_MS, 1],
  [HOUR_MS + 1, 2],
  [25.5 * HOUR_MS, 26],
])('%d ms are %d started hours', (aliveMs, hours) => {
  expect(countStartedHours(START, START + aliveMs)).toBe(hours);
});

test('what is alive is billed up to now, what is gone up to its end', () => {
  const lines = [line({}), line({ endsAt: START + 90 * 60_000 })];
  expect(billAt(lines, START + 3 * HOUR_MS).lines.map(({ micros }) => micros)).toEqual([
    3 * 8800,
    2 * 8800,
  ]);
  expect(billAt(lines, START + 30 * 60_000).totalMicros).toBe(2 * 8800);
});

test('a calendar month never costs more than its price', () => {
  const wholeMonth = line({ startsAt: Date.UTC(2026, 9, 1), endsAt: Date.UTC(2026, 10, 1) });
  expect(billAt([wholeMonth], START).totalMicros).toBe(5_490_000);
  const andTwoHours = line({
    startsAt: Date.UTC(2026, 9, 1),
    endsAt: Date.UTC(2026, 10, 1, 2),
  });
  expect(billAt([andTwoHours], START).totalMicros).toBe(5_490_000 + 2 * 8800);
});

function line(changes: Partial<BillLine>): BillLine {
  return {
    ...{ kind: 'server', id: 1, name: 'a', project: 'default', serverId: 1, labels: {} },
    ...{ serverType: 'cx23', location: 'fsn1', startsAt: START, endsAt: null },
    price: { hourlyMicros: 8800, monthlyMicros: 5_490_000 },
    ...changes,
  };
}
