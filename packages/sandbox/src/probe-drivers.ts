import type { DriverProbe } from './choose-driver.ts';
import { buildDriver, type SandboxOptions } from './create-driver.ts';
import { findDockerFault } from './docker-driver.ts';
import type { RunningSandbox, SandboxDriver, SandboxDriverName, SandboxSpec } from './driver.ts';
import { openSandboxHost, type SandboxHost } from './sandbox-host.ts';

const NAMES: readonly SandboxDriverName[] = ['docker', 'bubblewrap', 'namespaces', 'process'];
const PROBE_TIMEOUT_MS = 5_000;
const MEGABYTE = 1024 * 1024;

function trialSpec(name: SandboxDriverName): SandboxSpec {
  return {
    id: `probe-${name}-${process.hrtime.bigint()}`,
    command: ['true'],
    cwd: '/',
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    mounts: [],
    diskRoots: [],
    limits: {
      cpus: 1,
      memoryBytes: 64 * MEGABYTE,
      timeoutMs: PROBE_TIMEOUT_MS,
      processes: 64,
      openFiles: 256,
      diskBytes: 64 * MEGABYTE,
    },
    network: false,
    stdin: { kind: 'empty' },
    killGraceMs: 0,
  };
}

async function findFault(running: RunningSandbox): Promise<string | null> {
  let said = '';
  running.stdout.resume();
  running.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(0, 2_000);
  });
  const { outcome } = await running.exited;
  switch (outcome.kind) {
    case 'exited':
      return outcome.exitCode === 0
        ? null
        : `a trial run ended with code ${outcome.exitCode}: ${said.trim()}`;
    case 'not_started':
      return outcome.reason;
    case 'timed_out':
      return `a trial run took more than ${PROBE_TIMEOUT_MS / 1000} s`;
    case 'out_of_memory':
    case 'disk_full':
    case 'cancelled':
      return `a trial run ended with ${outcome.kind}`;
  }
}

/** For what no limit of the sandbox reaches, such as a daemon that does not answer. */
async function withinTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`it did not answer within ${PROBE_TIMEOUT_MS / 1000} s`);
    timer = setTimeout(() => reject(error), PROBE_TIMEOUT_MS + 500);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

async function tryDriver(driver: SandboxDriver): Promise<string | null> {
  try {
    return await findFault(await driver.start(trialSpec(driver.name)));
  } finally {
    await driver.close();
  }
}

/** Docker without an image can only be asked whether it is there. */
async function findDriverFault(
  driver: SandboxDriver,
  options: SandboxOptions,
): Promise<string | null> {
  if (driver.name !== 'docker' || options.docker === undefined) return tryDriver(driver);
  const fault = await findDockerFault(options.docker);
  return fault ?? (options.docker.defaultImage === undefined ? null : tryDriver(driver));
}

async function probeDriver(
  name: SandboxDriverName,
  host: SandboxHost,
  options: SandboxOptions,
): Promise<DriverProbe> {
  try {
    const driver = buildDriver(name, host, options);
    const fault = await withinTime(findDriverFault(driver, options));
    if (fault !== null) return { name, isAvailable: false, reason: fault };
    return { name, isAvailable: true, description: driver.description };
  } catch (error) {
    return {
      name,
      isAvailable: false,
      reason: error instanceof Error ? error.message : String(error),
    };
  }
}

/** Tries every driver by running `true` in it, all at once. */
export async function probeDrivers(given: SandboxOptions = {}): Promise<DriverProbe[]> {
  // A probe makes no container that a sweep would have to find.
  const options = { ...given, docker: given.docker ?? { owner: 'probe' } };
  const host = await openSandboxHost(options);
  try {
    return await Promise.all(NAMES.map((name) => probeDriver(name, host, options)));
  } finally {
    await host.close();
  }
}
