import { z } from 'zod';

import { batchIdSchema, cursorSchema, executionIdSchema } from './identifiers.ts';
import { textSchema } from './text.ts';

/**
 * The same for every account: an installation has one operator, and whoever may run scripts on a worker may know
 * its name, by which people talk about it (`rgrid status` says where an execution ran). What runs there, and for
 * whom, is told as a number only.
 */
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
  /** The rented machine under it; null: one that is always there. */
  server: z
    .object({
      serverType: z.string(),
      location: z.string(),
      /** End of the hour that is paid; null: the cloud has not said yet when it was made. */
      paidUntil: z.iso.datetime().nullable(),
    })
    .nullable(),
  registeredAt: z.iso.datetime(),
  heartbeatAt: z.iso.datetime(),
});
export type Worker = z.infer<typeof workerSchema>;
export const workerListSchema = z.object({ workers: z.array(workerSchema) });

export const costQuerySchema = z.strictObject({
  since: z.iso.datetime().optional(),
  until: z.iso.datetime().optional(),
});

const serverPartsSchema = z.object({
  servers: z.number().int(),
  /** What the cloud bills: the sum of the four that follow, to the micro-euro. */
  totalMicros: z.number().int(),
  executionsMicros: z.number().int(),
  /** From the creation to the moment at which executions could run. */
  bootMicros: z.number().int(),
  /** Paid slots that nothing ran on. */
  idleMicros: z.number().int(),
  ipv4Micros: z.number().int(),
});

/** Of the whole grid, whoever asks: idle and boot time belong to nobody. */
export const serverCostsSchema = serverPartsSchema.extend({
  /** Included above; provisional, as these servers still run or have only just gone. */
  running: serverPartsSchema,
});
export type ServerCosts = z.infer<typeof serverCostsSchema>;

/** For servers, of the calendar month (UTC). */
export const budgetSchema = z.object({
  /** Null: none is set. */
  limitMicros: z.number().int().nullable(),
  /** Every hour that has started. */
  committedMicros: z.number().int(),
  /** What the servers that live may still come to at worst. */
  reservedMicros: z.number().int(),
  /** `warning` from 80 % committed on; `reached`: no server is made any more. */
  level: z.enum(['ok', 'warning', 'reached']),
  asOf: z.iso.datetime(),
});
export type Budget = z.infer<typeof budgetSchema>;

export const costSchema = z.object({
  since: z.iso.datetime(),
  until: z.iso.datetime(),
  totalMicros: z.number().int(),
  /** Of that, what may still change: it ran on servers whose bill is not split up yet. */
  provisionalMicros: z.number().int(),
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
  servers: serverCostsSchema,
  /** Null: no daemon has ever planned here. */
  budget: budgetSchema.nullable(),
});
export type Cost = z.infer<typeof costSchema>;

export const executionCostsQuerySchema = costQuerySchema.extend({
  /** Only of this batch; then of all time, unless a time is named. */
  batch: batchIdSchema.optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(1000),
  cursor: cursorSchema.optional(),
});
/** In the order of their ids. */
export const executionCostListSchema = z.object({
  executions: z.array(
    z.object({
      executionId: executionIdSchema,
      label: z.string(),
      script: z.string(),
      attempts: z.number().int(),
      slotSeconds: z.number(),
      costMicros: z.number().int(),
      isProvisional: z.boolean(),
    }),
  ),
  nextCursor: executionIdSchema.nullable(),
});
export type ExecutionCostList = z.infer<typeof executionCostListSchema>;

export const estimateQuerySchema = z.strictObject({
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
      /** Started hours of the servers that would be made, and a share of the workers that are here. */
      costMicros: z.number().int(),
      /** How many would be made for it. */
      servers: z.number().int(),
    }),
  ),
  /**
   * The largest `parallel` that still pays: beyond it time falls by less than a tenth, or an hour saved
   * takes more than ten server hours.
   */
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

const SIZE_UNTOLD = 'is missing or no number: say how many bytes the whole blob has, ?size=1234';

export const uploadQuerySchema = z.strictObject({
  /** Where in the blob this body begins. */
  offset: z.coerce.number().int().min(0).default(0),
  /** As digits: of nothing at all a coercion would make 0. */
  size: z
    .string(SIZE_UNTOLD)
    .regex(/^\d{1,15}$/, SIZE_UNTOLD)
    .transform(Number),
});
export const uploadReplySchema = z.object({
  isComplete: z.boolean(),
  /** Bytes the platform holds now: go on from here. */
  offset: z.number().int(),
});
export type UploadReply = z.infer<typeof uploadReplySchema>;
