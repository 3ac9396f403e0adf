import { expect, test } from 'vitest';

import type { FileEntry } from '@nexus/grid/contract';

import { holdToDiskLimit, type Ending } from './hold-to-disk-limit.ts';

const MEGABYTE = 1_000_000;

function file(path: string, sizeBytes: number): FileEntry {
  return { type: 'file', path, mode: 0o644, sizeBytes, sha256: '0'.repeat(64) };
}

function ended(entries: FileEntry[], ending: Partial<Ending> = {}): Ending {
  const changes = { manifest: { entries }, skipped: [] };
  return { outcome: 'succeeded', exitCode: 0, reason: null, changes, ...ending };
}

const GIVEN = { project: { entries: [] }, input: null, diskBytes: 20 * MEGABYTE };
const HOLES = Array.from({ length: 20 }, (_, index) => file(`${index}`, 19 * MEGABYTE));

test('leaves outputs of exactly the limit alone', () => {
  const ending = ended([file('a', 19 * MEGABYTE), file('b', MEGABYTE)]);
  expect(holdToDiskLimit(ending, GIVEN)).toBe(ending);
});

test.each([
  ['a script that went well', { outcome: 'succeeded', exitCode: 0, reason: null }],
  ['a script that failed', { outcome: 'failed', exitCode: 3, reason: null }],
] as const)('ends %s like one that filled the disk, and names both sizes', (_name, ending) => {
  expect(holdToDiskLimit(ended(HOLES, ending), GIVEN)).toEqual({
    outcome: 'failed',
    exitCode: null,
    reason:
      'it wrote more than its disk limit: its outputs have 380 MB, its --disk is 20.0 MB; none of them came back',
    changes: { manifest: { entries: [] }, skipped: [] },
  });
});

test('leaves the outcome to what ended the script before', () => {
  const ending = ended(HOLES, { outcome: 'timed_out', exitCode: 124, reason: 'too long' });
  expect(holdToDiskLimit(ending, GIVEN)).toMatchObject({
    outcome: 'timed_out',
    exitCode: 124,
    reason: expect.stringMatching(/^too long; it wrote more than its disk limit: /),
    changes: { manifest: { entries: [] } },
  });
});

test('does not blame it for what it was given and changed in place', () => {
  const given = {
    ...GIVEN,
    project: { entries: [file('large.db', 50 * MEGABYTE)] },
    input: file('in.csv', 30 * MEGABYTE),
  };
  const within = ended([file('large.db', 60 * MEGABYTE), file('in.csv', 40 * MEGABYTE)]);
  expect(holdToDiskLimit(within, given)).toBe(within);
  const beyond = ended([file('large.db', 60 * MEGABYTE), file('in.csv', 40 * MEGABYTE + 1)]);
  expect(holdToDiskLimit(beyond, given)).toMatchObject({
    outcome: 'failed',
    reason: expect.stringContaining('have 20000001 bytes, its --disk is 20000000 bytes;'),
  });
});
