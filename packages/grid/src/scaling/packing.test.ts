import { expect, test } from 'vitest';

import { canServe, roomFor } from './packing.ts';
import { GB, makeGroup } from './testing/situations.ts';

const ROOM = { slots: 8, cpus: 4, memoryBytes: 16 * GB };

test.each([
  ['slots', { cpus: 0.1, memoryBytes: GB }, 8],
  ['processors', { cpus: 1, memoryBytes: GB }, 4],
  ['processors, in parts', { cpus: 1.5, memoryBytes: GB }, 2],
  ['memory', { cpus: 0.1, memoryBytes: 6 * GB }, 2],
  ['nothing, where it asks for none', { cpus: 0, memoryBytes: 0 }, 8],
  ['its size', { cpus: 5, memoryBytes: GB }, 0],
])('how many fit is limited by %s', (_name, ask, count) => {
  expect(roomFor(makeGroup(ask), ROOM)).toBe(count);
});

test('sums of tenths fit as they do on paper', () => {
  expect(roomFor(makeGroup({ cpus: 0.1 }), { ...ROOM, cpus: 1 - 0.9 })).toBe(1);
});

test('a machine serves what fits and asks for nothing that it lacks', () => {
  const machine = { ...ROOM, offers: ['driver:docker'] };
  expect(canServe(makeGroup({ requires: ['driver:docker'] }), machine)).toBe(true);
  expect(canServe(makeGroup({ requires: ['driver:docker', 'driver:bubblewrap'] }), machine)).toBe(
    false,
  );
  expect(canServe(makeGroup({ cpus: 5 }), machine)).toBe(false);
});
