import type { FaultOrder, HetznerSimulatorOptions } from '@nexus/simulators/hetzner';

import { Random } from '../random.ts';
import { drawBursts, type Burst } from './load.ts';
import type { WorkerFaults } from './virtual-worker.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** Something that lasts for a while. */
export interface Spell {
  kind: 'api_away' | 'all_sold_out' | 'location_disabled' | 'control_plane_away' | 'requests_used';
  fromMs: number;
  untilMs: number;
}

/** What becomes of one daemon after the other. */
export interface DaemonFate {
  /** Calls to the database and the cloud until it is killed. */
  fallsAfter: number;
  restartMs: number;
  /** Another one waits for its place from the beginning. */
  hasRival: boolean;
  /** Frozen and cut off so long after its start; null: never. */
  freeze: { afterMs: number; forMs: number } | null;
}

/** All of a run that is decided before it begins. */
export interface Scenario {
  seed: number;
  startsAtMs: number;
  policy: Record<string, string>;
  /** What the budget is raised to when nothing but money keeps the rest waiting. */
  simulator: Pick<HetznerSimulatorOptions, 'limits' | 'timings' | 'requestsPerHour'>;
  faults: FaultOrder[];
  /** From then on the cloud has no more faults. */
  calmAtMs: number;
  spells: Spell[];
  bursts: Burst[];
  daemons: DaemonFate[];
  workers: WorkerFaults;
  /** When somebody else removes a server: one that is known, as nobody can say what the others cost. */
  vanishAtMs: number[];
}

export function drawScenario(seed: number): Scenario {
  const random = (stream: number): Random => new Random(seed * 64 + stream);
  const bursts = drawBursts(random(1));
  return {
    seed,
    startsAtMs: drawStart(random(2)),
    policy: drawPolicy(random(3)),
    simulator: drawSimulator(random(4)),
    faults: drawFaults(random(5)),
    calmAtMs: random(6).pick([30, 90, 150, 100_000]) * MINUTE,
    spells: drawSpells(random(7)),
    bursts,
    daemons: drawFates(random(8)),
    workers: drawWorkerFaults(random(9)),
    vanishAtMs: random(10).pick([[], [], [20 * MINUTE], [4 * MINUTE, 50 * MINUTE]]),
  };
}

/** A few minutes before a month ends, or in the middle of it. */
function drawStart(random: Random): number {
  const nearEnd = Date.UTC(2026, 10, 30, 22, random.between(0, 59), random.between(0, 59));
  const anyTime = Date.UTC(2026, 10, random.between(1, 20), random.between(0, 23));
  return random.next() < 0.15 ? nearEnd : anyTime + random.between(0, 999);
}

function drawPolicy(random: Random): Record<string, string> {
  const slots = random.pick(['', '', '1', '4']);
  // In hours of the usual server with its address: too little for all the work, tight, or ample.
  const budget = random.pick(['', '', '', '0.05', '0.12', '1']);
  return {
    MAX_WORKERS: String(random.pick([1, 2, 3, 5, 8])),
    PROVISION_QUEUE_DEPTH: String(random.pick([1, 5, 5, 10])),
    PROVISION_MAX_WAIT: String(random.pick([30, 60, 60, 300])),
    BOOT_DEADLINE: String(random.pick([180, 300, 300, 600])),
    ...(slots === '' ? {} : { WORKER_SLOTS: slots }),
    ...(budget === '' ? {} : { BUDGET_EUR_PER_MONTH: budget }),
  };
}

type Limits = NonNullable<HetznerSimulatorOptions['limits']>;
type Timings = NonNullable<HetznerSimulatorOptions['timings']>;

function drawSimulator(random: Random): Scenario['simulator'] {
  return {
    limits: random.pick<Limits>([{}, {}, { servers: 2 }, { primaryIps: 3 }]),
    timings: random.pick<Timings>([
      {},
      { createMs: 20_000 },
      { bootMs: 90_000 },
      { deleteMs: 30_000 },
    ]),
    requestsPerHour: random.pick([3600, 3600, 3600, 700]),
  };
}

type Draw = (random: Random) => Omit<FaultOrder, 'probability'>;

