import { execFile } from 'node:child_process';
import { appendFile, mkdir } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { errorMessage } from '@nexus/kit/errors';
import { silentLogger } from '@nexus/kit/logger';
import type { Machine, Machines, MachineServer } from '@nexus/simulators/hetzner';
import { sweepLeftovers } from '@nexus/worker/leftovers';

import { deleteBulk, readWorkerEnvironment, writeFiles } from './disk.ts';
import { startUnit, type Program } from './unit-process.ts';

export interface WorkerMachinesOptions {
  /** The disks of the servers, one folder each. */
  folder: string;
  /**
   * `checkout`: the worker of this repository, at once. `bundle`: what the user data names is
   * downloaded, checked and unpacked by the script that a real server runs.
   */
  worker: 'checkout' | 'bundle';
  /** For what is on a machine anyway: PATH, and settings of package managers. */
  environment: NodeJS.ProcessEnv;
}

/** One server that is being switched on. */
interface Boot {
  server: MachineServer;
  /** Its disk. */
  root: string;
  /** From the user data. */
  told: Readonly<Record<string, string | undefined>>;
  workerFolder: string;
  log: string;
}

const CHECKOUT = fileURLToPath(import.meta.resolve('@nexus/worker/main'));
const NO_WARNING = '--disable-warning=ExperimentalWarning';
/** The worker's own settings come from the user data alone. */
const HANDED_ON =
  /^(PATH|HOME|LANG|LC_.*|TZ|TMPDIR|PIP_.*|npm_config_.*|NODE_COMPILE_CACHE|NODE_EXTRA_CA_CERTS|SSL_CERT_.*|HTTPS?_PROXY|NO_PROXY|XDG_.*|DOCKER_HOST)$/i;

/**
 * Computers for a simulated cloud: each follows the user data of its server as cloud-init would, on a
 * disk below a folder, and runs a real worker. Packages are those of this machine.
 */
export function createWorkerMachines(options: WorkerMachinesOptions): Machines {
  return {
    boot: async ({ server, userData, signal }) => {
      const root = join(options.folder, `${server.name}-${server.id}`);
      await writeFiles(root, userData);
      const told = await readWorkerEnvironment(root);
      if (!told) return;
      const workerFolder = join(root, told['WORKER_FOLDER'] ?? '/var/lib/rgrid');
      const log = join(root, 'var/log/rgrid-worker.log');
      for (const folder of [workerFolder, join(root, 'var/log')])
        await mkdir(folder, { recursive: true });
      return startWorker({ server, root, told, workerFolder, log }, options, signal);
    },
  };
}

async function startWorker(
  boot: Boot,
  options: WorkerMachinesOptions,
  signal: AbortSignal,
): Promise<Machine | void> {
  try {
    if (options.worker === 'bundle') await fetchWorker(boot, options, signal);
  } catch (error) {
    // As on a real server: it is on, has no worker, and says so to nobody but its log.
    return appendFile(boot.log, `${errorMessage(error)}\n`);
  }
  const unit = startUnit(programOf(boot, options));
  return {
    stop: async () => {
      await unit.stop();
      // Containers are not processes of the worker.
      await sweepLeftovers(boot.workerFolder, silentLogger);
      await deleteBulk(boot.root, boot.workerFolder);
    },
  };
}

async function fetchWorker(
  { root }: Boot,
  { environment }: WorkerMachinesOptions,
  signal: AbortSignal,
): Promise<void> {
  await promisify(execFile)(join(root, 'usr/local/sbin/rgrid-fetch-worker'), [], {
    signal,
    env: { PATH: environment['PATH'], RGRID_ROOT: root },
  });
}

function programOf(boot: Boot, options: WorkerMachinesOptions): Program {
  const { log } = boot;
  const environment = workerEnvironment(boot, options);
  if (options.worker === 'checkout')
    return { command: process.execPath, args: [NO_WARNING, CHECKOUT], environment, log };
  const home = join(boot.root, 'opt/rgrid/current');
  const programs = join(home, 'node/bin');
  return {
    command: join(programs, 'node'),
    args: [NO_WARNING, join(home, 'worker/main.js')],
    environment: { ...environment, PATH: `${environment['PATH'] ?? ''}:${programs}` },
    log,
  };
}

/** What the server was told, with no more resources than its type has, and than this machine has. */
function workerEnvironment(
  { server, told, workerFolder }: Boot,
  options: WorkerMachinesOptions,
): NodeJS.ProcessEnv {
  const handedOn = Object.entries(options.environment).filter(([name]) => HANDED_ON.test(name));
  const { PATH: _, ...own } = told;
  const cpus = Math.min(server.cores, availableParallelism());
  const memoryBytes = Math.round(Math.min(server.memoryGb * 1e9, totalmem()) * 0.9);
  return {
    ...Object.fromEntries(handedOn),
    WORKER_SLOTS: String(cpus),
    WORKER_CPUS: String(cpus),
    WORKER_MEMORY: String(memoryBytes),
    ...own,
    WORKER_FOLDER: workerFolder,
    WORKER_STOP_ON_EOF: 'true',
  };
}
