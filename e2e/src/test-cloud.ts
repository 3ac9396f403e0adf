import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { BootPlan } from '@nexus/autoscaler';
import type {
  HetznerSimulator,
  HetznerSimulatorOptions,
  Machine,
  Machines,
} from '@nexus/simulators/hetzner';
import { createCheckedHetzner } from '@nexus/simulators/testing';

import { ServiceProcess } from './child-process.ts';

const WORKER = fileURLToPath(import.meta.resolve('@nexus/worker/main'));

/** Nothing takes any time: what is left is the platform's own. */
export const NO_TIME = { createMs: 0, startMs: 0, deleteMs: 0, bootMs: 0, stopMs: 0 };

/** A cloud whose servers run a real worker each; the test's user data is the worker's environment. */
export async function startTestCloud(
  folder: string,
  options: HetznerSimulatorOptions = {},
): Promise<HetznerSimulator> {
  const simulator = createCheckedHetzner({ machines: workerMachines(folder), ...options });
  await simulator.listen();
  return simulator;
}

/** In place of cloud-init: the environment of the worker, for machines that are processes. */
export function bootPlan(apiBase: string): BootPlan {
  return {
    architectures: ['x86', 'arm'],
    renderUserData: ({ name, slots, joinToken }) =>
      JSON.stringify({
        API_BASE: apiBase,
        WORKER_NAME: name,
        WORKER_SLOTS: String(slots),
        WORKER_JOIN_TOKEN: joinToken,
      }),
  };
}

function workerMachines(folder: string): Machines {
  return {
    boot: ({ server, userData }) => {
      const worker = new ServiceProcess({
        main: WORKER,
        logPath: join(folder, `${server.name}.log`),
        // What renderWorkerEnvironment made: the simulator hands it on as it is.
        env: {
          ...(JSON.parse(userData) as Record<string, string>),
          WORKER_FOLDER: join(folder, server.name),
          WORKER_STOP_ON_EOF: 'true',
        },
      });
      worker.start();
      const machine: Machine = { stop: () => worker.end('SIGKILL') };
      return Promise.resolve(machine);
    },
  };
}
