import { takesWork, serverMachine, type Situation } from './fleet.ts';
import { hourlyMicros, paidUntilMs } from './hours.ts';
import type { DrainAction, ResumeAction } from './plan.ts';
import type { Machine } from './run-queue.ts';
import type { Server } from './snapshot.ts';
import { durationText } from './wording.ts';
import { canSpare, forecastWaits, runTimeMs, type Forecast } from './waits.ts';

/** Time that the hour being paid still has; Infinity where none has begun. */
export function paidLeftMs(server: Server, nowMs: number): number {
  return server.createdAtMs === null ? Infinity : paidUntilMs(server.createdAtMs, nowMs) - nowMs;
}

const MINUTE_MS = 60_000;
/** Longer executions than this are not waited for with an empty server: it would stand idle too long. */
const MOST_LEAD_MS = 1_800_000;
/** Half of all executions take longer than expected; this many times as long few do. */
const RUN_MARGIN = 1.5;

/** How long before its hour ends a server must stop taking work in order to be empty by then. */
function emptyingMs({ snapshot, policy }: Situation): number {
  const runs = snapshot.demand.map((group) => runTimeMs(group, snapshot));
  const runMs = runs.length > 0 ? Math.max(...runs) : snapshot.typicalRunMs;
  return 2 * policy.tickMs + Math.min(MOST_LEAD_MS, RUN_MARGIN * runMs);
}

/** How long before its hour ends a server that can be done without is drained: some time to spare. */
function drainLeadMs(situation: Situation): number {
  return situation.policy.deleteWindowMs + emptyingMs(situation);
}

/**
 * Servers whose paid hour is about to end and whose next one would not be earned: the rest does the
 * work as soon, and they have been needed little of late.
 */
export function drainBeforeHour(
  machines: readonly Machine[],
  forecast: Forecast,
  situation: Situation,
): DrainAction[] {
  const actions: DrainAction[] = [];
  let [rest, withIt] = [machines, forecast];
  for (const server of endingServers(situation)) {
    const others = rest.filter((machine) => machine.id !== server.id);
    if (others.length === rest.length || isMissed(others, situation)) continue;
    const without = forecastWaits(others, situation);
    if (!canSpare(without, withIt, situation)) continue;
    [rest, withIt] = [others, without];
    const left = durationText(paidLeftMs(server, situation.nowMs));
    const reason = `its paid hour ends in ${left}, and the others do what there is to do`;
    actions.push({ kind: 'drain', serverId: server.id, code: 'hour_ends', reason });
  }
  return actions;
}

/** Near the end of their hour and about to be empty; the dearest and emptiest first. */
function endingServers(situation: Situation): Server[] {
  const { snapshot, nowMs } = situation;
  const leadMs = drainLeadMs(situation);
  return snapshot.servers
    .filter(
      (server) =>
        server.state === 'active' &&
        takesWork(server, situation) &&
        paidLeftMs(server, nowMs) <= leadMs &&
        !outlastsHour(server, situation),
    )
    .toSorted(
      (a, b) =>
        hourlyMicros(b) - hourlyMicros(a) ||
        a.running.length - b.running.length ||
        paidLeftMs(a, nowMs) - paidLeftMs(b, nowMs),
    );
}

/** What runs on it will, as far as anybody can tell, still run in the next hour: that one is bought already. */
function outlastsHour(server: Server, situation: Situation): boolean {
  const leftMs = paidLeftMs(server, situation.nowMs);
  return serverMachine(server, situation).running.some(
    ({ endAtMs }) => endAtMs - situation.nowMs > leftMs,
  );
}

/** A demand that has come back only once may as well have been the only one: a batch, done by now. */
const LEAST_RETURNS = 2;

/**
 * Would the server be made anew too soon for its end to save anything? Judged by how often in the last
 * hour the demand has risen above what the others have slots for, and how long it took to do so.
 */
function isMissed(others: readonly Machine[], { snapshot, policy }: Situation): boolean {
  const slots = others.reduce((total, machine) => total + machine.slots, 0);
  const { recentDemand } = snapshot;
  const minutesBelow = recentDemand.filter((demand) => demand <= slots).length;
  const returns = recentDemand.filter(
    (demand, minute) => demand > slots && (recentDemand[minute - 1] ?? Infinity) <= slots,
  ).length;
  return returns >= LEAST_RETURNS && (minutesBelow / returns) * MINUTE_MS <= policy.keepMs;
}

/** Servers whose drain has lost its point: their next hour has begun, or will whatever is done. */
export function resumePaid(standby: readonly Server[], situation: Situation): ResumeAction[] {
  const { nowMs, policy } = situation;
  return standby.flatMap((server): ResumeAction[] => {
    const isNewHour = paidLeftMs(server, nowMs) > drainLeadMs(situation) + policy.deleteWindowMs;
    if (!isNewHour && !outlastsHour(server, situation)) return [];
    const reason = isNewHour
      ? 'another hour of it is paid'
      : 'what it runs will outlast its hour, so another will be paid';
    return [{ kind: 'resume', serverId: server.id, code: 'hour_paid', reason }];
  });
}
