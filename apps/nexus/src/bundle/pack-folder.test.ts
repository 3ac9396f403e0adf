import {
  chmod,
  mkdir,
  mkdtemp,
  readlink,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { extract } from 'tar';

import { sha256OfFile } from '@nexus/kit/hash';

import { packFolder } from './pack-folder.ts';

let scratch: string;

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'pack-folder-'));
});

afterEach(() => rm(scratch, { recursive: true, force: true }));

const FILES: Record<string, { text: string; mode: number }> = {
  'b/program': { text: '#!/bin/sh', mode: 0o755 },
  'b/Data.txt': { text: 'data', mode: 0o644 },
  a: { text: 'a', mode: 0o644 },
};

async function makeFolder(name: string, paths: readonly string[]): Promise<string> {
  const folder = join(scratch, name);
  for (const path of paths) {
    const { text = '', mode } = FILES[path] ?? {};
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text, { mode });
  }
  await symlink('b/program', join(folder, 'link'));
  return folder;
}

async function pack(folder: string): Promise<string> {
  await packFolder(folder, `${folder}.tar.gz`);
  return sha256OfFile(`${folder}.tar.gz`);
}

test('the same contents have the same hash, whenever, in whatever order and by whomever they were made', async () => {
  const one = await makeFolder('one', Object.keys(FILES));
  const two = await makeFolder('two', Object.keys(FILES).toReversed());
  await utimes(join(two, 'a'), new Date(1e12), new Date(1e12));
  // As with another umask.
  await chmod(join(two, 'a'), 0o600);
  await chmod(join(two, 'b/program'), 0o700);
  expect(await pack(two)).toBe(await pack(one));
});

test('other contents, names or rights have another hash', async () => {
  const hashes = new Set([await pack(await makeFolder('one', Object.keys(FILES)))]);
  const text = await makeFolder('text', Object.keys(FILES));
  await writeFile(join(text, 'a'), 'A');
  const mode = await makeFolder('mode', Object.keys(FILES));
  await chmod(join(mode, 'a'), 0o755);
  const name = await makeFolder('name', Object.keys(FILES));
  await writeFile(join(name, 'c'), '');
  for (const folder of [text, mode, name]) hashes.add(await pack(folder));
  expect(hashes.size).toBe(4);
});

test('what is unpacked is what was packed', async () => {
  await pack(await makeFolder('one', Object.keys(FILES)));
  const unpacked = join(scratch, 'unpacked');
  await mkdir(unpacked);
  await extract({ file: join(scratch, 'one.tar.gz'), cwd: unpacked });
  expect((await stat(join(unpacked, 'b/program'))).mode & 0o777).toBe(0o755);
  expect((await stat(join(unpacked, 'b/Data.txt'))).size).toBe(4);
  expect(await readlink(join(unpacked, 'link'))).toBe('b/program');
});
