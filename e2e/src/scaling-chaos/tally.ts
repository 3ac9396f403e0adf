import type { SeedResult } from './run-seed.ts';

/** All seeds in one line, for people. */
export function describeRun(results: readonly SeedResult[]): string {
  const sum = (of: (result: SeedResult) => number): number =>
    results.reduce((total, result) => total + of(result), 0);
  const struck = new Map<string, number>();
  for (const [kind, times] of results.flatMap((result) => [...result.struck]))
    struck.set(kind, (struck.get(kind) ?? 0) + times);
  const faults = [...struck]
    .filter(([, times]) => times > 0)
    .toSorted(([, one], [, other]) => other - one)
    .map(([kind, times]) => `${kind} ${times}`);
  return [
    `${results.length} seeds, ${sum(({ executions }) => executions)} executions,`,
    `${sum(({ servers }) => servers)} servers,`,
    `${Math.round(sum(({ virtualMs }) => virtualMs) / 3_600_000)} hours,`,
    `${sum(({ kills }) => kills)} daemons killed;`,
    `faults: ${faults.join(', ')};`,
    `cloud ${sum(({ inCloud }) => inCloud)}, books ${sum(({ inBooks }) => inBooks)},`,
    `lost ${sum(({ lost }) => lost)}, double ${sum(({ double }) => double)},`,
    `over budget ${sum(({ overBudget }) => overBudget)}`,
    `(budget too small at first in ${sum((result) => Number(result.isBudgetRaised))},`,
    `books above the bill by ${sum(({ booksMoreMicros }) => booksMoreMicros)} micros)`,
  ].join(' ');
}
