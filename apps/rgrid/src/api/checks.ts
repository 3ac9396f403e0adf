import type {
  Batch,
  BatchEvent,
  CancelReply,
  Cost,
  Estimate,
  Execution,
  ExecutionCostList,
  ExecutionList,
  LogEvent,
  Manifest,
  RetryReply,
  SubmitReply,
  UploadReply,
  Worker,
} from '@nexus/grid/contract';

import { EXIT } from '../exit-codes.ts';
import { Problem } from '../problem.ts';

/**
 * Replies are checked for the few properties the command line stands on, not parsed with the
 * contract's schemas: importing zod costs 50 ms, as much as everything else in a run together, and
 * a strict schema would refuse a newer platform for a state or reason it has learned since. The
 * platform itself validates what it sends against those schemas.
 */
type Kind = 'string' | 'number' | 'boolean' | 'object' | 'array';
type Shape<T> = { readonly [Name in keyof T & string]?: Kind };

function has(value: unknown, shape: Readonly<Record<string, unknown>>): boolean {
  if (typeof value !== 'object' || value === null) return false;
  // An object out of JSON.parse: reading any property of it is safe.
  const object = value as Record<string, unknown>;
  return Object.entries(shape).every(([name, kind]) =>
    kind === 'array' ? Array.isArray(object[name]) : typeof object[name] === kind,
  );
}

function check<T>(name: string, shape: Shape<T>): (value: unknown) => T {
  return (value) => {
    // The one place where a checked reply gets the contract's type; the comment above says why.
    if (has(value, shape)) return value as T;
    throw new Problem(
      `the platform's answer is not the ${name} that was expected: does this rgrid have the platform's version?`,
      EXIT.platform,
    );
  };
}

const EXECUTION: Shape<Execution> = {
  id: 'string',
  batchId: 'string',
  state: 'string',
  epoch: 'number',
  logs: 'object',
  args: 'array',
};

export const asSubmitReply = check<SubmitReply>('reply to a submit', {
  batchId: 'string',
  state: 'string',
  missing: 'array',
});
export const asStartReply = check<{ state: 'uploading' | 'accepted'; missing: string[] }>(
  'reply to a start',
  { state: 'string', missing: 'array' },
);
export const asUploadReply = check<UploadReply>('reply to an upload', {
  isComplete: 'boolean',
  offset: 'number',
});
export const asBatch = check<Batch>('batch', {
  id: 'string',
  spec: 'object',
  counts: 'object',
  total: 'number',
});
export const asExecution = check<Execution>('execution', EXECUTION);
export const asExecutionList = check<ExecutionList>('list of executions', { executions: 'array' });
export const asManifest = check<Manifest>('manifest', { entries: 'array' });
export const asCancelReply = check<CancelReply>('reply to a cancel', {
  cancelled: 'number',
  stopping: 'number',
});
export const asRetryReply = check<RetryReply>('reply to a retry', { retried: 'array' });
export const asWorkerList = check<{ workers: Worker[] }>('list of workers', { workers: 'array' });
export const asCost = check<Cost>('cost', {
  totalMicros: 'number',
  days: 'array',
  batches: 'array',
  servers: 'object',
});
export const asExecutionCostList = check<ExecutionCostList>('list of costs', {
  executions: 'array',
});
export const asEstimate = check<Estimate>('estimate', { medianMs: 'number', options: 'array' });
export const asWhoami = check<{ account: string; keyName: string }>('answer to who am I', {
  account: 'string',
  keyName: 'string',
});
export const asBatchEvent = check<BatchEvent>('event', { type: 'string' });
export const asLogEvent = check<LogEvent>('log event', { type: 'string' });
