/** What workers and the control plane say to each other, under /api/v1/worker. */
import { z } from 'zod';

import { batchIdSchema, epochSchema, executionIdSchema, sha256Schema } from './identifiers.ts';
import { fileEntrySchema, manifestSchema } from './manifest.ts';
import { batchSpecSchema } from './submission.ts';

/** The kind of token a rented server's worker joins with; its id is the server's. */
export const SERVER_TOKEN_KIND = 'server';

export const registerRequestSchema = z.strictObject({
  joinToken: z.string().max(200),
  /** Of the process this one replaces on the same machine: it is dead, its leases are free at once. */
  previousToken: z.string().max(200).optional(),
  name: z.string().min(1).max(200),
  slots: z.number().int().min(1).max(1024),
  cpus: z.number().positive(),
  memoryBytes: z.number().int().positive(),
  drivers: z.array(z.enum(['docker', 'bubblewrap', 'namespaces', 'process'])).min(1),
  runtimes: z.array(z.string()).max(100),
});
export type RegisterRequest = z.infer<typeof registerRequestSchema>;

export const registerReplySchema = z.object({
  workerId: z.string(),
  workerToken: z.string(),
  heartbeatMs: z.number().int(),
  /** A lease lives this long after the last heartbeat. */
  leaseMs: z.number().int(),
});
export type RegisterReply = z.infer<typeof registerReplySchema>;

export const leaseRefSchema = z.strictObject({
  executionId: executionIdSchema,
  epoch: epochSchema,
});
export type LeaseRef = z.infer<typeof leaseRefSchema>;

export const capacitySchema = z.strictObject({
  slots: z.number().int().min(0).max(4096),
  cpus: z.number().min(0),
  memoryBytes: z.number().int().min(0),
});
export type Capacity = z.infer<typeof capacitySchema>;

export const leaseSchema = z.object({
  executionId: executionIdSchema,
  epoch: z.number().int(),
  batchId: batchIdSchema,
  args: z.array(z.string()),
  input: fileEntrySchema.nullable(),
});
export type Lease = z.infer<typeof leaseSchema>;

/** The part of a batch its executions share; sent once to a worker that does not know it yet. */
export const leasedBatchSchema = z.object({
  id: batchIdSchema,
  accountId: z.string(),
  spec: batchSpecSchema,
  projectSha256: sha256Schema,
  env: z.record(z.string(), z.string()),
  masked: z.array(z.string()),
});
export type LeasedBatch = z.infer<typeof leasedBatchSchema>;

export const attemptOutcomeSchema = z.enum([
  'succeeded',
  'failed',
  'timed_out',
  'out_of_memory',
  'cancelled',
]);
export type AttemptOutcome = z.infer<typeof attemptOutcomeSchema>;

const itemBase = { executionId: executionIdSchema, epoch: epochSchema };

export const logItemSchema = z
  .strictObject({
    ...itemBase,
    sequence: z.int32().min(0),
    stream: z.enum(['stdout', 'stderr']),
    /** Small chunks inline, large ones as a blob uploaded before. */
    data: z.base64().optional(),
    blob: z.strictObject({ sha256: sha256Schema, sizeBytes: z.int32().min(0) }).optional(),
  })
  .refine(
    (item) => (item.data === undefined) !== (item.blob === undefined),
    'has either data or a blob',
  );
export type LogItem = z.infer<typeof logItemSchema>;

export const finishedItemSchema = z.strictObject({
  ...itemBase,
  kind: z.literal('finished'),
  outcome: attemptOutcomeSchema,
  exitCode: z.int32().nullable(),
  reason: z.string().max(2000).nullable(),
  sandbox: z.string(),
  outputs: manifestSchema.nullable(),
  logs: z.strictObject({
    stdoutBytes: z.number().int(),
    stderrBytes: z.number().int(),
    droppedBytes: z.number().int(),
  }),
  usage: z.strictObject({
    wallMs: z.number().int().nullable(),
    cpuMs: z.number().int().nullable(),
    maxMemoryBytes: z.number().int().nullable(),
  }),
});
export type FinishedItem = z.infer<typeof finishedItemSchema>;

export const reportItemSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    ...itemBase,
    kind: z.literal('running'),
    sandbox: z.string(),
    /** The news may have waited for more to travel with. */
    startedMsAgo: z.number().int().min(0).max(3_600_000).default(0),
  }),
  z.strictObject({ ...itemBase, kind: z.literal('publishing') }),
  /** Given back unstarted (drain, prefetched too much): counts as no attempt. */
  z.strictObject({ ...itemBase, kind: z.literal('released') }),
  /** The worker failed it, not the script: counts as lost. */
  z.strictObject({ ...itemBase, kind: z.literal('worker_failed'), reason: z.string().max(2000) }),
  finishedItemSchema,
]);
export type ReportItem = z.output<typeof reportItemSchema>;

/** One call does it all: logs, state changes and, if `capacity` is given, new leases. */
export const exchangeRequestSchema = z.strictObject({
  logs: z.array(logItemSchema).max(1000).default([]),
  items: z.array(reportItemSchema).max(1000).default([]),
  /** Room for more work; absent: do not lease. */
  capacity: capacitySchema.optional(),
  /** How long the answer may wait for work or a command; 0: answer at once. */
  waitMs: z.number().int().min(0).max(60_000).default(0),
  knownBatches: z.array(batchIdSchema).max(1000).default([]),
  /** Cancellations the worker has heard of already and is acting on. */
  knownCancels: z.array(executionIdSchema).max(4096).default([]),
});
export type ExchangeRequest = z.input<typeof exchangeRequestSchema>;

export const exchangeReplySchema = z.object({
  /** For each item in order: was it the lease holder's word? `refused` means drop the execution. */
  results: z.array(z.enum(['accepted', 'refused', 'missing_blobs'])),
  leases: z.array(leaseSchema),
  batches: z.array(leasedBatchSchema),
  cancel: z.array(leaseRefSchema),
  drain: z.boolean(),
});
export type ExchangeReply = z.infer<typeof exchangeReplySchema>;

export const heartbeatRequestSchema = z.strictObject({ leases: z.array(leaseRefSchema).max(8192) });
export const heartbeatReplySchema = z.object({
  /** Leases that are no longer this worker's: stop them, publish nothing. */
  lost: z.array(leaseRefSchema),
  cancel: z.array(leaseRefSchema),
  drain: z.boolean(),
});
export type HeartbeatReply = z.infer<typeof heartbeatReplySchema>;

export const environmentKeySchema = z.string().regex(/^[0-9a-f]{64}$/);
export const claimEnvironmentReplySchema = z.discriminatedUnion('state', [
  z.object({ state: z.literal('ready'), sha256: sha256Schema, sizeBytes: z.number().int() }),
  z.object({ state: z.literal('build') }),
  z.object({ state: z.literal('wait'), retryMs: z.number().int() }),
]);
export type ClaimEnvironmentReply = z.infer<typeof claimEnvironmentReplySchema>;
export const publishEnvironmentRequestSchema = z.strictObject({
  executionId: executionIdSchema,
  epoch: epochSchema,
  result: z.discriminatedUnion('state', [
    z.strictObject({
      state: z.literal('ready'),
      sha256: sha256Schema,
      sizeBytes: z.number().int(),
    }),
    z.strictObject({ state: z.literal('failed') }),
  ]),
});
