import type { Estimate } from './contract/index.ts';
import { slotCostMicros } from './cost.ts';
import { HOUR_MS, hourlyMicros, startedHours, type Rent } from './scaling/hours.ts';
import { runQueue, type Machine, type Placement } from './scaling/run-queue.ts';

export interface EstimateBasis {
  executions: number;
  samples: number;
  medianMs: number;
  p90Ms: number;
  /** That are here; the first take work first. */
  workers: readonly { slots: number; priceMicrosPerHour: number }[];
  /** What would be ordered beside them; null: nothing can be. */
  server: EstimateServer | null;
}

/** A server of the type that is ordered first. */
export interface EstimateServer extends Rent {
  /** What it holds of executions like these. */
  slots: number;
  bootMs: number;
  /** How many more there may be. */
  most: number;
}

type Option = Estimate['options'][number];

/** A step that saves less than this share of the time is past the knee, */
const WORTHWHILE = 0.1;
/** and so is one that takes more server hours than this for an hour that it saves. */
const SERVER_HOURS_PER_HOUR = 10;

/** Time and money of a batch for several `--parallel` values, by simulating started hours. */
export function estimateBatch(basis: EstimateBasis): Estimate {
  const options = parallelSteps(basis).map((parallel) => simulate(basis, parallel));
  const { samples, medianMs, p90Ms } = basis;
  return { samples, medianMs, p90Ms, options, knee: findKnee(options, basis) };
}

/** 1, 2, 4, … up to what the slots and the number of executions allow, both ends included. */
function parallelSteps({ executions, workers, server }: EstimateBasis): number[] {
  const most = Math.min(
    executions,
    Math.max(1, slotsOf(workers) + (server ? server.most * server.slots : 0)),
  );
  const steps: number[] = [];
  for (let parallel = 1; parallel < most; parallel *= 2) steps.push(parallel);
  return [...steps, most];
}

function slotsOf(workers: EstimateBasis['workers']): number {
  return workers.reduce((sum, worker) => sum + worker.slots, 0);
}

function simulate(basis: EstimateBasis, parallel: number): Option {
  const { executions, medianMs, workers, server } = basis;
  // Where nothing is here and nothing can be ordered: as long as one slot would take.
  const here = slotsOf(workers) > 0 || server !== null ? workers : [{ slots: 1 }];
  const missing = Math.max(0, parallel - slotsOf(workers));
  const ordered = server ? Math.min(server.most, Math.ceil(missing / server.slots)) : 0;
  const machines = [
    ...here.map(({ slots }, index) => machine(`worker-${index}`, slots, 0)),
    ...Array.from({ length: ordered }, (_, index) =>
      machine(`server-${index}`, server?.slots ?? 0, server?.bootMs ?? 0),
    ),
  ];
  const group = { ...ASK, count: executions, parallel, active: 0, runMs: medianMs };
  const placements = runQueue([group], machines, 0);
  const ends = endsByMachine(placements);
  const hours = server ? serverHours(ends) : { servers: 0, hours: 0 };
  return {
    parallel,
    durationMs: Math.round(Math.max(0, ...ends.values())),
    costMicros:
      countHere(placements) * slotPrice(basis) + (server ? hours.hours * hourlyMicros(server) : 0),
    servers: hours.servers,
  };
}

/** Slots are what is counted here; how many fit was decided before. */
const ASK = { cpus: 0, memoryBytes: 0, requires: [] };

function machine(id: string, slots: number, availableAtMs: number): Machine {
  return { id, slots, cpus: 0, memoryBytes: 0, offers: [], availableAtMs, running: [] };
}

function endsByMachine(placements: readonly Placement[]): Map<string, number> {
  const ends = new Map<string, number>();
  for (const { machineId, endAtMs } of placements)
    ends.set(machineId, Math.max(endAtMs, ends.get(machineId) ?? 0));
  return ends;
}

/** A server for which nothing is left when it is up would not be ordered. */
function serverHours(ends: ReadonlyMap<string, number>): { servers: number; hours: number } {
  const lives = [...ends].flatMap(([id, endMs]) => (id.startsWith('server-') ? [endMs] : []));
  const hours = lives.reduce((sum, lifeMs) => sum + startedHours(lifeMs), 0);
  return { servers: lives.length, hours };
}

function countHere(placements: readonly Placement[]): number {
  return placements
    .filter(({ machineId }) => machineId.startsWith('worker-'))
    .reduce((sum, { count }) => sum + count, 0);
}

/** What is here is shared by time: its hours are paid for whoever uses them. */
function slotPrice({ workers, medianMs }: EstimateBasis): number {
  const slots = slotsOf(workers);
  if (slots === 0) return 0;
  const priceMicrosPerHour = workers.reduce((sum, worker) => sum + worker.priceMicrosPerHour, 0);
  return slotCostMicros({ durationMs: medianMs, priceMicrosPerHour, slots });
}

function findKnee(options: readonly Option[], { server }: EstimateBasis): number {
  const mostMicrosPerMs = server
    ? (SERVER_HOURS_PER_HOUR * hourlyMicros(server)) / HOUR_MS
    : Infinity;
  let knee = options[0];
  for (const option of options) {
    if (knee === undefined || option.durationMs >= knee.durationMs * (1 - WORTHWHILE)) continue;
    const extraMicros = option.costMicros - knee.costMicros;
    const savedMs = knee.durationMs - option.durationMs;
    if (extraMicros <= 0 || extraMicros <= savedMs * mostMicrosPerMs) knee = option;
  }
  return knee?.parallel ?? 1;
}
