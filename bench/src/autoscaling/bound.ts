import { HOUR_MS } from '@nexus/grid';

import { MOST_SERVERS, SLOTS, type Execution } from './world.ts';

/**
 * The fewest started hours that anybody who knows the future could pay for these executions if none of
 * them may start later than it did. Finding that schedule is NP-hard, so this is a lower bound on it:
 *
 * - Servers boot in no time, and an execution may move between them at any moment for free. Then a
 *   server is a row of single hours, and each hour may begin whenever it is most useful.
 * - An execution that came at `a`, runs for `r` and may start until `d` runs during all of [d, a + r],
 *   whenever it is started. How many do so at a time is how many slots there must be; covering that
 *   curve by hours, each begun as late as possible, takes the fewest.
 * - Where executions wait for longer than they run that interval is empty. But in any stretch of time
 *   there is work that can have been done neither before (it had not come, or all servers that may be
 *   had other work) nor after. It has to fit into the hours that touch the stretch, and no hour touches
 *   two stretches that lie an hour apart.
 */
export function fewestHours(executions: readonly Execution[]): number {
  return Math.max(hoursByPresence(executions), hoursByWork(executions));
}

/** Covers the curve of executions that must be running, from left to right. */
export function hoursByPresence(executions: readonly Execution[]): number {
  const steps = executions
    .flatMap(({ atMs, runMs, startAtMs }) =>
      startAtMs < atMs + runMs
        ? [
            { atMs: startAtMs, change: 1 },
            { atMs: atMs + runMs, change: -1 },
          ]
        : [],
    )
    // Those that end make room for those that begin.
    .toSorted((a, b) => a.atMs - b.atMs || a.change - b.change);
  const ends: number[] = [];
  let [first, present, hours] = [0, 0, 0];
  const openAt = (atMs: number) => {
    while ((ends[first] ?? Infinity) <= atMs) first += 1;
    for (let open = ends.length - first; open < Math.ceil(present / SLOTS); open += 1) {
      ends.push(atMs + HOUR_MS);
      hours += 1;
    }
  };
  for (const { atMs, change } of steps) {
    // Hours that have ended since are begun again where they are still needed.
    while ((ends[first] ?? Infinity) < atMs) openAt(ends[first] ?? atMs);
    present += change;
    openAt(atMs);
  }
  return hours;
}

/** Stretches begin and end on full minutes. */
const GRID_MS = 60_000;
const HOUR_LINES = HOUR_MS / GRID_MS;
const LONGEST_STRETCH = 24 * HOUR_LINES;

/** Chooses stretches an hour apart, so that the hours that each needs by itself add up to the most. */
export function hoursByWork(executions: readonly Execution[]): number {
  const endMs = Math.max(0, ...executions.map(({ startAtMs, runMs }) => startAtMs + runMs));
  const lines = Math.ceil(endMs / GRID_MS) + 1;
  const doneBefore = mostDone(executions, lines);
  const dueBy = leastDone(executions, lines);
  // best[i]: hours needed by stretches that end at line i or before. Final once `from` has passed it.
  const best = Array.from({ length: lines + 1 }, () => 0);
  for (let from = 0; from <= lines; from += 1) {
    best[from] = Math.max(best[from] ?? 0, best[from - 1] ?? 0);
    const before = best[Math.max(0, from - HOUR_LINES)] ?? 0;
    const last = Math.min(lines, from + LONGEST_STRETCH);
    const withinMs = workWithin(executions, { from, last });
    for (let to = from + 1; to <= last; to += 1) {
      const leftMs = (dueBy[to] ?? 0) - (doneBefore[from] ?? 0);
      const workMs = Math.max(withinMs[to - from] ?? 0, leftMs);
      const hours = Math.ceil(workMs / (SLOTS * GRID_MS * Math.min(HOUR_LINES, to - from)) - 1e-9);
      best[to] = Math.max(best[to] ?? 0, before + hours);
    }
  }
  return best[lines] ?? 0;
}

/** At each line, the work that can have been done by then: as it comes, by all servers that there may be. */
function mostDone(executions: readonly Execution[], lines: number): number[] {
  const came = sumOfRamps(
    executions.map(({ atMs, runMs }) => [atMs, atMs + runMs]),
    { from: 0, last: lines },
  );
  const done = [0];
  for (let line = 1; line <= lines; line += 1) {
    const mostMs = (done[line - 1] ?? 0) + MOST_SERVERS * SLOTS * GRID_MS;
    done.push(Math.min(mostMs, came[line] ?? 0));
  }
  return done;
}

/** At each line, the work that must have been done by then if nothing starts later than it did. */
function leastDone(executions: readonly Execution[], lines: number): number[] {
  return sumOfRamps(
    executions.map(({ startAtMs, runMs }) => [startAtMs, startAtMs + runMs]),
    { from: 0, last: lines },
  );
}

interface Stretch {
  readonly from: number;
  readonly last: number;
}

/** At each line from the first, the work that has to be done since then, however early it began. */
function workWithin(executions: readonly Execution[], stretch: Stretch): number[] {
  const fromMs = stretch.from * GRID_MS;
  const ramps: [number, number][] = [];
  for (const { atMs, startAtMs, runMs } of executions) {
    const doneMs = Math.min(runMs, Math.max(0, fromMs - atMs));
    if (doneMs < runMs && startAtMs < stretch.last * GRID_MS)
      ramps.push([startAtMs + doneMs, startAtMs + runMs]);
  }
  return sumOfRamps(ramps, stretch);
}

/** At each line, the sum of what has grown by one a millisecond from the start of each ramp to its end. */
function sumOfRamps(
  ramps: readonly (readonly [number, number])[],
  { from, last }: Stretch,
): number[] {
  const length = last - from + 1;
  const slopes = new Float64Array(length + 1);
  const offsets = new Float64Array(length + 1);
  const add = (atMs: number, sign: number) => {
    const line = Math.min(length, Math.max(0, Math.ceil(atMs / GRID_MS) - from));
    slopes[line] = (slopes[line] ?? 0) + sign;
    offsets[line] = (offsets[line] ?? 0) + sign * atMs;
  };
  for (const [startMs, endMs] of ramps) {
    add(startMs, 1);
    add(endMs, -1);
  }
  const sums: number[] = [];
  let [slope, offset] = [0, 0];
  for (let line = 0; line < length; line += 1) {
    slope += slopes[line] ?? 0;
    offset += offsets[line] ?? 0;
    sums.push(slope * (from + line) * GRID_MS - offset);
  }
  return sums;
}
