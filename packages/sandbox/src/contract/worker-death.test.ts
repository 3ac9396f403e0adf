import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SandboxDriverName } from '../driver.ts';
import { sweepCgroups } from '../find-cgroup-parent.ts';
import { probeDrivers } from '../probe-drivers.ts';
import { eventually } from './contract-case.ts';
import { listProcessesWith, uniqueSleep } from './host-processes.ts';

const PROGRAM = fileURLToPath(new URL('run-until-killed.ts', import.meta.url));
const NAMES: readonly SandboxDriverName[] = ['bubblewrap', 'namespaces', 'process'];
const probes = await probeDrivers();

for (const name of NAMES) {
  const isAvailable = probes.some((probe) => probe.name === name && probe.isAvailable);
  describe.skipIf(!isAvailable || process.platform !== 'linux')(
    `a killed worker with the ${name} driver`,
    () => {
      // A killed worker cleans nothing up itself; the next one on the same state directory would.
      let folder: string;
      beforeAll(() => {
        folder = mkdtempSync(join(tmpdir(), 'sandbox-killed-'));
      });
      afterAll(() => rmSync(folder, { recursive: true }));

      test('takes its scripts with it', async () => {
        const mark = uniqueSleep();
        const worker = spawn(process.execPath, [PROGRAM, name, mark], {
          stdio: ['ignore', 'pipe', 'inherit'],
          env: { PATH: '/usr/bin:/bin', TMPDIR: folder },
        });
        const exited = once(worker, 'exit');
        await once(worker.stdout, 'data');
        await eventually('the script runs', () => listProcessesWith(`sleep ${mark}`).length > 0);

        worker.kill('SIGKILL');
        await exited;
        // A plain process's children are the next worker's to sweep, by their cgroup.
        if (name === 'process') await sweepCgroups();
        await eventually(
          'the script is gone',
          () => listProcessesWith(`sleep ${mark}`).length === 0,
        );
        await sweepCgroups();
        expect(listProcessesWith(mark)).toEqual([]);
      });
    },
  );
}
