import fc from 'fast-check';
import { expect, test } from 'vitest';

import {
  isManifestPath,
  manifestPathSchema,
  manifestSchema,
  type Manifest,
  type ManifestEntry,
} from './contract/index.ts';
import { filesOf, manifestBytes, manifestSha256 } from './manifests.ts';

const HASH = 'a'.repeat(64);

function file(
  path: string,
  changes: Partial<Extract<ManifestEntry, { type: 'file' }>> = {},
): ManifestEntry {
  return { type: 'file', path, mode: 0o644, sizeBytes: 1, sha256: HASH, ...changes };
}

test('a manifest has one name, in whatever order it was written', () => {
  const entries = [
    file('b'),
    file('a'),
    { type: 'directory' as const, path: 'c', mode: 0o755 },
    { type: 'symlink' as const, path: 'B', target: 'a' },
  ];
  fc.assert(
    fc.property(fc.shuffledSubarray(entries, { minLength: entries.length }), (shuffled) => {
      expect(manifestSha256({ entries: shuffled })).toBe(manifestSha256({ entries }));
    }),
  );
  const { mode, ...rest } = file('a') as Extract<ManifestEntry, { type: 'file' }>;
  expect(manifestSha256({ entries: [{ mode, ...rest }] })).toBe(
    manifestSha256({ entries: [{ ...rest, mode }] }),
  );
});

// Fault R21: two files that swapped their contents were taken for the same.
test('whatever differs in a manifest gives it another name', () => {
  const manifests: Manifest[] = [
    { entries: [] },
    { entries: [file('a'), file('b', { sha256: 'b'.repeat(64) })] },
    { entries: [file('a', { sha256: 'b'.repeat(64) }), file('b')] },
    { entries: [file('a')] },
    { entries: [file('a', { mode: 0o755 })] },
    { entries: [{ type: 'directory', path: 'a', mode: 0o755 }] },
    { entries: [{ type: 'symlink', path: 'a', target: 'b' }] },
    { entries: [{ type: 'symlink', path: 'a', target: 'c' }] },
  ];
  expect(new Set(manifests.map(manifestSha256)).size).toBe(manifests.length);
});

test('the bytes of a manifest read back as the manifest, sorted', () => {
  const entries = [file('ünï'), file('Z'), file('a\nb')];
  expect(
    manifestSchema
      .parse(JSON.parse(manifestBytes({ entries }).toString('utf8')))
      .entries.map((entry) => entry.path),
  ).toEqual(['Z', 'a\nb', 'ünï']);
  expect(
    filesOf({ entries: [...entries, { type: 'directory', path: 'd', mode: 0o700 }] }),
  ).toHaveLength(3);
});

test.each([
  'a',
  'a/b.c',
  '-x',
  ' a',
  'a\nb',
  'ñ/日本',
  '...',
  '.hidden',
  'a/..b',
  '/srv/in.csv',
  'x'.repeat(300),
])('%j is a path', (path) => {
  expect(manifestPathSchema.safeParse(path).success).toBe(true);
});

test.each([
  '',
  '.',
  '..',
  '/',
  'a/',
  '/a/',
  'a//b',
  '//a',
  './a',
  'a/.',
  'a/./b',
  '../a',
  'a/..',
  'a/../b',
  '/..',
  '/../etc',
  'a\0b',
  'x'.repeat(5000),
])('%j is none', (path) => {
  expect(manifestPathSchema.safeParse(path).success).toBe(false);
});

test('joined to a folder no path leads out of it', () => {
  fc.assert(
    fc.property(
      fc
        .array(fc.constantFrom('a', '..', '.', '', 'b', '/', '\\'), { maxLength: 8 })
        .map((parts) => parts.join('/')),
      (path) => {
        if (!isManifestPath(path)) return;
        const { pathname } = new URL(`file:///root/${path.replaceAll('\\', 'x')}`);
        expect(pathname.startsWith('/root/')).toBe(true);
      },
    ),
  );
});
