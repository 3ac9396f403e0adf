import { EXECUTION_STATES } from './contract/constants.ts';
import type { ExecutionState } from './contract/index.ts';

/** Which state may follow which. One way only; what has no successor is terminal. */
export const TRANSITIONS: Readonly<Record<ExecutionState, readonly ExecutionState[]>> = {
  uploading: ['queued', 'cancelled'],
  queued: ['leased', 'cancelled'],
  // Back to queued: the lease was given back or lost, or a retry is due.
  leased: [
    'running',
    'publishing',
    'succeeded',
    'failed',
    'timed_out',
    'out_of_memory',
    'cancelled',
    'lost',
    'queued',
  ],
  running: [
    'publishing',
    'succeeded',
    'failed',
    'timed_out',
    'out_of_memory',
    'cancelled',
    'lost',
    'queued',
  ],
  publishing: ['succeeded', 'failed', 'timed_out', 'out_of_memory', 'cancelled', 'lost', 'queued'],
  succeeded: [],
  failed: [],
  timed_out: [],
  out_of_memory: [],
  cancelled: [],
  lost: [],
};

export function isTerminal(state: ExecutionState): boolean {
  return TRANSITIONS[state].length === 0;
}

export const TERMINAL_STATES: readonly ExecutionState[] = EXECUTION_STATES.filter(isTerminal);
