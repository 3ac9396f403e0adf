import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { BatchSpec } from '@nexus/grid/contract';
import { randomId } from '@nexus/kit/ids';
import {
  chooseDriver,
  createDriver,
  probeDrivers,
  sweepContainers,
  type SandboxDriver,
} from '@nexus/sandbox';
import { findInterpreters, type Interpreters } from '@nexus/workspace';

import type { Environment } from '../environment.ts';
import { EXIT } from '../exit-codes.ts';
import { Problem } from '../problem.ts';

/** What a worker has, on this machine and for one command. */
export interface LocalMachine {
  driver: SandboxDriver;
  interpreters: Interpreters;
  /** For the folders of attempts; removed by `close`. */
  folder: string;
  close(): Promise<void>;
}

/** The sandbox that a worker on this machine would take, and the programs that run scripts. */
export async function openLocalMachine(env: Environment, spec: BatchSpec): Promise<LocalMachine> {
  const owner = randomId(16);
  const options = { docker: { owner, mayPull: true } };
  const [probes, interpreters] = await Promise.all([
    probeDrivers(options),
    findInterpreters(env['PATH'] ?? ''),
  ]);
  const choice = chooseDriver(probes, {
    ...(spec.sandbox === null ? {} : { insist: spec.sandbox }),
    ...(spec.image === null ? {} : { image: spec.image }),
  });
  if (!choice.ok) throw new Problem(`cannot run it here: ${choice.reason}`, EXIT.notStarted);
  const driver = await createDriver(choice.name, options);
  const folder = mkdtempSync(join(tmpdir(), 'rgrid-local-'));
  // A sandbox may run as another user, who has to get through here to its own files.
  chmodSync(folder, 0o711);
  return {
    driver,
    interpreters,
    folder,
    close: async () => {
      await driver.close();
      if (driver.name === 'docker') await sweepContainers(owner).catch(() => undefined);
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}
