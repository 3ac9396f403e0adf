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
  if (state === 'failed' && exitCode !== null)
    return `failed with exit code ${exitCodeText(execution)}${reason}`;
  if (state === 'timed_out' && usage.wallMs !== null) {
    return `timed out after ${formatDuration(usage.wallMs)}${reason}`;
  }
  return `${stateWord(state)}${reason}`;
}

/** The code, and where a signal seems to have ended the script its name: 137 alone could be its --memory limit. */
export function exitCodeText({ state, exitCode }: Execution): string {
  const signal = state === 'failed' && exitCode !== null ? signalOf(exitCode) : undefined;
  if (signal === undefined) return String(exitCode ?? '');
  return `${exitCode} (${signal}${signal === 'SIGKILL' ? ', not its --memory limit' : ''})`;
}

/**
 * By the custom of shells; a script may well exit with such a code itself. 128 + 25 is left out: it is the
 * platform's word for the --disk limit, which the reason tells.
 */
export function signalOf(exitCode: number): string | undefined {
  return SIGNALS[exitCode - 128];
}

/** The numbers of Linux, where scripts run; here they may be others. */
const SIGNALS: Readonly<Record<number, string>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  4: 'SIGILL',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  13: 'SIGPIPE',
  14: 'SIGALRM',
  15: 'SIGTERM',
  24: 'SIGXCPU',
  31: 'SIGSYS',
};
