import { z } from 'zod';

import { EXECUTION_STATES } from './constants.ts';
import { batchIdSchema, cursorSchema, executionIdSchema, sha256Schema } from './identifiers.ts';
import { fileEntrySchema } from './manifest.ts';
import { metadataSchema } from './submission.ts';
import { textSchema } from './text.ts';

export { DISK_FULL_REASON, EXECUTION_STATES } from './constants.ts';

export const executionStateSchema = z.enum(EXECUTION_STATES);
export type ExecutionState = z.infer<typeof executionStateSchema>;

export const waitingSchema = z.object({
  /** For programs; the list grows, so treat an unknown one as `queued`. */
  code: z.enum([
    'uploading_files',
    'no_worker',
    'no_worker_fits',
    'workers_draining',
    'parallel_limit',
    'behind_others',
    'starting_soon',
    // Of the scaling of servers: Outlook in scaling/plan.ts.
    'servers_booting',
    'servers_ordered',
    'below_threshold',
    'max_workers',
    'budget',
    'sold_out',
    'account_refused',
    'no_server_fits',
  ]),
  /** For people: one sentence. */
  message: z.string(),
  executionsAhead: z.number().int().min(0),
  /** Best guess of when it starts, or null where nothing can be said. */
  until: z.iso.datetime().nullable(),
});
export type Waiting = z.infer<typeof waitingSchema>;

export const usageSchema = z.object({
  wallMs: z.number().int().nullable(),
  cpuMs: z.number().int().nullable(),
  maxMemoryBytes: z.number().int().nullable(),
});

export const executionSchema = z.object({
  id: executionIdSchema,
  batchId: batchIdSchema,
  index: z.number().int(),
  /** The input's name in a batch, the script's otherwise. */
  label: z.string(),
  state: executionStateSchema,
  script: z.string(),
  args: z.array(z.string()),
  input: fileEntrySchema.nullable(),
  /** Grows with every lease; 0 before the first. */
  epoch: z.number().int(),
  retriesUsed: z.number().int(),
  timesLost: z.number().int(),
  exitCode: z.number().int().nullable(),
  /** Why it ended as it did, in a sentence, where the state alone does not say it. */
  reason: z.string().nullable(),
  workerName: z.string().nullable(),
  /** Which sandbox driver ran it. */
  sandbox: z.string().nullable(),
  outputs: z
    .object({
      manifestSha256: sha256Schema,
      fileCount: z.number().int(),
      sizeBytes: z.number().int(),
    })
    .nullable(),
  logs: z.object({
    stdoutBytes: z.number().int(),
    stderrBytes: z.number().int(),
    droppedBytes: z.number().int(),
  }),
  usage: usageSchema,
  costMicros: z.number().int(),
  metadata: metadataSchema,
  /** The earlier execution whose result this one took over, unrun. */
  reusedFrom: executionIdSchema.nullable(),
  retriedAs: executionIdSchema.nullable(),
  waiting: waitingSchema.nullable(),
  createdAt: z.iso.datetime(),
  queuedAt: z.iso.datetime().nullable(),
  leasedAt: z.iso.datetime().nullable(),
  startedAt: z.iso.datetime().nullable(),
  finishedAt: z.iso.datetime().nullable(),
});
export type Execution = z.infer<typeof executionSchema>;

export const executionListSchema = z.object({
  executions: z.array(executionSchema),
  nextCursor: z.string().nullable(),
});
export type ExecutionList = z.infer<typeof executionListSchema>;

export const listExecutionsQuerySchema = z.strictObject({
  state: executionStateSchema.optional(),
  batch: batchIdSchema.optional(),
  /** `key=value`; given more than once, all must hold. */
  metadata: z.union([textSchema, z.array(textSchema)]).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(50),
  /** The last execution of the page before. */
  cursor: cursorSchema.optional(),
});

export const logChunkSchema = z.object({
  executionId: executionIdSchema,
  epoch: z.number().int(),
  /** From 0, without gaps, over both streams of one attempt. */
  sequence: z.number().int(),
  stream: z.enum(['stdout', 'stderr']),
  data: z.base64(),
});
export type LogChunk = z.infer<typeof logChunkSchema>;

export const logsQuerySchema = z.strictObject({
  stream: z.enum(['stdout', 'stderr']).optional(),
  /** `epoch:sequence` of the last chunk already seen. */
  after: z
    .string()
    .regex(/^\d{1,9}:\d{1,9}$/, 'is not an epoch and a sequence number, such as 1:0')
    .optional(),
  follow: z.stringbool().default(false),
});

/** One line of the log stream (NDJSON). `end` closes a complete answer; a stream without it was cut off. */
export const logEventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('chunk'), chunk: logChunkSchema }),
  z.object({ type: z.literal('attempt'), epoch: z.number().int() }),
  z.object({ type: z.literal('heartbeat') }),
  z.object({ type: z.literal('end'), execution: executionSchema }),
]);
export type LogEvent = z.infer<typeof logEventSchema>;
