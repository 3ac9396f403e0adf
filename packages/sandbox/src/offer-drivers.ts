import { chooseDriver, type DriverProbe } from './choose-driver.ts';
import type { SandboxDriverName } from './driver.ts';

export interface Offerer {
  /** Whether the worker, and so a script in the driver `process`, is root. */
  isRoot: boolean;
  /** The one driver its operator wants. */
  insist?: SandboxDriverName;
}

export type DriverOffer =
  /** The preferred driver first. */
  { ok: true; names: [SandboxDriverName, ...SandboxDriverName[]] } | { ok: false; reason: string };

/**
 * What a worker may offer to other people. Whoever submits chooses among what is offered, so a plain
 * process is never beside a driver with walls: any API key would then be the worker's own user.
 */
export function offerDrivers(
  probes: readonly DriverProbe[],
  { isRoot, insist }: Offerer,
): DriverOffer {
  const preferred = chooseDriver(probes, insist === undefined ? {} : { insist });
  if (!preferred.ok) return preferred;
  if (insist !== undefined) return { ok: true, names: [insist] };
  if (preferred.name === 'process' && isRoot) return { ok: false, reason: refuseRoot(probes) };
  const others = probes.filter((probe) => probe.isAvailable).map((probe) => probe.name);
  const walled = others.filter((name) => name !== preferred.name && name !== 'process');
  return { ok: true, names: [preferred.name, ...walled] };
}

function refuseRoot(probes: readonly DriverProbe[]): string {
  const reasons = ['bubblewrap', 'namespaces'].flatMap((name) =>
    probes.flatMap((probe) =>
      probe.name === name && !probe.isAvailable ? [`${name}: ${probe.reason}`] : [],
    ),
  );
  return `no sandbox driver with walls works here (${reasons.join('; ')}), and as root a plain process would hand this machine to every script; start the worker as an ordinary user, or insist with WORKER_SANDBOX=process`;
}
