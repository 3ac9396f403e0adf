import { availableParallelism, hostname, totalmem } from 'node:os';
import { z } from 'zod';

import { DEFAULT_LIMITS } from '@nexus/grid/contract';
import { parseBytes } from '@nexus/kit/bytes';
import { secretSchema } from '@nexus/kit/config';

const bytesSchema = z.string().transform((text, context) => {
  const bytes = parseBytes(text);
  if (bytes !== undefined) return bytes;
  context.addIssue({ code: 'custom', message: 'is not a size such as 8GB' });
  return z.NEVER;
});

export const configSchema = z.object({
  /** The control plane. */
  API_BASE: z.url(),
  /** Traded once for a token of the worker's own. */
  WORKER_JOIN_TOKEN: secretSchema(32),
  /** Holds the blob cache, installed dependencies and the files of running executions. */
  WORKER_FOLDER: z.string().startsWith('/'),
  WORKER_NAME: z.string().min(1).max(200).default(hostname()),
  /** Executions at a time. */
  WORKER_SLOTS: z.coerce.number().int().min(1).max(1024).default(availableParallelism()),
  WORKER_CPUS: z.coerce.number().positive().default(availableParallelism()),
  /** Handed out to executions; the rest is the machine's own. On a tiny machine still enough for one. */
  WORKER_MEMORY: bytesSchema.default(
    Math.max(DEFAULT_LIMITS.memoryBytes, Math.round(totalmem() * 0.9)),
  ),
  /** The blob cache is kept under this. */
  WORKER_CACHE: bytesSchema.default(20e9),
  /** Offer this sandbox driver alone or do not start. `process` is offered unasked only where no other works. */
  WORKER_SANDBOX: z.enum(['docker', 'bubblewrap', 'namespaces', 'process']).optional(),
  /** Pull images that are not on this machine. */
  WORKER_PULL_IMAGES: z.stringbool().default(true),
  /** On SIGTERM: how long running executions may go on before they are given back. */
  WORKER_DRAIN_SECONDS: z.coerce.number().min(0).default(3600),
  /** Standard input is a pipe held by whoever started this process; its end means: stop now. */
  WORKER_STOP_ON_EOF: z.stringbool().default(false),
  LOG_LEVEL: z.string().default('info'),
});

export type Config = z.infer<typeof configSchema>;
