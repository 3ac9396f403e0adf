import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { sha256 } from '@nexus/kit/hash';

import { listBundle } from '../bundle/bundle-list.ts';

const NEXUS = join(import.meta.dirname, '..', 'main.ts');

let folder: string;
let environment: Record<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'image-command-'));
  environment = { WORKER_BUNDLES: folder, API_BASE: 'https://grid.example.com' };
  const bundle = { file: 'a.tar.gz', sha256: sha256('a'), nodeVersion: 'v24.0.0' };
  await listBundle(folder, 'x86', bundle);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

function run(args: string[], env: Record<string, string>) {
  const words = ['--disable-warning=ExperimentalWarning', NEXUS, 'image', 'build', ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8', env });
  return { status, stdout, stderr };
}

test('without a token it says how', () => {
  const { status, stdout } = run([], { GRID_NAME: 'staging' });
  expect(status).toBe(0);
  expect(stdout).toContain('hcloud server create --name rgrid-image-x86 --type cx23');
  expect(stdout).toContain('--ssh-key rgrid-staging');
  expect(stdout).toContain('HETZNER_IMAGE=');
});

test('prints the user data of the server', () => {
  const { status, stdout } = run(['--print'], environment);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^#cloud-config\n/);
  expect(stdout).toContain('https://grid.example.com/worker-bundles/a.tar.gz');
});

test.each([
  [['--print', '--arch', 'arm64'], {}, /has no worker for arm64: nexus worker-bundle --arch arm64/],
  [['--print'], { WORKER_BUNDLES: '' }, /WORKER_BUNDLES and API_BASE are needed/],
  [[], { HETZNER_API_TOKEN: 'your_token' }, /HETZNER_API_TOKEN: must have at least 32 characters/],
  [[], { HETZNER_API_TOKEN: 't'.repeat(64) }, /HETZNER_SSH_KEY_PATH is needed/],
])('%j with %j ends with one clear sentence', (args, more, message) => {
  const { status, stderr } = run(args, { ...environment, ...more });
  expect(status).toBe(1);
  expect(stderr).toMatch(message);
  expect(stderr).not.toContain('    at ');
});
