import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findDelegatedCgroup, findV2Mount, setV2Limits, v2Cgroup } from './cgroup-v2.ts';

// Machines with cgroup v1 have no v2 controllers to try, so a plain directory stands in for the
// file names and formats; the contract suite runs on the real thing wherever there is one.
let mount: string;
beforeEach(() => {
  mount = mkdtempSync(join(tmpdir(), 'sandbox-cgroup2-'));
});
afterEach(() => rmSync(mount, { recursive: true }));

function makeGroup(path: string): string {
  const directory = join(mount, path);
  mkdirSync(directory, { recursive: true });
  for (const file of ['cgroup.procs', 'cgroup.subtree_control'])
    writeFileSync(join(directory, file), '');
  return directory;
}

test('writes limits in the words of cgroup v2', () => {
  setV2Limits(mount, {
    cpus: 1.5,
    memoryBytes: 1024.7,
    timeoutMs: 1,
    processes: 10,
    openFiles: 1,
    diskBytes: 1,
  });
  const read = (file: string): string => readFileSync(join(mount, file), 'utf8');
  expect([read('memory.max'), read('memory.swap.max'), read('pids.max'), read('cpu.max')]).toEqual([
    '1024',
    '0',
    '14',
    '150000 100000',
  ]);
});

test('reads usage and OOM kills', () => {
  writeFileSync(join(mount, 'cpu.stat'), 'usage_usec 123456\nuser_usec 1\n');
  writeFileSync(join(mount, 'memory.peak'), '4096\n');
  writeFileSync(join(mount, 'memory.events'), 'low 0\noom 3\noom_kill 2\noom_group_kill 0\n');
  expect(v2Cgroup(mount).readUsage()).toEqual({ cpuMs: 123, maxMemoryBytes: 4096, oomKills: 2 });
});

test('says what an older kernel does not count', () => {
  expect(v2Cgroup(mount).readUsage()).toEqual({ cpuMs: null, maxMemoryBytes: null, oomKills: 0 });
});

test('needs the memory and pids controllers', () => {
  const table = [
    { mountPoint: mount, root: '/', fsType: 'cgroup2', options: [], superOptions: [] },
  ];
  expect(findV2Mount(table)).toBeNull();
  writeFileSync(join(mount, 'cgroup.controllers'), 'cpuset cpu io memory pids\n');
  expect(findV2Mount(table)).toBe(mount);
  expect(findV2Mount([])).toBeNull();
});

test('takes the highest cgroup that may be divided', () => {
  mkdirSync(join(mount, 'user.slice'));
  const delegated = makeGroup('user.slice/user@1000.service');
  makeGroup('user.slice/user@1000.service/app.slice/terminal.scope');
  const own = '/user.slice/user@1000.service/app.slice/terminal.scope';
  expect(findDelegatedCgroup(mount, own)).toBe(delegated);
  expect(findDelegatedCgroup(mount, '/user.slice')).toBeNull();
});
