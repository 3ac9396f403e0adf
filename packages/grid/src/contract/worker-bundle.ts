import { z } from 'zod';

import { sha256Schema } from './identifiers.ts';

/** In a folder of bundles: says which of its files are the current ones. */
export const WORKER_BUNDLES_FILE = 'worker-bundles.json';

const workerBundleSchema = z.strictObject({
  /** A name, never a path. */
  file: z.string().regex(/^[a-z0-9][a-z0-9-]*\.tar\.gz$/, 'is not the name of a bundle'),
  sha256: sha256Schema,
  nodeVersion: z.string(),
});

/** The worker with all it needs, for each architecture that servers come in, as the cloud calls them. */
export const workerBundlesSchema = z.strictObject({
  x86: workerBundleSchema.optional(),
  arm: workerBundleSchema.optional(),
});

export type WorkerBundle = z.infer<typeof workerBundleSchema>;
export type WorkerBundles = z.infer<typeof workerBundlesSchema>;
