import type { Random } from './random.ts';

export interface Arrival {
  readonly atMs: number;
  readonly runMs: number;
  /** What it runs: executions of one script take similar times, and that much a planner may learn. */
  readonly script: string;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How far run times of one script are spread: one in six takes more than 1.6 times the median. */
const SPREAD = 0.5;

function arrival(
  random: Random,
  atMs: number,
  kind: { script: string; medianMs: number },
): Arrival {
  const runMs = Math.round(Math.max(SECOND, random.logNormal(kind.medianMs, SPREAD)));
  return { atMs: Math.round(atMs), runMs, script: kind.script };
}

/** Two days: batches of 10 to 200, two hours apart on average, of scripts of half a minute to ten minutes. */
function bursty(random: Random): Arrival[] {
  const arrivals: Arrival[] = [];
  const scripts = [30 * SECOND, 90 * SECOND, 4 * MINUTE, 10 * MINUTE];
  for (let atMs = random.exponential(HOUR); atMs < 2 * DAY; atMs += random.exponential(2 * HOUR)) {
    const index = random.integer(0, scripts.length - 1);
    const kind = { script: `batch-${index}`, medianMs: scripts[index] ?? MINUTE };
    const count = Math.round(10 * 20 ** random.next());
    for (let n = 0; n < count; n += 1) arrivals.push(arrival(random, atMs, kind));
  }
  return arrivals;
}

/** A day at an even rate: on average six run at once, four minutes each. */
function steady(random: Random): Arrival[] {
  const kind = { script: 'steady', medianMs: 4 * MINUTE };
  const meanRunMs = kind.medianMs * Math.exp(SPREAD ** 2 / 2);
  const arrivals: Arrival[] = [];
  for (let atMs = 0; atMs < DAY; atMs += random.exponential(meanRunMs / 6))
    arrivals.push(arrival(random, atMs, kind));
  return arrivals;
}

/** Three days with nights: up to ten at once in the afternoon, next to nothing before six, in small groups. */
function daily(random: Random): Arrival[] {
  const arrivals: Arrival[] = [];
  const kinds = [
    { script: 'report', medianMs: 2 * MINUTE },
    { script: 'render', medianMs: 8 * MINUTE },
  ];
  for (let atMs = 0; atMs < 3 * DAY; atMs += random.exponential(2 * MINUTE)) {
    const hour = (atMs % DAY) / HOUR;
    const load = Math.max(0.01, Math.sin(((hour - 6) / 16) * Math.PI));
    if (hour < 6 || hour > 22 ? random.next() > 0.01 : random.next() > load) continue;
    const kind = kinds[random.integer(0, 1)];
    const count = random.integer(1, 6);
    for (let n = 0; kind && n < count; n += 1) arrivals.push(arrival(random, atMs, kind));
  }
  return arrivals;
}

/** A week of single executions, an hour and a half apart on average, of about ten minutes. */
function singleJob(random: Random): Arrival[] {
  const arrivals: Arrival[] = [];
  const kind = { script: 'single', medianMs: 10 * MINUTE };
  for (let atMs = 0; atMs < 7 * DAY; atMs += random.exponential(1.5 * HOUR))
    arrivals.push(arrival(random, atMs, kind));
  return arrivals;
}

export const TRACES: Readonly<Record<string, (random: Random) => Arrival[]>> = {
  bursty,
  steady,
  daily,
  'single-job': singleJob,
};
