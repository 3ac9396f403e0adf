import { canonicalJson, sha256 } from '@nexus/kit/hash';
import { DEFAULT_LIMITS, type FinishedItem, type Submission } from '@nexus/grid/contract';

import type { Random } from '../random.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const GIB = 1024 ** 3;

/** Batches that come in together. */
export interface Burst {
  atMs: number;
  submissions: Submission[];
}

/** How long executions of a batch run, and of how many batches: most are short, some outlast an hour. */
const LENGTHS = [
  { least: 2 * SECOND, most: 20 * SECOND, share: 5 },
  { least: 20 * SECOND, most: 3 * MINUTE, share: 6 },
  { least: 3 * MINUTE, most: 15 * MINUTE, share: 3 },
  { least: 15 * MINUTE, most: 40 * MINUTE, share: 1 },
  { least: 50 * MINUTE, most: 75 * MINUTE, share: 1 },
].flatMap(({ share, ...length }) => Array.from({ length: share }, () => length)) as [
  Length,
  ...Length[],
];

interface Length {
  least: number;
  most: number;
}

export function drawBursts(random: Random): Burst[] {
  const count = random.pick([1, 1, 1, 2, 3]);
  let atMs = 0;
  return Array.from({ length: count }, () => {
    const submissions = Array.from({ length: random.between(1, 3) }, () => drawBatch(random));
    const burst = { atMs, submissions };
    atMs += random.pick([10 * SECOND, 5 * MINUTE, 30 * MINUTE, 57 * MINUTE]);
    return burst;
  });
}

function drawBatch(random: Random): Submission {
  const { least, most } = random.pick(LENGTHS);
  const isLong = most > 10 * MINUTE;
  const count = random.between(1, mostOf(most));
  const outcome = isLong ? 'ok' : random.pick(['ok', 'ok', 'ok', 'ok', 'flaky', 'fails', 'hangs']);
  const timeoutMs = random.pick(isLong ? [1, 1.2, 2] : [1.2, 2, 10]) * most;
  const name = random.between(0, 1_000_000_000);
  return {
    spec: {
      script: 'main.py',
      root: '/home/ana/project',
      limits: {
        ...DEFAULT_LIMITS,
        cpus: random.pick([0.5, 1, 1, 1, 2]),
        memoryBytes: random.pick([GIB / 2, GIB / 2, GIB, 3 * GIB]),
        timeoutSeconds: Math.ceil(timeoutMs / SECOND),
      },
    },
    project: { entries: [] },
    executions: Array.from({ length: count }, (_, index) => ({
      label: `${index}`,
      args: [String(random.between(least, most)), outcome, `${name}`],
      input: null,
      identity: sha256(canonicalJson([name, index])),
    })),
    priority: random.pick([0, 0, 0, 10]),
    parallel: random.pick([null, null, 1, 3, 10]),
    retries: outcome === 'ok' ? 0 : random.pick([0, 1, 2]),
  };
}

/** The longer they run, the fewer: a run should not take days. */
function mostOf(longestMs: number): number {
  if (longestMs > 15 * MINUTE) return 2;
  if (longestMs > 3 * MINUTE) return 6;
  return longestMs > 20 * SECOND ? 15 : 30;
}

/** What a worker does with arguments of such a batch. */
export function jobOf(
  [length = '', kind = '']: readonly string[],
  random: Random,
): { runMs: number; outcome: FinishedItem['outcome'] } {
  const runMs = Math.round(Number(length) * (0.8 + 0.4 * random.next()));
  switch (kind) {
    case 'fails':
      return { runMs, outcome: 'failed' };
    case 'flaky':
      return { runMs, outcome: random.pick(['failed', 'succeeded']) };
    case 'hangs':
      // To its time limit, whatever that is.
      return { runMs: random.next() < 0.5 ? runMs : Infinity, outcome: 'succeeded' };
    default:
      return { runMs, outcome: 'succeeded' };
  }
}
