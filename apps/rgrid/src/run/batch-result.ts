import type { Execution } from '@nexus/grid/contract';

import { EXIT, type ExitCode } from '../exit-codes.ts';
import { formatDuration, printable, quoted } from '../terminal/text.ts';
import { describeEnd } from './outcome.ts';

export interface BatchTally {
  total: number;
  succeeded: number;
  /** Neither succeeded nor cancelled. */
  failed: number;
  cancelled: number;
  reused: number;
}

export function tally(executions: Iterable<Execution>, total: number): BatchTally {
  const result: BatchTally = { total, succeeded: 0, failed: 0, cancelled: 0, reused: 0 };
  for (const { state, reusedFrom } of executions) {
    if (state === 'succeeded') result.succeeded += 1;
    else if (state === 'cancelled') result.cancelled += 1;
    else result.failed += 1;
    if (reusedFrom !== null) result.reused += 1;
  }
  return result;
}

export interface ExitRules {
  allowedFailures: number;
  /** The rest was cancelled because of the first failure, as asked. */
  wasFailFast: boolean;
}

/** 0 only if all succeeded, or no more failed than is allowed. */
export function batchExitCode(result: BatchTally, rules: ExitRules): ExitCode {
  if (rules.wasFailFast) return EXIT.failed;
  if (result.cancelled > 0) return EXIT.interrupted;
  return result.failed <= rules.allowedFailures ? EXIT.ok : EXIT.failed;
}

/** `97 succeeded (40 of them earlier), 3 failed in 12 s` */
export function summaryLine(result: BatchTally, elapsedMs: number): string {
  const reused = result.reused > 0 ? ` (${result.reused} of them earlier)` : '';
  const parts = [
    `${result.succeeded} succeeded${reused}`,
    ...(result.failed > 0 ? [`${result.failed} failed`] : []),
    ...(result.cancelled > 0 ? [`${result.cancelled} cancelled`] : []),
  ];
  return `${parts.join(', ')} in ${formatDuration(elapsedMs)}`;
}

export interface Failure {
  execution: Execution;
  /** The last of what it wrote to stderr. */
  stderrTail: string;
}

/** On a terminal each was told as it happened; elsewhere this is the only place. */
const SHOWN = { terminal: 10, elsewhere: 100 };

export interface FailureReport {
  isTerminal: boolean;
  /** null: it ran here, where nothing is kept. */
  batchId: string | null;
}

/** What failed and how, by input, with the last words of each. */
export function failureLines(
  failures: readonly Failure[],
  { isTerminal, batchId }: FailureReport,
): string[] {
  const limit = isTerminal ? SHOWN.terminal : SHOWN.elsewhere;
  const shown = failures.toSorted((a, b) => a.execution.index - b.execution.index).slice(0, limit);
  const lines = shown.flatMap(({ execution, stderrTail }) => [
    `  ${quoted(execution.label)} ${printable(describeEnd(execution))}${batchId === null ? '' : `  (rgrid logs ${execution.id})`}`,
    ...lastLines(stderrTail, 3).map((line) => `    ${printable(line)}`),
  ]);
  const more = failures.length - shown.length;
  if (more === 0) return lines;
  const hint = batchId === null ? '' : `: rgrid list --batch ${batchId}`;
  return [...lines, `  and ${more} more${hint}`];
}

function lastLines(text: string, count: number): string[] {
  return text
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .slice(-count)
    .map((line) => (line.length > 200 ? `${line.slice(0, 199)}…` : line));
}
