import { z } from 'zod';

import { databaseUrlSchema, secretSchema } from '@nexus/kit/config';

export const configSchema = z.object({
  /** Every table of the platform lives there. */
  DATABASE_URL: databaseUrlSchema,
  /** Seals `--env` values and, later, tenants' credentials at rest. */
  ENCRYPTION_KEY: secretSchema(32),
  /** An earlier ENCRYPTION_KEY: still opens what it sealed. */
  INTERNAL_SECRET_KEY: secretSchema(32).optional(),
  /** Where blobs are kept. */
  BLOB_FOLDER: z.string().startsWith('/'),
  /** What `nexus worker-bundle` makes: new servers get their worker from there. Unset: there are none. */
  WORKER_BUNDLES: z.string().startsWith('/', 'must be an absolute path').optional(),
  HOST: z.string().default('0.0.0.0'),
  PORT: z.coerce.number().int().min(0).max(65_535).default(8000),
  LOG_LEVEL: z.string().default('info'),
  /** How long a lease outlives the last heartbeat: the time after which a dead worker's work starts again. */
  LEASE_SECONDS: z.coerce.number().min(1).default(30),
  /** How often an execution may be lost with its worker and start again. */
  MAX_TIMES_LOST: z.coerce.number().int().min(0).default(2),
  /** Batches, their logs and blobs are deleted this long after their end. */
  RETENTION_DAYS: z.coerce.number().positive().default(30),
  /** How long a blob that nothing refers to is kept for an upload that is still going on. An hour outlives any transaction. */
  BLOB_GRACE_HOURS: z.coerce.number().min(1).default(24),
});

export type Config = z.infer<typeof configSchema>;
