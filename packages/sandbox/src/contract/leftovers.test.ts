import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDriver } from '../create-driver.ts';
import type { SandboxDriverName } from '../driver.ts';
import { findV1Mounts } from '../cgroup-v1.ts';
import { findV2Mount } from '../cgroup-v2.ts';
import { isInside, readMountTable } from '../mount-table.ts';
import { ownIdentity } from '../process-identity.ts';
import { probeDrivers } from '../probe-drivers.ts';
import { eventually } from './contract-case.ts';
import { finish, openRoom, type Room } from './room.ts';

const NAMES: readonly SandboxDriverName[] = ['bubblewrap', 'namespaces', 'process'];
const probes = await probeDrivers();

function listDirectories(path: string): string[] {
  try {
    const entries = readdirSync(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => join(path, entry.name));
  } catch {
    return [];
  }
}

/** The cgroups of this worker and, below them, those of its executions. */
function listOwnCgroups(): { owners: string[]; executions: string[] } {
  const table = readMountTable();
  const roots = [...Object.values(findV1Mounts(table) ?? {}), findV2Mount(table) ?? ''].filter(
    Boolean,
  );
  const owners = roots
    .flatMap((root) => listDirectories(join(root, 'rgrid')))
    .filter((path) => basename(path).startsWith(`${ownIdentity()}-`));
  return { owners, executions: owners.flatMap(listDirectories) };
}

/** Every way an execution can end, a few at once. */
async function runAllKinds(room: Room): Promise<void> {
  const stopped = await room.start(['sleep', '100'], { killGraceMs: 50 });
  setImmediate(() => stopped.cancel());
  await Promise.all([
    finish(stopped),
    room.sh('echo fine'),
    room.sh('exit 3'),
    room.sh('kill -9 $$'),
    room.sh('sleep 100', { limits: { timeoutMs: 50 }, killGraceMs: 50 }),
    room.sh('sleep 100 & sleep 100 & true'),
    room.run(['no-such-command']),
    room.sh('true', { cwd: '/nowhere' }),
    room.sh('true', { stdin: { kind: 'file', path: '/nowhere' } }),
    room.sh('true', { env: { '1bad': '' } }),
    room.sh('true', { mounts: [{ source: '/nowhere', target: '/x', access: 'read' }] }),
  ]);
}

for (const name of NAMES) {
  const isAvailable = probes.some((probe) => probe.name === name && probe.isAvailable);
  describe.skipIf(!isAvailable || process.platform !== 'linux')(
    `after its executions the ${name} driver`,
    () => {
      let state: string;
      beforeAll(() => {
        state = mkdtempSync(join(tmpdir(), 'sandbox-state-'));
      });
      afterAll(() => rmSync(state, { recursive: true }));

      test('has left no open file, cgroup, mount or temporary file', async () => {
        const countFds = (): number => readdirSync('/proc/self/fd').length;
        const driver = await createDriver(name, { stateDirectory: state });
        const room = openRoom(driver);
        await runAllKinds(room);
        const fdsAfterFirst = countFds();
        for (let round = 0; round < 3; round += 1) await runAllKinds(room);
        // Node closes a few of its own files a turn later.
        await eventually(
          'the same files are open as after the first round',
          () => countFds() <= fdsAfterFirst,
        );
        expect(listOwnCgroups().executions).toEqual([]);
        const mounts = readMountTable().map(({ mountPoint }) => mountPoint);
        expect(
          mounts.filter((point) => isInside(point, state) || isInside(point, room.workspace)),
        ).toEqual([]);
        room.remove();
        await driver.close();
        expect(readdirSync(state)).toEqual([]);
        expect(listOwnCgroups().owners).toEqual([]);
      });
    },
  );
}
