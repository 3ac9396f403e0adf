import type { BatchSpec } from '@nexus/grid/contract';
import type { Logger } from '@nexus/kit/logger';
import { sha256 } from '@nexus/kit/hash';
import {
  chooseDriver,
  createDriver,
  probeDrivers,
  sweepCgroups,
  sweepContainers,
  type DriverProbe,
  type SandboxDriver,
  type SandboxDriverName,
  type SandboxOptions,
} from '@nexus/sandbox';

import type { Config } from './config.ts';

export type DriverFound = { ok: true; driver: SandboxDriver } | { ok: false; reason: string };

/** The sandbox drivers of this machine, the preferred one first. */
export interface Drivers {
  names: [SandboxDriverName, ...SandboxDriverName[]];
  choose(spec: Pick<BatchSpec, 'image' | 'sandbox'>): DriverFound;
  close(): Promise<void>;
}

/** Finds out what works here by trying it. Throws if the driver that is insisted on does not. */
export async function openDrivers(config: Config, logger: Logger): Promise<Drivers> {
  const owner = sha256(config.WORKER_FOLDER).slice(0, 16);
  await sweepLeftovers(owner, logger);
  const options: SandboxOptions = { docker: { owner, mayPull: config.WORKER_PULL_IMAGES } };
  const probes = await probeDrivers(options);
  for (const probe of probes) {
    if (!probe.isAvailable)
      logger.info({ driver: probe.name, reason: probe.reason }, 'sandbox driver not available');
  }
  const preferred = chooseDriver(
    probes,
    config.WORKER_SANDBOX === undefined ? {} : { insist: config.WORKER_SANDBOX },
  );
  if (!preferred.ok) throw new Error(preferred.reason);
  const others = config.WORKER_SANDBOX === undefined ? othersThan(preferred.name, probes) : [];
  const drivers = new Map([[preferred.name, await createDriver(preferred.name, options)]]);
  for (const name of others) drivers.set(name, await createDriver(name, options));
  return {
    names: [preferred.name, ...others],
    choose: (spec) => {
      const name = spec.image === null ? (spec.sandbox ?? preferred.name) : 'docker';
      const driver = drivers.get(name);
      return driver
        ? { ok: true, driver }
        : { ok: false, reason: `this worker has no sandbox driver ${name}` };
    },
    close: async () => {
      for (const driver of drivers.values()) await driver.close();
    },
  };
}

function othersThan(
  preferred: SandboxDriverName,
  probes: readonly DriverProbe[],
): SandboxDriverName[] {
  return probes
    .filter((probe) => probe.isAvailable && probe.name !== preferred)
    .map((probe) => probe.name);
}

/** What an earlier process of this worker left running when it was killed. */
async function sweepLeftovers(owner: string, logger: Logger): Promise<void> {
  const sweeps = [sweepCgroups(), sweepContainers(owner)];
  for (const result of await Promise.allSettled(sweeps)) {
    if (result.status === 'rejected') logger.debug({ err: result.reason }, 'nothing to sweep');
  }
}
