import type { Situation } from './fleet.ts';
import { runQueue, type Machine, type Placement } from './run-queue.ts';
import type { DemandGroup, FleetSnapshot } from './snapshot.ts';

/** How the queue would fare on some machines. */
export interface Forecast {
  readonly placements: readonly Placement[];
  /** One per demand group. */
  readonly groups: readonly GroupForecast[];
}

export interface GroupForecast {
  readonly firstStartAtMs: number | null;
  readonly lastStartAtMs: number | null;
  /** That no machine could ever run. */
  readonly stranded: number;
  /** That would wait longer than they should, the stranded included. */
  readonly late: number;
  /** That a server ordered now would be up for well before they start. */
  readonly slow: number;
  readonly waitMs: number;
}

/** A server that comes up this much of its boot time after a slot has become free has helped nobody. */
const SLACK = 0.2;

export function runTimeMs(group: DemandGroup, { typicalRunMs }: FleetSnapshot): number {
  return group.expectedMs ?? typicalRunMs;
}

export function forecastWaits(machines: readonly Machine[], situation: Situation): Forecast {
  const { snapshot, nowMs } = situation;
  const queue = snapshot.demand.map((group) => ({ ...group, runMs: runTimeMs(group, snapshot) }));
  const placements = runQueue(queue, machines, nowMs);
  const groups = snapshot.demand.map((group, index) =>
    judge(
      group,
      placements.filter((placement) => placement.group === index),
      situation,
    ),
  );
  return { placements, groups };
}

function judge(
  group: DemandGroup,
  placements: readonly Placement[],
  situation: Situation,
): GroupForecast {
  const { nowMs } = situation;
  let [placed, late, slow, waitMs] = [0, 0, 0, 0];
  for (const { startAtMs, count } of placements) {
    const { lateMs, slowMs } = limitsOf(group, placed, situation);
    if (startAtMs > lateMs) late += count;
    if (startAtMs > slowMs) slow += count;
    waitMs += count * (startAtMs - nowMs);
    placed += count;
  }
  const stranded = group.count - placed;
  return {
    firstStartAtMs: placements[0]?.startAtMs ?? null,
    lastStartAtMs: stranded === 0 ? (placements.at(-1)?.startAtMs ?? null) : null,
    stranded,
    late: late + stranded,
    slow: slow + stranded,
    waitMs,
  };
}

/** From when on the nth of a group would start late, and from when on slowly. */
function limitsOf(group: DemandGroup, nth: number, situation: Situation) {
  const { policy, snapshot } = situation;
  const { oldestQueuedAtMs, newestQueuedAtMs, count } = group;
  const age = count > 1 ? nth / (count - 1) : 0;
  const queuedAtMs = oldestQueuedAtMs + age * (newestQueuedAtMs - oldestQueuedAtMs);
  const soonestMs = soonestStartMs(group, nth, situation);
  return {
    lateMs: Math.max(queuedAtMs + policy.maxWaitMs, soonestMs + SLACK * snapshot.expectedBootMs),
    // A new server would by then have been up for as long as it took to boot.
    slowMs: soonestMs + snapshot.expectedBootMs,
  };
}

/** When the nth of a group would start if servers were ordered for all of it now. */
function soonestStartMs(group: DemandGroup, nth: number, { snapshot, nowMs }: Situation): number {
  const bootedAtMs = nowMs + snapshot.expectedBootMs;
  const { parallel, active } = group;
  if (parallel === null) return bootedAtMs;
  // No server helps past `--parallel`: the next wave starts when the one before has ended.
  const waves = Math.floor((nth + active) / Math.max(1, parallel));
  return bootedAtMs + waves * runTimeMs(group, snapshot);
}

/** A group that should have another server, and why. */
export interface Trouble {
  readonly group: number;
  readonly code: 'queue_depth' | 'max_wait' | 'nothing_serves';
}

/** The worst of what is wrong with a forecast, but for groups that nothing can be done for. */
export function findTrouble(
  { groups }: Forecast,
  { policy }: Situation,
  helpless: ReadonlyMap<number, unknown>,
): Trouble | null {
  const open = [...groups.entries()].filter(([index]) => !helpless.has(index));
  const stranded = open.find(([, group]) => group.stranded > 0);
  if (stranded) return { group: stranded[0], code: 'nothing_serves' };
  const late = open.find(([, group]) => group.late > 0);
  if (late) return { group: late[0], code: 'max_wait' };
  const slow = open.reduce((total, [, group]) => total + group.slow, 0);
  const slowest = open.toSorted(([, a], [, b]) => b.slow - a.slow)[0];
  if (slowest === undefined || slow < policy.queueDepth) return null;
  return { group: slowest[0], code: 'queue_depth' };
}

/** Does a server earn its hour: is there what only it can run, or does it spare the queue enough waiting? */
export function isWorth(withIt: Forecast, without: Forecast, { policy }: Situation): boolean {
  const fewerStranded = stranded(without) - stranded(withIt);
  if (fewerStranded !== 0) return fewerStranded > 0;
  return totalWaitMs(without) - totalWaitMs(withIt) > policy.worthMs;
}

/** Can a server go? Exactly where it would not be taken back in the next moment. */
export function canSpare(without: Forecast, withIt: Forecast, situation: Situation): boolean {
  return findTrouble(without, situation, NOBODY) === null || !isWorth(withIt, without, situation);
}

const NOBODY: ReadonlyMap<number, unknown> = new Map();

function stranded({ groups }: Forecast): number {
  return sum(groups, (group) => group.stranded);
}

export function totalWaitMs({ groups }: Forecast): number {
  return sum(groups, (group) => group.waitMs);
}

function sum(groups: readonly GroupForecast[], value: (group: GroupForecast) => number): number {
  return groups.reduce((total, group) => total + value(group), 0);
}
