import type { BatchSpec } from '@nexus/grid/contract';
import type { Logger } from '@nexus/kit/logger';
import { chooseDriver, createDriver, probeDrivers, type SandboxDriver, type SandboxDriverName } from '@nexus/sandbox';

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
  const probes = await probeDrivers();
  const wish = config.WORKER_SANDBOX === undefined ? {} : { insist: config.WORKER_SANDBOX };
  const preferred = chooseDriver(probes, wish);
  if (!preferred.ok) throw new Error(preferred.reason);
  for (const probe of probes) {
    if (!probe.isAvailable) logger.info({ driver: probe.name, reason: probe.reason }, 'sandbox driver not available');
  }
  const others = probes.filter((probe) => probe.isAvailable && probe.name !== preferred.name).map((probe) => probe.name);
  const allowed = config.WORKER_SANDBOX === undefined ? others : [];
  const drivers = new Map<SandboxDriverName, SandboxDriver>();
  for (const name of [preferred.name, ...allowed]) drivers.set(name, await createDriver(name));
  return {
    names: [preferred.name, ...allowed],
    choose: (spec) => {
      const name = spec.image === null ? (spec.sandbox ?? preferred.name) : 'docker';
      const driver = drivers.get(name);
      return driver ? { ok: true, driver } : { ok: false, reason: `this worker has no sandbox driver ${name}` };
    },
    close: async () => {
      for (const driver of drivers.values()) await driver.close();
    },
  };
}
