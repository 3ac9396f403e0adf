import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import {
  createProcessTable,
  listDescendants,
  parseProcStat,
  parsePs,
  type ProcessRow,
} from './process-table.ts';

function row(pid: number, parentPid: number): ProcessRow {
  return { pid, parentPid, groupId: pid, residentBytes: 0, startTime: null };
}

test('reads /proc/PID/stat, whatever the program calls itself', () => {
  const fields = Array.from({ length: 50 }, (_, index) => String(index + 4));
  const text = `7 (evil) R 1 (x) S ${fields.join(' ')}`;
  expect(parseProcStat(7, text)).toEqual({
    pid: 7,
    parentPid: 4,
    groupId: 5,
    residentBytes: 24 * 4096,
    startTime: '22',
  });
});

test('leaves out the dead', () => {
  expect(parseProcStat(7, `7 (x) Z ${'1 '.repeat(50)}`)).toBeNull();
  expect(parsePs('  7     1     7  1000 Z+\n')).toEqual([]);
});

test('reads ps', () => {
  expect(parsePs('    1     0     1 12000 Ss\n   42     1    40   512 R+\n')).toEqual([
    { pid: 1, parentPid: 0, groupId: 1, residentBytes: 12_288_000, startTime: null },
    { pid: 42, parentPid: 1, groupId: 40, residentBytes: 524_288, startTime: null },
  ]);
});

test('finds all descendants, nearest first', () => {
  const rows = [row(5, 3), row(2, 1), row(3, 2), row(4, 2), row(9, 8)];
  expect(listDescendants(rows, 2).map(({ pid }) => pid)).toEqual([3, 4, 5]);
  expect(listDescendants(rows, 7)).toEqual([]);
});

test('never takes everybody for a descendant', () => {
  expect(listDescendants([row(1, 0), row(2, 0)], 0)).toEqual([]);
});

test('sees this process the way ps does', async () => {
  const text = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,pgid=,rss=,stat='], {
    encoding: 'utf8',
  });
  const byPs = parsePs(text).find(({ pid }) => pid === process.pid);
  const own = (await createProcessTable('/bin/ps')(0)).find(({ pid }) => pid === process.pid);
  expect(own).toMatchObject({
    pid: process.pid,
    parentPid: byPs?.parentPid,
    groupId: byPs?.groupId,
  });
  expect(own?.residentBytes).toBeGreaterThan(10_000_000);
});

test('shares one listing among callers content with its age', async () => {
  const table = createProcessTable(undefined);
  expect(table(10_000)).toBe(table(10_000));
  expect(table(-1)).not.toBe(table(-1));
  await table(10_000);
});
