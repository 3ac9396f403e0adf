import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';

import { has } from '@nexus/testkit';

import { MAX_USER_DATA_BYTES, renderCloudInit, renderImageCloudInit } from './index.ts';
import type { ServerBoot } from './render-cloud-init.ts';

const BOOT: ServerBoot = {
  apiBase: 'https://grid.example.com',
  joinToken: `server_abc_${'s'.repeat(43)}`,
  serverName: 'grid-7f3a',
  slots: 4,
  bundle: { url: 'https://grid.example.com/worker-bundles/worker.tar.gz', sha256: 'a'.repeat(64) },
};

interface CloudConfig {
  users: unknown[];
  runcmd: string[];
  write_files: { path: string; permissions: string; content: string }[];
  [key: string]: unknown;
}

/** As cloud-init reads it: with YAML 1.1. */
function read(userData: string): CloudConfig {
  return parse(userData, { version: '1.1' });
}

function fileOf(userData: string, path: string) {
  return read(userData).write_files.find((file) => file.path === path);
}

describe('the user data of a server', () => {
  const userData = renderCloudInit(BOOT);

  test('is what cloud-init takes for its configuration, and far from the limit of the cloud', () => {
    expect(userData).toMatch(/^#cloud-config\n/);
    expect(Buffer.byteLength(userData)).toBeLessThan(MAX_USER_DATA_BYTES / 2);
  });

  test('is the same for the same server', () => {
    expect(renderCloudInit({ ...BOOT })).toBe(userData);
  });

  test('tells the worker what it needs to join, in a file for root alone', () => {
    expect(fileOf(userData, '/etc/rgrid/worker.env')).toEqual({
      path: '/etc/rgrid/worker.env',
      permissions: '0600',
      content: [
        'API_BASE=https://grid.example.com',
        `WORKER_JOIN_TOKEN=${BOOT.joinToken}`,
        'WORKER_NAME=grid-7f3a',
        'WORKER_FOLDER=/var/lib/rgrid',
        'WORKER_SLOTS=4',
        'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/rgrid/current/node/bin',
        '',
      ].join('\n'),
    });
  });

  test('has the join token nowhere else', () => {
    expect(userData.split(BOOT.joinToken)).toHaveLength(2);
  });

  test('leaves the number of slots to the worker where none is said', () => {
    const environment = fileOf(renderCloudInit({ ...BOOT, slots: null }), '/etc/rgrid/worker.env');
    expect(environment?.content).not.toContain('WORKER_SLOTS');
  });

  test('names the bundle and its SHA-256, or no bundle where the image has a worker', () => {
    expect(fileOf(userData, '/etc/rgrid/bundle.env')?.content).toBe(
      `BUNDLE_URL='${BOOT.bundle?.url}'\nBUNDLE_SHA256=${'a'.repeat(64)}\n`,
    );
    expect(fileOf(renderCloudInit({ ...BOOT, bundle: null }), '/etc/rgrid/bundle.env')).toBe(
      undefined,
    );
  });

  test('leaves no way in but root with a key, and upgrades nothing', () => {
    expect(read(userData)).toMatchObject({
      users: [],
      disable_root: false,
      ssh_pwauth: false,
      package_update: false,
      package_upgrade: false,
      locale: false,
    });
    const sshd = fileOf(userData, '/etc/ssh/sshd_config.d/10-rgrid.conf')?.content.split('\n');
    expect(sshd).toEqual(
      expect.arrayContaining([
        'AllowUsers root',
        'PermitRootLogin prohibit-password',
        'PasswordAuthentication no',
        'KbdInteractiveAuthentication no',
      ]),
    );
    expect(fileOf(userData, '/etc/apt/apt.conf.d/99-rgrid')?.content).toContain(
      'APT::Periodic::Enable "0";',
    );
  });

  test('installs what the sandboxes and Python need, then starts the worker', () => {
    const install = fileOf(userData, '/usr/local/sbin/rgrid-install')?.content;
    expect(/^PACKAGES='(.*)'$/m.exec(install ?? '')?.[1]?.split(' ')).toEqual(
      expect.arrayContaining([
        ...['docker.io', 'bubblewrap', 'python3', 'python3-venv', 'ca-certificates', 'curl'],
      ]),
    );
    expect(install).not.toMatch(/upgrade --|dist-upgrade|full-upgrade/);
    expect(read(userData).runcmd).toEqual([
      'rgrid-install && systemctl enable --now rgrid-worker.service',
    ]);
  });

  test.each([
    ['an address with a quote', { apiBase: "https://grid.example.com/'" }],
    ['an address with a line break', { apiBase: 'https://grid.example.com\nX=1' }],
    ['another scheme', { apiBase: 'file:///etc/passwd' }],
    ['a token with a line break', { joinToken: `${'s'.repeat(40)}\nX=1` }],
    ['a short token', { joinToken: 'short' }],
    ['a name that is no host name', { serverName: 'a b' }],
    ['no slots', { slots: 0 }],
    ['a hash that is none', { bundle: { url: 'https://grid.example.com/a', sha256: 'abc' } }],
    ['a bundle with a quote', { bundle: { url: "https://a/'$(id)'", sha256: 'a'.repeat(64) } }],
  ])('is refused with %s, without quoting it', (_what, wrong) => {
    const [value] = Object.values(wrong);
    expect(() => renderCloudInit({ ...BOOT, ...wrong })).toThrow(/cannot be booted with this/);
    try {
      renderCloudInit({ ...BOOT, ...wrong });
    } catch (error) {
      if (typeof value === 'string') expect(String(error)).not.toContain(value);
    }
  });

  test('is refused when it is larger than a server takes', () => {
    const apiBase = `https://grid.example.com/${'a'.repeat(MAX_USER_DATA_BYTES)}`;
    expect(() => renderCloudInit({ ...BOOT, apiBase })).toThrow(
      expect.objectContaining({ code: 'payload_too_large' }),
    );
  });
});

describe('the unit of the worker', () => {
  const unit = fileOf(renderCloudInit(BOOT), '/etc/systemd/system/rgrid-worker.service')?.content;
  const lines = unit?.split('\n');

  test('lets a worker that is told to end finish what runs', () => {
    expect(lines).toEqual(expect.arrayContaining(['KillMode=mixed', 'TimeoutStopSec=3700']));
  });

  test('starts it again for as long as the server exists', () => {
    expect(lines).toEqual(expect.arrayContaining(['Restart=always', 'StartLimitIntervalSec=0']));
  });

  test('gives it cgroups to divide and files to open', () => {
    expect(lines).toEqual(
      expect.arrayContaining(['Delegate=yes', 'LimitNOFILE=1048576', 'TasksMax=infinity']),
    );
  });

  test('keeps the system from it, but filters no system call, as scripts would inherit that', () => {
    expect(lines).toEqual(
      expect.arrayContaining([
        ...['NoNewPrivileges=yes', 'ProtectSystem=strict', 'ProtectHome=yes', 'PrivateTmp=yes'],
      ]),
    );
    expect(unit).not.toMatch(/^(SystemCall|Restrict|Lock|MemoryDeny)/m);
  });

  test('puts up the wall before the metadata service first', () => {
    expect(lines).toContain('ExecStartPre=-/usr/sbin/nft --file /etc/rgrid/metadata.nft');
  });
});

describe('the user data of a server that becomes an image', () => {
  const bundle = BOOT.bundle ?? { url: '', sha256: '' };
  const userData = renderImageCloudInit({ bundle });

  test('has the worker, and nothing with which it could join', () => {
    expect(fileOf(userData, '/etc/rgrid/worker.env')).toBe(undefined);
    expect(userData).not.toContain('WORKER_JOIN_TOKEN=');
    expect(fileOf(userData, '/etc/rgrid/bundle.env')?.content).toContain(bundle.sha256);
  });

  test('ends with a clean disk and the power off, and only if all went well', () => {
    expect(read(userData).runcmd).toEqual([
      'rgrid-install && rgrid-clean-image && systemctl poweroff',
    ]);
  });
});

test('every script is one that a POSIX shell can read', () => {
  const bundle = BOOT.bundle ?? { url: '', sha256: '' };
  const scripts = read(renderImageCloudInit({ bundle })).write_files.filter(
    ({ permissions }) => permissions === '0755',
  );
  expect(scripts.map(({ path }) => path)).toHaveLength(3);
  for (const { content } of scripts)
    execFileSync('sh', ['-n'], { input: content, stdio: ['pipe', 'ignore', 'inherit'] });
});

describe.skipIf(!has('nft') || !has('root'))(
  'the wall before the metadata service [needs nft, root]',
  () => {
    test('is one that the kernel takes, and may be put up again', () => {
      const rules = fileOf(renderCloudInit(BOOT), '/etc/rgrid/metadata.nft')?.content ?? '';
      const stdio = ['pipe', 'ignore', 'inherit'] as const;
      for (const input of [rules, rules + rules])
        execFileSync('nft', ['--check', '--file', '-'], { input, stdio: [...stdio] });
    });
  },
);

describe.skipIf(!has('systemd-analyze'))('the unit of the worker [needs systemd-analyze]', () => {
  test('is one that systemd understands', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'unit-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const path = join(folder, 'rgrid-worker.service');
    const unit = fileOf(renderCloudInit(BOOT), '/etc/systemd/system/rgrid-worker.service')?.content;
    // Programs of a server are not on this machine.
    await writeFile(path, unit?.replaceAll(/^(Exec\w+=-?).*/gm, '$1/bin/true') ?? '');
    const { stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', path], {
      encoding: 'utf8',
    });
    // Of systemd 254, and passed over by an older one.
    const said = stderr
      .split('\n')
      .filter((line) => line !== '' && !/Restart(Steps|MaxDelaySec)/.test(line));
    expect(said).toEqual([]);
  });
});
