import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';

import { has } from '@nexus/testkit';

import { renderUnits, type Deployment, type Unit } from './units.ts';

const STAGING: Deployment = {
  environment: 'staging',
  folder: '/home/deploy/rgrid',
  user: 'deploy',
};

function unitOf(name: string, deployment: Partial<Deployment> = {}): Unit {
  const unit = renderUnits({ ...STAGING, ...deployment }).find((found) => found.name === name);
  if (!unit) throw new Error(`there is no unit ${name}`);
  return unit;
}

/** All values of a directive, in order. */
function valuesOf({ text }: Unit, directive: string): string[] {
  const prefix = `${directive}=`;
  return text
    .split('\n')
    .filter((line) => line.startsWith(prefix))
    .map((line) => line.slice(prefix.length));
}

test('each environment has units of its own, under the names that operators know', () => {
  const namesOf = (environment: Deployment['environment']) =>
    renderUnits({ ...STAGING, environment }).map(({ name }) => name);
  expect(namesOf('staging')).toEqual(['rgrid-api-staging.service', 'orchestrator-staging.service']);
  expect(namesOf('production')).toEqual([
    'rgrid-api-production.service',
    'orchestrator-production.service',
  ]);
});

describe('the daemon', () => {
  const unit = unitOf('orchestrator-staging.service');

  test('reads its own environment file', () => {
    expect(valuesOf(unit, 'ExecStart')).toEqual([
      '/home/deploy/rgrid/bin/nexus daemon --env-file /home/deploy/rgrid/.env.staging',
    ]);
    expect(valuesOf(unit, 'User')).toEqual(['deploy']);
    expect(valuesOf(unit, 'WorkingDirectory')).toEqual(['/home/deploy/rgrid']);
  });

  test('cannot see the secrets of the other environment', () => {
    expect(valuesOf(unit, 'InaccessiblePaths')).toEqual(['-/home/deploy/rgrid/.env.production']);
    const production = unitOf('orchestrator-production.service', { environment: 'production' });
    expect(valuesOf(production, 'InaccessiblePaths')).toEqual(['-/home/deploy/rgrid/.env.staging']);
  });

  test('may write to its own folders and make the SSH key, and write nowhere else', () => {
    expect(valuesOf(unit, 'ProtectSystem')).toEqual(['strict']);
    expect(valuesOf(unit, 'ProtectHome')).toEqual(['read-only']);
    expect(valuesOf(unit, 'StateDirectory')).toEqual(['rgrid-staging']);
    expect(valuesOf(unit, 'CacheDirectory')).toEqual(['rgrid-staging']);
    expect(valuesOf(unit, 'ReadWritePaths')).toEqual(['-/home/deploy/.ssh']);
    expect(valuesOf(unitOf(unit.name, { user: 'root' }), 'ReadWritePaths')).toEqual([
      '-/root/.ssh',
    ]);
  });
});

describe('the control plane', () => {
  const unit = unitOf('rgrid-api-staging.service');

  test('runs with the Node of the repository', () => {
    expect(valuesOf(unit, 'ExecStart')).toEqual([
      '/home/deploy/rgrid/node_modules/node/bin/node --disable-warning=ExperimentalWarning /home/deploy/rgrid/apps/orchestrator/src/main.ts',
    ]);
    expect(valuesOf(unit, 'EnvironmentFile')).toEqual(['/home/deploy/rgrid/.env.staging']);
  });

  test('gets neither the cloud token nor the files that hold it', () => {
    expect(valuesOf(unit, 'UnsetEnvironment').join(' ').split(' ')).toContain('HETZNER_API_TOKEN');
    expect(valuesOf(unit, 'InaccessiblePaths')).toEqual([
      '-/home/deploy/rgrid/.env.staging -/home/deploy/rgrid/.env.production -/home/deploy/.ssh',
    ]);
  });
});

describe.each(['rgrid-api-staging.service', 'orchestrator-staging.service'])('%s', (name) => {
  const unit = unitOf(name);

  test('is started with the machine, after the network, and again whenever it ends', () => {
    expect(valuesOf(unit, 'WantedBy')).toEqual(['multi-user.target']);
    expect(valuesOf(unit, 'After')[0]).toBe('network-online.target postgresql.service');
    expect(valuesOf(unit, 'Restart')).toEqual(['always']);
    expect(valuesOf(unit, 'StartLimitIntervalSec')).toEqual(['0']);
  });

  test('has no rights that it does not need', () => {
    expect(valuesOf(unit, 'NoNewPrivileges')).toEqual(['yes']);
    expect(valuesOf(unit, 'CapabilityBoundingSet')).toEqual(['']);
    expect(valuesOf(unit, 'PrivateTmp')).toEqual(['yes']);
    expect(valuesOf(unit, 'PrivateDevices')).toEqual(['yes']);
    expect(valuesOf(unit, 'RestrictNamespaces')).toEqual(['yes']);
    expect(valuesOf(unit, 'SystemCallFilter')).toEqual([
      '@system-service',
      '~@privileged @resources',
    ]);
    // Node compiles what it runs.
    expect(valuesOf(unit, 'MemoryDenyWriteExecute')).toEqual([]);
  });

  test('holds no secret', () => {
    expect(unit.text).not.toMatch(/(TOKEN|KEY|SECRET|PASSWORD|DATABASE_URL)\w*=/);
  });
});

describe.skipIf(!has('systemd-analyze'))(
  'the units of a deployment [needs systemd-analyze]',
  () => {
    let root: string;

    beforeEach(async () => {
      root = await mkdtemp(join(tmpdir(), 'units-'));
      onTestFinished(() => rm(root, { recursive: true, force: true }));
    });

    test.each(renderUnits(STAGING).map(({ name }) => name))(
      '%s is understood, and leaves little open',
      async (name) => {
        const folder = join(root, 'rgrid');
        for (const program of ['bin/nexus', 'node_modules/node/bin/node']) {
          await mkdir(dirname(join(folder, program)), { recursive: true });
          await writeFile(join(folder, program), '', { mode: 0o755 });
        }
        const { text } = unitOf(name, { folder, user: 'root' });
        const path = join(root, name);
        await writeFile(path, text);
        const verified = analyze('verify', '--man=no', path);
        // Of systemd 254, and passed over by an older one.
        const said = verified
          .split('\n')
          .filter((line) => !/^$|Restart(Steps|MaxDelaySec)/.test(line));
        expect(said).toEqual([]);
        const security = analyze('security', '--offline=yes', '--no-pager', path);
        // From 0 to 10; one that says nothing about itself has 9.6.
        const [, exposure] = /Overall exposure level .*: ([\d.]+)/.exec(security) ?? [];
        expect(Number(exposure)).toBeLessThan(2);
      },
    );
  },
);

function analyze(...args: string[]): string {
  const { stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
  return stdout + stderr;
}
