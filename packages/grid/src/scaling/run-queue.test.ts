import fc from 'fast-check';
import { expect, test } from 'vitest';

import { runQueue, type Machine, type QueuedGroup } from './run-queue.ts';
import { GB } from './testing/situations.ts';

function machine(id: string, changes: Partial<Machine> = {}): Machine {
  const room = { slots: 2, cpus: 2, memoryBytes: 4 * GB };
  return { id, ...room, offers: [], availableAtMs: 0, running: [], ...changes };
}

function group(changes: Partial<QueuedGroup> = {}): QueuedGroup {
  const ask = { cpus: 1, memoryBytes: GB, requires: [] };
  return { ...ask, count: 1, parallel: null, active: 0, runMs: 100, ...changes };
}

/** `group@machine start xcount`, in the order of placement. */
function play(groups: readonly QueuedGroup[], machines: readonly Machine[]): string[] {
  return runQueue(groups, machines, 0).map(
    ({ group, machineId, startAtMs, count }) => `${group}@${machineId} ${startAtMs} x${count}`,
  );
}

test('executions start as slots come free, on the first machine that has one', () => {
  const running = [{ cpus: 1, memoryBytes: GB, endAtMs: 30 }];
  const machines = [machine('a', { running }), machine('b', { availableAtMs: 50 })];
  expect(play([group({ count: 6 })], machines)).toEqual([
    '0@a 0 x1',
    '0@a 30 x1',
    '0@b 50 x2',
    '0@a 100 x1',
    '0@a 130 x1',
  ]);
});

test('no more of a group run at once than its --parallel allows, those that run already included', () => {
  const limited = group({ count: 3, parallel: 2, active: 1 });
  // The one that runs is expected to be half done.
  expect(play([limited], [machine('a', { slots: 9, cpus: 9, memoryBytes: 9 * GB })])).toEqual([
    '0@a 0 x1',
    '0@a 50 x1',
    '0@a 100 x1',
  ]);
});

test('what is too large for the moment is waited for, and not passed by what is small', () => {
  const groups = [group({ cpus: 2 }), group({ count: 2 })];
  const running = [{ cpus: 1, memoryBytes: GB, endAtMs: 30 }];
  expect(play(groups, [machine('a', { running })])).toEqual(['0@a 30 x1', '1@a 130 x2']);
});

test('what no machine can run stays without a place', () => {
  expect(
    play([group({ requires: ['driver:docker'] }), group({ cpus: 3 })], [machine('a')]),
  ).toEqual([]);
});

test('a million executions are simulated in large steps, to the same end', () => {
  const placements = runQueue([group({ count: 1_000_000 })], [machine('a'), machine('b')], 0);
  expect(placements.length).toBeLessThan(2000);
  expect(placements.reduce((sum, { count }) => sum + count, 0)).toBe(1_000_000);
  const endAtMs = Math.max(...placements.map((placement) => placement.endAtMs));
  expect(endAtMs / 25_000_000).toBeCloseTo(1, 2);
});

test('each is placed once, in time, and no machine is ever overfull', () => {
  const machines = fc.array(
    fc.record({ slots: fc.integer({ min: 1, max: 4 }), availableAtMs: fc.nat(500) }),
    { maxLength: 4 },
  );
  const groups = fc.array(
    fc.record({
      cpus: fc.constantFrom(0.5, 1, 2),
      count: fc.integer({ min: 1, max: 30 }),
      parallel: fc.option(fc.integer({ min: 1, max: 5 })),
      runMs: fc.nat(300),
    }),
    { minLength: 1, maxLength: 3 },
  );
  fc.assert(
    fc.property(machines, groups, (hosts, asked) => {
      const list = hosts.map((host, index) => machine(`m${index}`, host));
      const queue = asked.map(group);
      const placements = runQueue(queue, list, 0);
      for (const [index, { count, cpus }] of queue.entries()) {
        const placed = placements.filter((placement) => placement.group === index);
        const isPossible = list.length > 0 && cpus <= 2;
        expect(placed.reduce((sum, placement) => sum + placement.count, 0)).toBe(
          isPossible ? count : 0,
        );
      }
      for (const { startAtMs, machineId } of placements) {
        const host = list.find(({ id }) => id === machineId);
        expect(startAtMs).toBeGreaterThanOrEqual(host?.availableAtMs ?? Infinity);
        const beside = placements.filter(
          (other) => other.startAtMs <= startAtMs && startAtMs < other.endAtMs,
        );
        const here = beside.filter((other) => other.machineId === machineId);
        const cpus = here.reduce(
          (sum, other) => sum + other.count * (queue[other.group]?.cpus ?? 0),
          0,
        );
        expect(here.reduce((sum, other) => sum + other.count, 0)).toBeLessThanOrEqual(
          host?.slots ?? 0,
        );
        expect(cpus).toBeLessThanOrEqual(2);
        for (const [index, { parallel }] of queue.entries()) {
          const together = beside.filter((other) => other.group === index);
          expect(together.reduce((sum, other) => sum + other.count, 0)).toBeLessThanOrEqual(
            parallel ?? Infinity,
          );
        }
      }
    }),
  );
});
