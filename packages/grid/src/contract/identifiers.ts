import { z } from 'zod';

export const sha256Schema = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in lower-case hex');

/** `k3m9x7q2abcd`: made by the platform. */
export const batchIdSchema = z.string().regex(/^[a-z][0-9a-z]{11}$/, 'is not a batch id');

/** `k3m9x7q2abcd-17`; a manual retry of it is `k3m9x7q2abcd-17-2`. */
const EXECUTION_ID = /^[a-z][0-9a-z]{11}-\d{1,7}(-\d{1,4})?$/;
export const executionIdSchema = z.string().regex(EXECUTION_ID, 'is not an execution id');

/** Lists of executions go on after the last one of the page before. */
export const cursorSchema = z
  .string()
  .regex(EXECUTION_ID, 'is not the nextCursor of an earlier answer');

/** The number of a lease. */
export const epochSchema = z.int32().min(0);

export function executionId(batchId: string, index: number, retry = 1): string {
  return retry === 1 ? `${batchId}-${index}` : `${batchId}-${index}-${retry}`;
}

export function batchIdOf(execution: string): string {
  return execution.split('-', 1)[0] ?? execution;
}
