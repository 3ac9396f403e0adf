import { z } from 'zod';

import { MIN_TIMEOUT_SECONDS } from './constants.ts';
import { batchIdSchema, sha256Schema } from './identifiers.ts';
import { fileEntrySchema, isManifestPath, manifestPathSchema, manifestSchema } from './manifest.ts';
import { argumentsSchema, environmentSchema, textSchema } from './text.ts';

export const metadataSchema = z.record(textSchema.min(1).max(100), textSchema.max(1000));

export {
  DEFAULT_LIMITS,
  MAX_ARGUMENT_BYTES,
  MAX_ARGUMENTS_BYTES,
  MAX_ENVIRONMENT_BYTES,
  MIN_TIMEOUT_SECONDS,
} from './constants.ts';

export const limitsSchema = z.strictObject({
  cpus: z.number().min(0.1).max(512),
  memoryBytes: z
    .number()
    .int()
    .min(16 * 1024 ** 2),
  timeoutSeconds: z
    .number()
    .min(MIN_TIMEOUT_SECONDS)
    .max(30 * 24 * 3600),
  diskBytes: z
    .number()
    .int()
    .min(1024 ** 2),
  processes: z.number().int().min(1).max(100_000),
  /** Kept per execution, both streams together; beyond it the head and the last megabyte stay. */
  logBytes: z
    .number()
    .int()
    .min(1024 ** 2),
});
export type Limits = z.infer<typeof limitsSchema>;

/** What is installed before the script runs, once per hash. */
export const dependenciesSchema = z.strictObject({
  manager: z.enum(['pip', 'npm']),
  /** Files of the project that decide it (`requirements.txt`; `package.json`, `package-lock.json`). */
  files: z.array(fileEntrySchema).min(1).max(4),
});
export type Dependencies = z.infer<typeof dependenciesSchema>;

/** What all executions of one submit share. */
export const batchSpecSchema = z.strictObject({
  /** Manifest path of the script. */
  script: manifestPathSchema,
  /** Absolute path of the project folder on the client; the script sees the same one. */
  root: textSchema
    .max(4096)
    .refine(
      (path) => path === '/' || (path.startsWith('/') && isManifestPath(path)),
      'must be a plain absolute path',
    ),
  /** Working directory, relative to the root; '' is the root. */
  workingDirectory: textSchema
    .max(4096)
    .refine(
      (path) => path === '' || (!path.startsWith('/') && isManifestPath(path)),
      'must lie in the project',
    )
    .default(''),
  runtime: textSchema.max(500).nullable().default(null),
  image: textSchema.max(500).nullable().default(null),
  sandbox: z.enum(['docker', 'bubblewrap', 'namespaces', 'process']).nullable().default(null),
  network: z.boolean().default(false),
  dependencies: z.array(dependenciesSchema).max(2).default([]),
  stdin: z
    .strictObject({ sha256: sha256Schema, sizeBytes: z.number().int().min(0) })
    .nullable()
    .default(null),
  limits: limitsSchema,
});
export type BatchSpec = z.infer<typeof batchSpecSchema>;

export const submittedExecutionSchema = z.strictObject({
  label: textSchema.min(1).max(4096),
  args: argumentsSchema,
  input: fileEntrySchema.nullable(),
  /** Hash of everything that decides the result; equal identities may share one result. */
  identity: sha256Schema,
});
export type SubmittedExecution = z.infer<typeof submittedExecutionSchema>;

export const submissionSchema = z.strictObject({
  spec: batchSpecSchema,
  project: manifestSchema,
  executions: z.array(submittedExecutionSchema).min(1).max(100_000),
  env: environmentSchema.default({}),
  /** Names in `env` whose values are masked in logs. */
  masked: z.array(textSchema).max(1000).default([]),
  metadata: metadataSchema.default({}),
  priority: z.number().int().min(-100).max(100).default(0),
  parallel: z.number().int().min(1).max(100_000).nullable().default(null),
  retries: z.number().int().min(0).max(100).default(0),
  /** What has been queued for longer is cancelled. */
  maxWaitSeconds: z
    .number()
    .min(1)
    .max(30 * 24 * 3600)
    .nullable()
    .default(null),
  /** `reuse`: attach to the same batch and take over earlier results (batches). `always`: run it all. */
  rerun: z.enum(['reuse', 'always']).default('always'),
  /** The same key within a day answers with the same batch: a lost reply can be asked for again. */
  idempotencyKey: textSchema.min(8).max(100).optional(),
});
export type Submission = z.input<typeof submissionSchema>;
export type ParsedSubmission = z.output<typeof submissionSchema>;

export const submitReplySchema = z.object({
  batchId: batchIdSchema,
  /** `uploading` until the blobs in `missing` are here and the batch has been started. */
  state: z.enum(['uploading', 'accepted']),
  /** An earlier batch of the same executions answered instead of a new one. */
  isAttached: z.boolean(),
  reused: z.number().int(),
  requeued: z.number().int(),
  missing: z.array(sha256Schema),
});
export type SubmitReply = z.infer<typeof submitReplySchema>;

export const startReplySchema = z.object({
  state: z.enum(['uploading', 'accepted']),
  missing: z.array(sha256Schema),
});
