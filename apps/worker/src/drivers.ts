import type { BatchSpec } from '@nexus/grid/contract';
import type { Logger } from '@nexus/kit/logger';
import {
  createDriver,
  offerDrivers,
  probeDrivers,
  type SandboxDriver,
  type SandboxDriverName,
  type SandboxOptions,
} from '@nexus/sandbox';

import type { Config } from './config.ts';
import { containerOwner, sweepLeftovers } from './leftovers.ts';

export type DriverFound = { ok: true; driver: SandboxDriver } | { ok: false; reason: string };

/** The sandbox drivers of this machine, the preferred one first. */
export interface Drivers {
  names: [SandboxDriverName, ...SandboxDriverName[]];
  choose(spec: Pick<BatchSpec, 'image' | 'sandbox'>): DriverFound;
  close(): Promise<void>;
}

/** Finds out what works here by trying it. Throws if nothing that may be offered does. */
export async function openDrivers(config: Config, logger: Logger): Promise<Drivers> {
  const owner = containerOwner(config.WORKER_FOLDER);
  await sweepLeftovers(config.WORKER_FOLDER, logger);
  const options: SandboxOptions = { docker: { owner, mayPull: config.WORKER_PULL_IMAGES } };
  const probes = await probeDrivers(options);
  for (const probe of probes) {
    if (!probe.isAvailable)
      logger.info({ driver: probe.name, reason: probe.reason }, 'sandbox driver not available');
  }
  const offer = offerDrivers(probes, {
    isRoot: process.getuid?.() === 0,
    ...(config.WORKER_SANDBOX === undefined ? {} : { insist: config.WORKER_SANDBOX }),
  });
  if (!offer.ok) throw new Error(offer.reason);
  const drivers = new Map<SandboxDriverName, SandboxDriver>();
  for (const name of offer.names) drivers.set(name, await createDriver(name, options));
  warnOfGaps(drivers, logger);
  return {
    names: offer.names,
    choose: (spec) => {
      const name = spec.image === null ? (spec.sandbox ?? offer.names[0]) : 'docker';
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

function warnOfGaps(drivers: ReadonlyMap<SandboxDriverName, SandboxDriver>, logger: Logger): void {
  for (const { name, description } of drivers.values()) {
    if (description.isolates) continue;
    logger.warn(
      { driver: name, gaps: description.gaps },
      "scripts run without walls, as this worker's own user",
    );
  }
}
