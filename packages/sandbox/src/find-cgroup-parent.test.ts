import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findCgroupParent, sweepCgroups } from './find-cgroup-parent.ts';

const limits = {
  cpus: 1,
  memoryBytes: 64 * 1024 * 1024,
  timeoutMs: 1000,
  processes: 16,
  openFiles: 64,
  diskBytes: 1024,
};
const parent = await findCgroupParent();

describe.skipIf(parent === null)('cgroups (skipped where none can be made)', () => {
  test('removes a cgroup with everything that runs in it', async () => {
    const cgroup = parent?.create('unit-remove', limits);
    const child = spawn('sh', ['-c', 'trap "" TERM; while :; do sleep 1; done']);
    const exited = once(child, 'exit');
    for (const file of cgroup?.joinFiles ?? []) writeFileSync(file, String(child.pid));
    expect(cgroup?.listPids()).toContain(child.pid);
    await cgroup?.remove();
    expect((await exited)[1]).toBe('SIGKILL');
    for (const file of cgroup?.joinFiles ?? []) expect(existsSync(dirname(file))).toBe(false);
  });

  test('sweeps what a dead worker left and kills it, and leaves the living alone', async () => {
    const mine = parent?.create('unit-living', limits);
    const directories = (mine?.joinFiles ?? []).map((file) => dirname(file));
    // A process id beyond what Linux gives out belongs to nobody.
    const dead = directories.map(
      (directory) => `${dirname(dirname(directory))}/99999999-1/unit-dead`,
    );
    for (const directory of dead) mkdirSync(directory, { recursive: true });
    const child = spawn('sleep', ['1000']);
    const exited = once(child, 'exit');
    for (const directory of dead) writeFileSync(`${directory}/cgroup.procs`, String(child.pid));

    expect(await sweepCgroups()).toBeGreaterThanOrEqual(1);

    expect((await exited)[1]).toBe('SIGKILL');
    for (const directory of dead) expect(existsSync(dirname(directory))).toBe(false);
    for (const directory of directories) expect(existsSync(directory)).toBe(true);
    await mine?.remove();
    await parent?.close();
  });
});
