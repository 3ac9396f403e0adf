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
  const { snapshot, nowMs } = situation;
  let [placed, late, slow, waitMs] = [0, 0, 0, 0];
  for (const { startAtMs, count } of placements) {
    const soonestMs = soonestStartMs(group, placed, situation);
    if (startAtMs > deadlineMs(group, placed, situation)) late += count;
    // Still waiting when a new server has been up for as long as it took to boot.
    if (startAtMs > soonestMs + snapshot.expectedBootMs) slow += count;
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

/** Until when the nth of a group should have started. */
function deadlineMs(group: DemandGroup, nth: number, situation: Situation): number {
  const { oldestQueuedAtMs, newestQueuedAtMs, count } = group;
  const age = count > 1 ? nth / (count - 1) : 0;
  const queuedAtMs = oldestQueuedAtMs + age * (newestQueuedAtMs - oldestQueuedAtMs);
  const { policy, snapshot } = situation;
  return Math.max(
    queuedAtMs + policy.maxWaitMs,
    soonestStartMs(group, nth, situation) + SLACK * snapshot.expectedBootMs,
  );
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
