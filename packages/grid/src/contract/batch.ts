import { z } from 'zod';

import { EXECUTION_STATES, executionSchema, logChunkSchema } from './execution.ts';
import { batchIdSchema, sha256Schema } from './identifiers.ts';
import { batchSpecSchema, metadataSchema } from './submission.ts';

const countsShape = Object.fromEntries(
  EXECUTION_STATES.map((state) => [state, z.number().int()]),
) as Record<(typeof EXECUTION_STATES)[number], z.ZodNumber>; // fromEntries forgets its keys; they are exactly EXECUTION_STATES.

export const stateCountsSchema = z.object(countsShape);
export type StateCounts = z.infer<typeof stateCountsSchema>;

export const batchSchema = z.object({
  id: batchIdSchema,
  keyName: z.string(),
  spec: batchSpecSchema,
  projectSha256: sha256Schema,
  counts: stateCountsSchema,
  total: z.number().int(),
  parallel: z.number().int().nullable(),
  priority: z.number().int(),
  retries: z.number().int(),
  metadata: metadataSchema,
  costMicros: z.number().int(),
  createdAt: z.iso.datetime(),
  finishedAt: z.iso.datetime().nullable(),
});
export type Batch = z.infer<typeof batchSchema>;

export const batchEventsQuerySchema = z.strictObject({
  /** The last version already seen; 0 for all from the beginning. */
  after: z.coerce.number().int().min(0).default(0),
  follow: z.stringbool().default(false),
});

/** One line of a batch's event stream (NDJSON). `end` closes it once everything is terminal. */
export const batchEventSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('execution'),
    version: z.number().int(),
    execution: executionSchema,
    /** All of the logs of a finished execution, when they are small; null: ask for them. */
    logs: z.array(logChunkSchema).nullable(),
  }),
  z.object({ type: z.literal('counts'), counts: stateCountsSchema }),
  z.object({ type: z.literal('heartbeat') }),
  z.object({ type: z.literal('end'), batch: batchSchema }),
]);
export type BatchEvent = z.infer<typeof batchEventSchema>;

export const cancelReplySchema = z.object({
  /** Ended at once. */
  cancelled: z.number().int(),
  /** On a worker: told to stop, gone within 10 s. */
  stopping: z.number().int(),
});
export type CancelReply = z.infer<typeof cancelReplySchema>;

export const retryRequestSchema = z.strictObject({
  /** Also what succeeded. */
  all: z.boolean().default(false),
});
export const retryReplySchema = z.object({ retried: z.array(z.string()) });
export type RetryReply = z.infer<typeof retryReplySchema>;
