import type { SandboxDescription, SandboxDriverName } from './driver.ts';

export type DriverProbe =
  | { name: SandboxDriverName; isAvailable: true; description: SandboxDescription }
  | { name: SandboxDriverName; isAvailable: false; reason: string };

export interface DriverWish {
  /** The driver somebody asked for by name. */
  insist?: SandboxDriverName;
  /** A container image the execution wants. */
  image?: string;
}

export type DriverChoice =
  | { ok: true; name: SandboxDriverName; description: SandboxDescription }
  | { ok: false; code: 'driver_unavailable' | 'image_needs_docker'; reason: string };

/** Best first. Docker only serves images: a container costs fifty times what a namespace costs. */
const PREFERENCE: readonly SandboxDriverName[] = ['bubblewrap', 'namespaces', 'process'];

function pick(probes: readonly DriverProbe[], name: SandboxDriverName): DriverChoice {
  const probe = probes.find((candidate) => candidate.name === name);
  if (probe?.isAvailable) return { ok: true, name, description: probe.description };
  const reason = probe?.reason ?? 'it was not looked for on this machine';
  return {
    ok: false,
    code: 'driver_unavailable',
    reason: `the sandbox driver ${name} is not available here: ${reason}`,
  };
}

export function chooseDriver(probes: readonly DriverProbe[], wish: DriverWish = {}): DriverChoice {
  if (wish.image !== undefined) {
    if (wish.insist === undefined || wish.insist === 'docker') return pick(probes, 'docker');
    const reason = `the image ${wish.image} needs the driver docker, not ${wish.insist}`;
    return { ok: false, code: 'image_needs_docker', reason };
  }
  if (wish.insist !== undefined) return pick(probes, wish.insist);
  const choices = PREFERENCE.map((name) => pick(probes, name));
  const first = choices.find((choice) => choice.ok);
  if (first !== undefined) return first;
  const reasons = choices.map((choice) => (choice.ok ? '' : choice.reason)).join('; ');
  return { ok: false, code: 'driver_unavailable', reason: reasons };
}
