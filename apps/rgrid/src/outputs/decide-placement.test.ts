import type { ManifestEntry } from '@nexus/grid/contract';
import { describe, expect, it } from 'vitest';

import { decidePlacement, type KnownContent, type LocalState } from './decide-placement.ts';

const digest = (letter: string) => letter.repeat(64);
const file = (letter: string): ManifestEntry => ({
  type: 'file',
  path: 'x',
  mode: 0o644,
  sizeBytes: 1,
  sha256: digest(letter),
});
const link = (target: string): ManifestEntry => ({ type: 'symlink', path: 'x', target });
const folder: ManifestEntry = { type: 'directory', path: 'x', mode: 0o755 };
const localFile = (letter: string): LocalState => ({ kind: 'file', sha256: digest(letter) });
const nothing: KnownContent = { sent: undefined, written: [] };

describe('decidePlacement', () => {
  const table: [string, ManifestEntry, LocalState, KnownContent, string][] = [
    ['nothing is here', file('b'), { kind: 'absent' }, nothing, 'write'],
    ['the same is here', file('b'), localFile('b'), nothing, 'identical'],
    ['what was sent is here', file('b'), localFile('a'), { sent: file('a'), written: [] }, 'write'],
    [
      'what rgrid wrote is here',
      file('b'),
      localFile('a'),
      { sent: undefined, written: [digest('a')] },
      'write',
    ],
    [
      'it was changed after it was sent',
      file('b'),
      localFile('c'),
      { sent: file('a'), written: [] },
      'beside',
    ],
    [
      'it was changed after rgrid wrote it',
      file('b'),
      localFile('c'),
      { sent: undefined, written: [digest('a')] },
      'beside',
    ],
    ['it appeared meanwhile', file('b'), localFile('c'), nothing, 'beside'],
    ['a folder is in its place', file('b'), { kind: 'directory' }, nothing, 'beside'],
    [
      'a link is in its place',
      file('b'),
      { kind: 'symlink', target: 'y' },
      { sent: link('y'), written: [] },
      'beside',
    ],
    ['a pipe is in its place', file('b'), { kind: 'other' }, nothing, 'beside'],
    ['the same link is here', link('y'), { kind: 'symlink', target: 'y' }, nothing, 'identical'],
    [
      'the link that was sent is here',
      link('z'),
      { kind: 'symlink', target: 'y' },
      { sent: link('y'), written: [] },
      'write',
    ],
    ['another link is here', link('z'), { kind: 'symlink', target: 'y' }, nothing, 'beside'],
    [
      'a file is where a link goes',
      link('z'),
      localFile('a'),
      { sent: file('a'), written: [] },
      'beside',
    ],
    ['the folder is here', folder, { kind: 'directory' }, nothing, 'identical'],
    ['a file is where a folder goes', folder, localFile('a'), nothing, 'beside'],
  ];

  it.each(table)('when %s', (...[, entry, local, known, expected]) => {
    expect(decidePlacement(entry, local, known)).toBe(expected);
  });
});
