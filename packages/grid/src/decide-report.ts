import type { AttemptOutcome, ExecutionState, ReportItem } from './contract/index.ts';
import { isTerminal } from './states.ts';

/** What a decision about a worker's word needs to know of the execution. */
export interface ReportedExecution {
  state: ExecutionState;
  workerId: string | null;
  epoch: number;
  retriesUsed: number;
  timesLost: number;
  isCancelRequested: boolean;
}

export interface ReportPolicy {
  workerId: string;
  /** Retries the user asked for. */
  retries: number;
  maxTimesLost: number;
}

export type ReportDecision =
  /** Not the lease holder's word (any more): nothing of it is taken. */
  | { kind: 'refuse' }
  /** Said before, and taken then: the reply was lost on its way. */
  | { kind: 'repeat' }
  | { kind: 'advance'; state: 'running' | 'publishing' }
  | { kind: 'finish'; state: AttemptOutcome | 'lost'; outcome: AttemptOutcome | 'lost' }
  | {
      kind: 'requeue';
      outcome: AttemptOutcome | 'lost' | 'released';
      retriesUsed: number;
      timesLost: number;
    };

/** Decides what becomes of an execution when a worker reports on it. */
export function decideReport(
  execution: ReportedExecution,
  item: ReportItem,
  policy: ReportPolicy,
): ReportDecision {
  if (execution.workerId !== policy.workerId || execution.epoch !== item.epoch)
    return { kind: 'refuse' };
  if (isTerminal(execution.state)) return { kind: 'repeat' };
  // Given back by a report whose reply was lost, or by the expiry of the lease.
  if (execution.state === 'queued' || execution.state === 'uploading') return { kind: 'refuse' };
  switch (item.kind) {
    case 'running':
      return execution.state === 'leased'
        ? { kind: 'advance', state: 'running' }
        : { kind: 'repeat' };
    case 'publishing':
      return execution.state === 'publishing'
        ? { kind: 'repeat' }
        : { kind: 'advance', state: 'publishing' };
    case 'released':
      return decideReleased(execution);
    case 'worker_failed':
      return decideLost(execution, policy.maxTimesLost);
    case 'finished':
      return decideFinished(execution, item.outcome, policy.retries);
  }
}

/** A lease ran out, or its worker broke: never the script's fault, so its own retries stay untouched. */
export function decideLost(execution: ReportedExecution, maxTimesLost: number): ReportDecision {
  if (execution.isCancelRequested) return { kind: 'finish', state: 'cancelled', outcome: 'lost' };
  if (execution.timesLost >= maxTimesLost)
    return { kind: 'finish', state: 'lost', outcome: 'lost' };
  const { retriesUsed, timesLost } = execution;
  return { kind: 'requeue', outcome: 'lost', retriesUsed, timesLost: timesLost + 1 };
}

function decideReleased(execution: ReportedExecution): ReportDecision {
  if (execution.isCancelRequested)
    return { kind: 'finish', state: 'cancelled', outcome: 'cancelled' };
  const { retriesUsed, timesLost } = execution;
  return { kind: 'requeue', outcome: 'released', retriesUsed, timesLost };
}

function decideFinished(
  execution: ReportedExecution,
  outcome: AttemptOutcome,
  retries: number,
): ReportDecision {
  const { retriesUsed, timesLost, isCancelRequested } = execution;
  // It finished by itself before the cancellation reached it: the result is true, keep it.
  const wantsRetry = outcome === 'failed' || outcome === 'timed_out' || outcome === 'out_of_memory';
  if (wantsRetry && !isCancelRequested && retriesUsed < retries) {
    return { kind: 'requeue', outcome, retriesUsed: retriesUsed + 1, timesLost };
  }
  return { kind: 'finish', state: outcome, outcome };
}
