import { mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { manifestSchema } from '@nexus/grid/contract';
import { sha256 } from '@nexus/kit/hash';
import { beforeEach, describe, expect, it } from 'vitest';

import { gather } from './gather.ts';
import { HashCache } from './hash-cache.ts';
import { hashFiles } from './hash-files.ts';
import { pack } from './pack.ts';
import { ProjectFolder } from './project-folder.ts';
import { findLargeProject, largestEntries } from './size-check.ts';
import type { ProjectFile } from './walk.ts';
import { makeFolder } from '../testing/run-cli.ts';

let root = '';
let cacheFolder = '';

beforeEach(() => {
  root = makeFolder('pack');
  cacheFolder = makeFolder('cache');
});

function findings(...required: string[]) {
  return gather({ project: new ProjectFolder(root, root), required, words: [], excluded: [] });
}

it('names a project as the contract wants it, sorted by path', async () => {
  mkdirSync(join(root, 'a/empty'), { recursive: true });
  for (const name of ['b', 'a/z', 'a-b', 'Z']) writeFileSync(join(root, name), name);
  const { manifest, sources, totalBytes } = await pack({
    findings: findings(),
    inputs: [],
    cache: undefined,
  });
  expect(manifestSchema.parse(manifest)).toEqual(manifest);
  expect(manifest.entries.map((entry) => entry.path)).toEqual(['Z', 'a-b', 'a/empty', 'a/z', 'b']);
  expect(sources.get(sha256('a/z'))).toEqual({ path: join(root, 'a/z'), sizeBytes: 3 });
  expect(totalBytes).toBe(8);
});

it('hashes small, large and empty files', async () => {
  const large = Buffer.alloc(3_000_001, 'x');
  writeFileSync(join(root, 'large'), large);
  writeFileSync(join(root, 'empty'), '');
  const { entries } = await pack({ findings: findings(), inputs: [], cache: undefined });
  expect(entries.get('large')).toMatchObject({ sizeBytes: 3_000_001, sha256: sha256(large) });
  expect(entries.get('empty')).toMatchObject({ sizeBytes: 0, sha256: sha256('') });
});

it('takes a file that grows as it was, and refuses one that shrinks', async () => {
  writeFileSync(join(root, 'log'), 'one\n');
  const seen = findings();
  writeFileSync(join(root, 'log'), 'one\ntwo\n');
  const { entries } = await pack({ findings: seen, inputs: [], cache: undefined });
  expect(entries.get('log')).toMatchObject({ sizeBytes: 4, sha256: sha256('one\n') });
  writeFileSync(join(root, 'log'), '');
  await expect(pack({ findings: seen, inputs: [], cache: undefined })).rejects.toThrow(
    'changed while it was being sent',
  );
});

describe('the hash cache', () => {
  const old = new Date(Date.now() - 60_000);
  const fileOf = (seen: ReturnType<typeof findings>, path: string): ProjectFile => {
    const file = seen.files.get(path);
    if (!file) throw new Error(`no ${path}`);
    // Files of a test are always young; only their times are made up here.
    return { ...file, mtimeMs: old.getTime(), ctimeMs: old.getTime() };
  };

  it('answers for a settled file without reading it', async () => {
    writeFileSync(join(root, 'a'), 'a');
    const file = fileOf(findings(), 'a');
    const first = HashCache.load(cacheFolder, root);
    await hashFiles([file], first);
    await first.save();
    rmSync(join(root, 'a'));
    const [again] = await hashFiles([file], HashCache.load(cacheFolder, root));
    expect(again?.sha256).toBe(sha256('a'));
  });

  it.each(['sizeBytes', 'mtimeMs', 'ctimeMs', 'inode'] as const)(
    'reads again when %s differs',
    async (property) => {
      writeFileSync(join(root, 'a'), 'a');
      const file = fileOf(findings(), 'a');
      const cache = HashCache.load(cacheFolder, root);
      cache.keep(file, 'wrong', Date.now());
      await cache.save();
      expect(HashCache.load(cacheFolder, root).find({ ...file, [property]: 0 })).toBeUndefined();
      expect(HashCache.load(cacheFolder, root).find(file)).toBe('wrong');
    },
  );

  it('keeps nothing of a file written a moment ago', async () => {
    writeFileSync(join(root, 'a'), 'a');
    utimesSync(join(root, 'a'), old, old);
    const cache = HashCache.load(cacheFolder, root);
    await hashFiles([...findings().files.values()], cache);
    await cache.save();
    expect(readdirSync(cacheFolder)).toEqual([]);
  });

  it('survives a damaged file and an unwritable folder', async () => {
    const cache = HashCache.load('/dev/null/nowhere', root);
    writeFileSync(join(root, 'a'), 'a');
    await hashFiles([fileOf(findings(), 'a')], cache);
    await expect(cache.save()).resolves.toBeUndefined();
  });
});

describe('the size check', () => {
  const file = (path: string, sizeBytes: number): ProjectFile => ({
    path,
    absolute: path,
    mode: 0o644,
    sizeBytes,
    mtimeMs: 0,
    ctimeMs: 0,
    inode: 0,
  });

  it('says nothing up to 200 MB', () => {
    expect(findLargeProject([file('a', 200e6)])).toBeUndefined();
  });

  it('names the largest entries above', () => {
    const large = findLargeProject([
      file('data/a.bin', 150e6),
      file('data/b.bin', 100e6),
      file('run.py', 10),
    ]);
    expect(large?.message).toBe(
      'the project has 250 MB in 3 files. The largest entries:\n    150 MB  data/a.bin\n    100 MB  data/b.bin\n      10 B  run.py',
    );
  });

  it('looks into a folder that holds nearly all', () => {
    expect(largestEntries([file('a/b/c', 950), file('a/b/d', 900), file('a/x', 10)], 2)).toEqual([
      ['a/b/c', 950],
      ['a/b/d', 900],
    ]);
  });
});
