import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDriver } from '../create-driver.ts';
import type { SandboxDriver, SandboxDriverName } from '../driver.ts';
import { probeDrivers } from '../probe-drivers.ts';
import { commandCases } from './command-cases.ts';
import { isolationCases } from './isolation-cases.ts';
import { limitCases } from './limit-cases.ts';
import { isolates, openRoom, type Room } from './room.ts';

const NAMES: readonly SandboxDriverName[] = ['bubblewrap', 'namespaces', 'process'];
const probes = await probeDrivers();
// The strictest a worker may be started with; nothing may depend on it.
process.umask(0o077);
const isRoot = process.getuid?.() === 0;

for (const name of NAMES) {
  const probe = probes.find((candidate) => candidate.name === name);
  const isAvailable = probe?.isAvailable === true;
  const why = probe?.isAvailable === false ? ` (skipped: ${probe.reason})` : '';

  describe.skipIf(!isAvailable)(`the ${name} driver${why}`, () => {
    let driver: SandboxDriver;
    let room: Room;
    beforeAll(async () => {
      driver = await createDriver(name);
      room = openRoom(driver);
    });
    afterAll(async () => {
      room.remove();
      await driver.close();
    });

    const mayIsolate = probe?.isAvailable === true && probe.description.isolates;
    for (const contractCase of [...commandCases, ...limitCases, ...isolationCases]) {
      // What a driver does not promise is no test of it. Without the driver all are listed, as skipped.
      if (contractCase.needsIsolation === true && isAvailable && !mayIsolate) continue;
      if (contractCase.needsRoot === true && !isRoot) continue;
      test(contractCase.name, async () => {
        const own = openRoom(driver);
        try {
          await contractCase.run(own);
        } finally {
          own.remove();
        }
      });
    }

    test('says whether it isolates', () => {
      expect(isolates(driver)).toBe(name !== 'process');
    });
  });
}