/** One for each kind of fault that strikes single requests, servers or actions. */
const STRAY: readonly Draw[] = [
  () => ({ fault: { kind: 'reply_lost', isActedOn: true }, method: 'POST' }),
  () => ({ fault: { kind: 'reply_lost', isActedOn: true } }),
  () => ({ fault: { kind: 'reply_lost', isActedOn: false } }),
  (random) => ({ fault: { kind: 'error', status: random.pick([429, 500, 502, 503, 504]) } }),
  () => ({ fault: { kind: 'error', status: 423 }, method: 'DELETE' }),
  () => ({ fault: { kind: 'error', status: 500 }, method: 'DELETE' }),
  (random) => ({ fault: { kind: 'html', status: random.pick([200, 429, 502, 503]) } }),
  (random) => ({ fault: { kind: 'slow_reply', delayMs: random.pick([3000, 20_000, 45_000]) } }),
  (random) => ({ fault: { kind: 'sold_out', serverType: random.pick(['cx23', 'cax11']) } }),
  () => ({ fault: { kind: 'sold_out' } }),
  (random) => ({ fault: { kind: 'location_disabled', location: random.pick(['fsn1', 'nbg1']) } }),
  (random) => ({
    fault: { kind: 'limit_exceeded', limit: random.pick(['servers', 'primary_ips']) },
  }),
  (random) => ({ fault: { kind: 'slow_boot', extraMs: random.pick([60_000, 400_000]) } }),
  () => ({ fault: { kind: 'stuck_boot' } }),
  (random) => ({ fault: { kind: 'slow_action', command: command(random), extraMs: 90_000 } }),
  (random) => ({ fault: { kind: 'stuck_action', command: command(random) } }),
  (random) => ({ fault: { kind: 'failed_action', command: command(random) } }),
  () => ({ fault: { kind: 'no_ipv4' } }),
  () => ({ fault: { kind: 'delete_stays', reason: 'locked', lockedMs: 90_000 } }),
  () => ({ fault: { kind: 'delete_stays', reason: 'protected' } }),
  (random) => ({ fault: { kind: 'server_vanishes', afterMs: random.between(600_000, 2_400_000) } }),
];

function command(random: Random): string {
  return random.pick(['create_server', 'start_server', 'delete_server']);
}

function drawFaults(random: Random): FaultOrder[] {
  const share = random.pick([0.1, 0.3, 0.6]);
  return STRAY.filter(() => random.next() < share).map((draw) => ({
    ...draw(random),
    probability: random.pick([0.02, 0.1, 0.3]),
  }));
}

const SPELLS: readonly Spell['kind'][] = [
  ...(['api_away', 'all_sold_out', 'location_disabled', 'control_plane_away'] as const),
  'requests_used',
];

function drawSpells(random: Random): Spell[] {
  return SPELLS.filter(() => random.next() < 0.25).map((kind) => {
    const fromMs = random.between(0, 80 * 60) * SECOND;
    const longest = kind === 'control_plane_away' ? 15 : 60;
    return { kind, fromMs, untilMs: fromMs + random.between(1, longest) * MINUTE };
  });
}

/** Mortal ones, and at last one that lives. */
function drawFates(random: Random): DaemonFate[] {
  const mortals = Array.from({ length: random.pick([0, 1, 3, 8, 15]) }, (): DaemonFate => {
    const isFrozen = random.next() < 0.15;
    return {
      fallsAfter: isFrozen ? Infinity : random.pick([5, 30, 60, 200]) * random.next(),
      restartMs: random.pick([0, 1000, 5000, 30_000]),
      hasRival: random.next() < 0.3,
      freeze: isFrozen
        ? { afterMs: random.between(0, 300_000), forMs: random.between(1000, 150_000) }
        : null,
    };
  });
  return [...mortals, { fallsAfter: Infinity, restartMs: 0, hasRival: false, freeze: null }];
}

function drawWorkerFaults(random: Random): WorkerFaults {
  const some = (probability: number): number => (random.next() < 0.3 ? probability : 0);
  return {
    most: 5,
    lostReply: some(0.05),
    silence: some(0.03),
    hang: some(0.01),
    restart: some(0.02),
    isBad: some(0.2),
  };
}
