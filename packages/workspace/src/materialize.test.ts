import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import type { FileEntry, ManifestEntry } from '@nexus/grid/contract';

import { inParallel, materialize, type Owner } from './materialize.ts';

let folder: string;
let tree: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nexus-materialize-'));
  tree = join(folder, 'tree');
});

afterEach(() => rm(folder, { recursive: true, force: true }));

function file(path: string, mode = 0o644): FileEntry {
  return { type: 'file', path, mode, sizeBytes: 0, sha256: 'a'.repeat(64) };
}

/** Every file holds its own path. */
const source = {
  place: (entry: FileEntry, destination: string) => writeFile(destination, entry.path),
};

function lay(
  entries: readonly ManifestEntry[],
  folders: readonly string[] = [],
  owner: Owner | null = null,
) {
  return materialize({ tree, entries, folders, owner, source });
}

async function modeOf(path: string): Promise<number> {
  return (await stat(join(tree, path))).mode & 0o777;
}

test('files come with their bytes and modes, into folders that nobody had to name', async () => {
  const paths = [
    '/p/main.py',
    '/p/a/b/c/deep',
    '/p/a b/ñ\n.txt',
    '/p/-x',
    '/srv/other',
    `/p/${'x'.repeat(255)}`,
  ];
  await lay([
    ...paths.map((path) => file(path)),
    file('/p/tool', 0o755),
    file('/p/secret', 0o600),
    file('/p/read-only', 0o400),
  ]);
  for (const path of paths) expect(await readFile(join(tree, path), 'utf8')).toBe(path);
  expect(
    await Promise.all(['/p/main.py', '/p/tool', '/p/secret', '/p/read-only', '/p/a/b'].map(modeOf)),
  ).toEqual([0o644, 0o755, 0o600, 0o400, 0o755]);
});

test('folders that are asked for are there, empty ones and those that will be closed, too', async () => {
  await lay(
    [
      { type: 'directory', path: '/p/closed', mode: 0o500 },
      file('/p/closed/inside'),
      { type: 'directory', path: '/p/empty', mode: 0o700 },
    ],
    ['/p', '/p/work/here'],
  );
  expect(await readFile(join(tree, '/p/closed/inside'), 'utf8')).toBe('/p/closed/inside');
  expect([
    await modeOf('/p/closed'),
    await modeOf('/p/empty'),
    await modeOf('/p/work/here'),
  ]).toEqual([0o500, 0o700, 0o755]);
  expect(await readdir(join(tree, '/p/empty'))).toEqual([]);
});

test('links are laid as they are, broken ones, too', async () => {
  await lay([
    file('/p/a'),
    { type: 'symlink', path: '/p/good', target: 'a' },
    { type: 'symlink', path: '/p/broken', target: '/nowhere/at all' },
  ]);
  expect(await readFile(join(tree, '/p/good'), 'utf8')).toBe('/p/a');
  expect(await readlink(join(tree, '/p/broken'))).toBe('/nowhere/at all');
});

test('a link in the way of a file leads nowhere outside', async () => {
  const outside = join(folder, 'outside');
  await mkdir(outside);
  const laid = lay([file('/p/l/file'), { type: 'symlink', path: '/p/l', target: outside }]);
  await expect(laid).rejects.toThrow('EEXIST');
  expect(await readdir(outside)).toEqual([]);
});

test.skipIf(process.getuid?.() !== 0)(
  'all of it belongs to whom the script runs as [needs root]',
  async () => {
    const owner = { uid: 12_345, gid: 12_346 };
    await lay([file('/p/a/b'), { type: 'directory', path: '/p/d', mode: 0o755 }], ['/p/w'], owner);
    for (const path of ['/p', '/p/a', '/p/a/b', '/p/d', '/p/w']) {
      expect(await stat(join(tree, path)), path).toMatchObject(owner);
    }
  },
);

test('a file that cannot be had fails the whole', async () => {
  const failing = {
    place: async (entry: FileEntry) => Promise.reject(new Error(`no ${entry.path}`)),
  };
  await expect(
    materialize({ tree, entries: [file('/p/a')], folders: [], owner: null, source: failing }),
  ).rejects.toThrow('no /p/a');
});

test('work in parallel is done once for each, a bounded number at a time', async () => {
  const done: number[] = [];
  let busy = 0;
  let most = 0;
  await inParallel(
    Array.from({ length: 100 }, (_, n) => n),
    async (n) => {
      busy += 1;
      most = Math.max(most, busy);
      await Promise.resolve();
      done.push(n);
      busy -= 1;
    },
  );
  expect(done.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, n) => n));
  expect(most).toBeLessThanOrEqual(16);
  await expect(inParallel([1], async () => Promise.reject(new Error('failed')))).rejects.toThrow(
    'failed',
  );
});
