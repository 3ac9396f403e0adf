import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

import { renderUnits } from './units.ts';

const NEXUS = join(import.meta.dirname, '..', 'main.ts');

function run(...args: string[]) {
  const words = ['--disable-warning=ExperimentalWarning', NEXUS, 'systemd', ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('prints every unit under the path where it belongs', () => {
  const { status, stdout } = run('--environment', 'staging');
  expect(status).toBe(0);
  const deployment = {
    environment: 'staging',
    folder: '/home/deploy/rgrid',
    user: 'deploy',
  } as const;
  const units = renderUnits(deployment).map(
    ({ name, text }) => `# /etc/systemd/system/${name}\n${text}`,
  );
  expect(stdout).toBe(units.join('\n'));
});

test('writes them, and says what to do next', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'systemd-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const { status, stdout, stderr } = run(
    ...['--environment', 'production', '--folder', '/srv/rgrid', '--user', 'grid'],
    ...['--write', folder],
  );
  expect([status, stdout]).toEqual([0, '']);
  expect(stderr).toContain(
    'systemctl enable --now rgrid-api-production.service orchestrator-production.service',
  );
  expect((await readdir(folder)).toSorted()).toEqual([
    'orchestrator-production.service',
    'rgrid-api-production.service',
  ]);
  const text = await readFile(join(folder, 'orchestrator-production.service'), 'utf8');
  expect(text).toContain(
    'ExecStart=/srv/rgrid/bin/nexus daemon --env-file /srv/rgrid/.env.production',
  );
  expect(text).toContain('User=grid\n');
});

test.each([
  [['--environment', 'staging', '--folder', 'rgrid'], 'rgrid is not an absolute path of plain'],
  [['--environment', 'staging', '--folder', '/a b'], '/a b is not an absolute path of plain'],
  [['--environment', 'staging', '--folder', '/a%h'], '/a%h is not an absolute path of plain'],
  [['--environment', 'staging', '--user', 'a;b'], 'a;b is not the name of a user'],
  [['--environment', 'test'], 'Allowed choices are staging, production'],
  [[], "required option '--environment <name>' not specified"],
])('%j is refused with one clear sentence', (args, message) => {
  const { status, stderr } = run(...args);
  expect(status).toBe(1);
  expect(stderr).toContain(message);
});
