import { expect, test } from 'vitest';

import { RecentDemand } from './recent-demand.ts';

const at = (minute: number, second = 0) => new Date(Date.UTC(2026, 10, 21, 10, minute, second));

test('of each minute the most is kept, oldest first', () => {
  const recent = new RecentDemand();
  recent.note(3, at(0));
  recent.note(7, at(0, 30));
  recent.note(5, at(0, 40));
  recent.note(1, at(1));
  expect(recent.list(at(1))).toEqual([7, 1]);
});

test('a minute in which nobody looked counts as empty', () => {
  const recent = new RecentDemand();
  recent.note(9, at(0));
  recent.note(2, at(4));
  expect(recent.list(at(4))).toEqual([9, 0, 0, 0, 2]);
});

test('no more than an hour is kept', () => {
  const recent = new RecentDemand();
  for (let minute = 0; minute < 90; minute += 1) recent.note(minute, at(minute));
  const list = recent.list(at(89));
  expect(list).toHaveLength(60);
  expect([list[0], list.at(-1)]).toEqual([30, 89]);
});
