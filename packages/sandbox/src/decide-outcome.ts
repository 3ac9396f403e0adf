import type { SandboxOutcome } from './driver.ts';

/** Why the worker ended a script itself; the first reason stands. */
export type StopReason = 'timed_out' | 'cancelled' | 'out_of_memory' | 'disk_full';

export interface OutcomeFacts {
  stopReason: StopReason | null;
  /** The launcher reached the script's first instruction. */
  isReady: boolean;
  /** What the launcher said when it did not. */
  launcherError: string;
  exitCode: number;
  oomKills: number;
  /** The disk roots hold more than allowed after the end. */
  isDiskExceeded: boolean;
}

const SIGXFSZ_EXIT = 128 + 25;

/** Scripts ended by a file-size limit die of SIGXFSZ or, like Python, fail on their own. */
export function decideOutcome(facts: OutcomeFacts): SandboxOutcome {
  if (facts.stopReason !== null) return { kind: facts.stopReason };
  // A script may survive the loss of a child to the OOM killer; then its own word counts.
  if (facts.oomKills > 0 && facts.exitCode !== 0) return { kind: 'out_of_memory' };
  if (!facts.isReady) return { kind: 'not_started', reason: launcherReason(facts) };
  if (facts.isDiskExceeded || facts.exitCode === SIGXFSZ_EXIT) return { kind: 'disk_full' };
  return { kind: 'exited', exitCode: facts.exitCode };
}

function launcherReason({ launcherError, exitCode }: OutcomeFacts): string {
  const text = launcherError.trim();
  if (text !== '') return text;
  return `the sandbox could not be set up (its launcher ended with code ${exitCode} and no message)`;
}
