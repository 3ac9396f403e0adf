import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { sha256 } from '@nexus/kit/hash';

import { listBundle, readBundles } from './bundle-list.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bundle-list-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

async function makeBundle(name: string) {
  const file = `${name}.tar.gz`;
  await writeFile(join(folder, file), name);
  return { file, sha256: sha256(name), nodeVersion: 'v24.0.0' };
}

test('each architecture has its bundle, and a new one replaces the one before', async () => {
  expect(await readBundles(folder)).toEqual({});
  await listBundle(folder, 'x86', await makeBundle('first'));
  const arm = await makeBundle('arm');
  await listBundle(folder, 'arm', arm);
  const second = await makeBundle('second');
  await listBundle(folder, 'x86', second);
  expect(await readBundles(folder)).toEqual({ x86: second, arm });
  expect((await readdir(folder)).toSorted()).toEqual([
    'arm.tar.gz',
    'second.tar.gz',
    'worker-bundles.json',
  ]);
});

test('the same bundle again stays', async () => {
  const bundle = await makeBundle('first');
  await listBundle(folder, 'x86', bundle);
  await listBundle(folder, 'x86', bundle);
  expect(await readFile(join(folder, bundle.file), 'utf8')).toBe('first');
});

test('the list can be read by the control plane, whoever that runs as', async () => {
  await listBundle(folder, 'x86', await makeBundle('first'));
  expect((await stat(join(folder, 'worker-bundles.json'))).mode & 0o777).toBe(0o644);
});

test('a list that is damaged is named, with what to do', async () => {
  await writeFile(join(folder, 'worker-bundles.json'), '{ "x86": 1 }');
  await expect(readBundles(folder)).rejects.toThrow(/worker-bundles\.json is damaged; delete it/);
});
