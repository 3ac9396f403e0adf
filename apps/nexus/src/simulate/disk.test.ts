import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { renderCloudInit, renderImageCloudInit } from '@nexus/hetzner/cloud-init';

import { deleteBulk, readWorkerEnvironment, writeFiles } from './disk.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'disk-'));
});

afterEach(() => rm(root, { recursive: true, force: true }));

const bundle = { url: 'https://grid.example.com/worker-bundles/a.tar.gz', sha256: 'a'.repeat(64) };

test('the disk has every file of the user data, with its rights', async () => {
  const boot = { apiBase: 'https://grid.example.com', serverName: 'grid-1', slots: 2, bundle };
  await writeFiles(root, renderCloudInit({ ...boot, joinToken: 't'.repeat(40) }));
  const modeOf = async (path: string) => (await stat(join(root, path))).mode & 0o777;
  expect(await modeOf('etc/rgrid/worker.env')).toBe(0o600);
  expect(await modeOf('usr/local/sbin/rgrid-install')).toBe(0o755);
  expect(await readFile(join(root, 'etc/systemd/system/rgrid-worker.service'), 'utf8')).toMatch(
    /^ExecStart=/m,
  );
  expect(await readWorkerEnvironment(root)).toMatchObject({
    API_BASE: 'https://grid.example.com',
    WORKER_JOIN_TOKEN: 't'.repeat(40),
    WORKER_NAME: 'grid-1',
    WORKER_SLOTS: '2',
    WORKER_FOLDER: '/var/lib/rgrid',
  });
});

test('on a server that becomes an image nobody is told to work', async () => {
  await writeFiles(root, renderImageCloudInit({ bundle }));
  expect(await readWorkerEnvironment(root)).toBe(undefined);
});

test.each(['../outside', '/../outside', '/a/../../outside', '/a/./b', '/', '/a//b'])(
  'a file at %s is refused',
  async (path) => {
    const file = { path, permissions: '0644', content: '' };
    const userData = `#cloud-config\n${JSON.stringify({ write_files: [file] })}`;
    await expect(writeFiles(root, userData)).rejects.toThrow(/is not the path of a file/);
  },
);

test('user data of another kind is refused', async () => {
  await expect(writeFiles(root, '#!/bin/sh\ntrue\n')).rejects.toThrow(/not for cloud-init/);
});

test('what a worker knows itself by outlives a power cut, what fills the disk does not', async () => {
  const workerFolder = join(root, 'var/lib/rgrid');
  for (const folder of [join(workerFolder, 'cache/ab'), join(root, 'opt/rgrid')])
    await mkdir(folder, { recursive: true });
  await writeFile(join(workerFolder, 'cache/ab/blob'), 'bytes');
  await writeFile(join(workerFolder, 'token'), 'mine');
  await deleteBulk(root, workerFolder);
  expect(await readdir(workerFolder)).toEqual(['token']);
  expect(await readdir(root)).toEqual(['var']);
});
