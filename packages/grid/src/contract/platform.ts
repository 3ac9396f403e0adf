import { z } from 'zod';

import { textSchema } from './text.ts';

export const workerSchema = z.object({
  id: z.string(),
  name: z.string(),
  state: z.enum(['active', 'draining', 'gone']),
  slots: z.number().int(),
  busy: z.number().int(),
  cpus: z.number(),
  memoryBytes: z.number().int(),
  /** Sandbox drivers in the order it prefers them. */
  drivers: z.array(z.string()),
  runtimes: z.array(z.string()),
  priceMicrosPerHour: z.number().int(),
  registeredAt: z.iso.datetime(),
  heartbeatAt: z.iso.datetime(),
});
export type Worker = z.infer<typeof workerSchema>;
export const workerListSchema = z.object({ workers: z.array(workerSchema) });

export const costQuerySchema = z.object({
  since: z.iso.datetime().optional(),
  until: z.iso.datetime().optional(),
});
export const costSchema = z.object({
  since: z.iso.datetime(),
  until: z.iso.datetime(),
  totalMicros: z.number().int(),
  slotSeconds: z.number(),
  executions: z.number().int(),
  days: z.array(
    z.object({
      day: z.iso.date(),
      executions: z.number().int(),
      slotSeconds: z.number(),
      costMicros: z.number().int(),
    }),
  ),
  batches: z.array(
    z.object({
      batchId: z.string(),
      script: z.string(),
      executions: z.number().int(),
      slotSeconds: z.number(),
      costMicros: z.number().int(),
    }),
  ),
});
export type Cost = z.infer<typeof costSchema>;

export const estimateQuerySchema = z.object({
  script: textSchema.max(4096),
  executions: z.coerce.number().int().min(1).max(1_000_000),
});
export const estimateSchema = z.object({
  /** Finished executions the guess rests on; 0: nothing like it has run yet and `medianMs` is a default. */
  samples: z.number().int(),
  medianMs: z.number().int(),
  p90Ms: z.number().int(),
  options: z.array(
    z.object({
      parallel: z.number().int(),
      durationMs: z.number().int(),
      costMicros: z.number().int(),
    }),
  ),
  /** The largest `parallel` that still pays: beyond it time falls by less than a tenth. */
  knee: z.number().int(),
});
export type Estimate = z.infer<typeof estimateSchema>;

export const whoamiSchema = z.object({ account: z.string(), keyName: z.string() });

export const missingBlobsRequestSchema = z.strictObject({
  blobs: z
    .array(
      z.strictObject({
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
        sizeBytes: z.number().int().min(0),
      }),
    )
    .max(200_000),
});
export const missingBlobsReplySchema = z.object({ missing: z.array(z.string()) });

export const uploadQuerySchema = z.object({
  /** Where in the blob this body begins. */
  offset: z.coerce.number().int().min(0).default(0),
  size: z.coerce.number().int().min(0),
});
export const uploadReplySchema = z.object({
  isComplete: z.boolean(),
  /** Bytes the platform holds now: go on from here. */
  offset: z.number().int(),
});
export type UploadReply = z.infer<typeof uploadReplySchema>;
