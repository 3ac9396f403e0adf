import { isTerminal } from '@nexus/grid/states';
import type { Execution, ExecutionState } from '@nexus/grid/contract';

import { EXIT, type ExitCode } from '../exit-codes.ts';
import { formatDuration } from '../terminal/text.ts';

/** Where the state alone decides; what is not here is the platform's trouble. */
const EXIT_BY_STATE: Partial<Record<ExecutionState, ExitCode>> = {
  timed_out: EXIT.timedOut,
  out_of_memory: EXIT.outOfMemory,
  cancelled: EXIT.interrupted,
};

/** What `rgrid run` of one script exits with. */
export function exitCodeOf({ state, exitCode }: Execution): ExitCode {
  if (state === 'succeeded') return exitCode ?? EXIT.ok;
  if (state === 'failed') return exitCode ?? EXIT.notStarted;
  return EXIT_BY_STATE[state] ?? EXIT.platform;
}

/** A newer platform may know states that this rgrid does not; those are not the end. */
export function hasEnded(state: ExecutionState): boolean {
  return STATE_WORDS[state] !== undefined && isTerminal(state);
}

const STATE_WORDS: Readonly<Record<ExecutionState, string>> = {
  uploading: 'uploading',
  queued: 'queued',
  leased: 'starting',
  running: 'running',
  publishing: 'saving outputs',
  succeeded: 'succeeded',
  failed: 'failed',
  timed_out: 'timed out',
  out_of_memory: 'out of memory',
  cancelled: 'cancelled',
  lost: 'lost',
};

export function stateWord(state: ExecutionState): string {
  return STATE_WORDS[state] ?? state;
}

/** Why it did not succeed, in one line. */
export function describeEnd(execution: Execution): string {
  const { state, exitCode, usage } = execution;
  const reason = execution.reason === null ? '' : `: ${execution.reason}`;
  if (state === 'failed' && exitCode !== null) return `failed with exit code ${exitCode}${reason}`;
  if (state === 'timed_out' && usage.wallMs !== null) {
    return `timed out after ${formatDuration(usage.wallMs)}${reason}`;
  }
  return `${stateWord(state)}${reason}`;
}
