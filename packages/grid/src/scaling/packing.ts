import type { Ask } from './snapshot.ts';

/** What is free on a machine, or all of it. */
export interface Room {
  readonly slots: number;
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** 0.9 and 0.1 of a processor fit on one, though not in binary. The claim of leases allows the same hair. */
const HAIR = 1e-6;

/** How many executions that ask for so much fit side by side. */
export function roomFor(ask: Ask, room: Room): number {
  const byCpus = ask.cpus > 0 ? Math.floor((room.cpus + HAIR) / ask.cpus) : room.slots;
  const byMemory =
    ask.memoryBytes > 0 ? Math.floor(room.memoryBytes / ask.memoryBytes) : room.slots;
  return Math.max(0, Math.min(room.slots, byCpus, byMemory));
}

/** Could the machine run it, were it empty? */
export function canServe(
  ask: Ask,
  machine: Room & { readonly offers: readonly string[] },
): boolean {
  return ask.requires.every((need) => machine.offers.includes(need)) && roomFor(ask, machine) >= 1;
}
