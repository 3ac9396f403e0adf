import { z } from 'zod';

import { DEFAULT_SCALING_POLICY, type ScalingPolicy } from '@nexus/grid';
import { databaseUrlSchema, parseConfig, secretSchema } from '@nexus/kit/config';

const MICROS_PER_EUR = 1_000_000;

/** `a, b,c` */
const listSchema = z
  .string()
  .transform((text) => text.split(',').map((word) => word.trim()))
  .pipe(z.array(z.string().min(1, 'has an empty place')).min(1));

const secondsSchema = z.coerce.number().int().min(0);

export const configSchema = z
  .object({
    DATABASE_URL: databaseUrlSchema,
    /** false: says so and touches nothing. Whoever sets it to true pays for servers. */
    ORCHESTRATOR_ENABLED: z.stringbool().default(false),
    /** Read & Write, of a project of its own for each environment. */
    HETZNER_API_TOKEN: secretSchema(32).optional(),
    /** Another address of the same API, for tests. */
    HETZNER_ENDPOINT: z.url().optional(),
    /** A key pair is made there if there is none; servers accept it. */
    HETZNER_SSH_KEY_PATH: z.string().startsWith('/', 'must be an absolute path').optional(),
    /** Where servers reach the control plane, for example https://grid.example.com */
    API_BASE: z.url().optional(),
    /** Keeps environments apart that share a project: servers of another one are never touched. */
    GRID_NAME: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/, 'must be a short word of a-z, 0-9 and -')
      .default('grid'),
    PROVISION_QUEUE_DEPTH: z.coerce
      .number()
      .int()
      .min(1)
      .default(DEFAULT_SCALING_POLICY.queueDepth),
    /** Seconds. */
    PROVISION_MAX_WAIT: secondsSchema.default(DEFAULT_SCALING_POLICY.maxWaitMs / 1000),
    MAX_WORKERS: z.coerce.number().int().min(0).default(DEFAULT_SCALING_POLICY.maxWorkers),
    /** Executions at a time on a server; unset: one for each processor. */
    WORKER_SLOTS: z.coerce.number().int().min(1).max(1024).optional(),
    HETZNER_SERVER_TYPES: listSchema.default([...DEFAULT_SCALING_POLICY.serverTypes]),
    HETZNER_LOCATIONS: listSchema.default([...DEFAULT_SCALING_POLICY.locations]),
    /** Name of a system image, or id of a snapshot with the worker in it. */
    HETZNER_IMAGE: z.string().default('debian-13'),
    /** Id of a private network servers join. */
    HETZNER_NETWORK: z.coerce.number().int().optional(),
    /** Net, for the calendar month (UTC); unset: no limit. */
    BUDGET_EUR_PER_MONTH: z.coerce.number().min(0).optional(),
    /** From where SSH is let in to servers, as networks; unset: from nowhere. */
    SSH_ALLOWED_CIDRS: listSchema.optional(),
    /** Seconds until a server whose worker has not registered is replaced. */
    BOOT_DEADLINE: secondsSchema.default(DEFAULT_SCALING_POLICY.bootDeadlineMs / 1000),
    /** Folder of what `nexus worker-bundle` makes; the control plane serves it to servers. */
    WORKER_BUNDLES: z.string().startsWith('/', 'must be an absolute path').optional(),
    /** Seconds that a boot is expected to take, as long as none has been seen. */
    BOOT_ESTIMATE: secondsSchema.default(90),
    LOG_LEVEL: z.string().default('info'),
  })
  .superRefine((config, context) => {
    if (!config.ORCHESTRATOR_ENABLED) return;
    for (const name of ['HETZNER_API_TOKEN', 'HETZNER_SSH_KEY_PATH', 'API_BASE'] as const) {
      if (config[name] !== undefined) continue;
      const message = 'is needed when ORCHESTRATOR_ENABLED is true';
      context.addIssue({ code: 'custom', path: [name], message });
    }
  });

export type Config = z.infer<typeof configSchema>;

/**
 * Throws ConfigError with every problem. As long as nothing may be touched, the token of the cloud may
 * still be the placeholder of a guide.
 */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  const isEnabled = z.stringbool().safeParse(environment['ORCHESTRATOR_ENABLED']).data === true;
  const { HETZNER_API_TOKEN: _, ...others } = environment;
  return parseConfig(configSchema, isEnabled ? environment : others);
}

export function policyOf(config: Config): ScalingPolicy {
  return {
    ...DEFAULT_SCALING_POLICY,
    queueDepth: config.PROVISION_QUEUE_DEPTH,
    maxWaitMs: config.PROVISION_MAX_WAIT * 1000,
    maxWorkers: config.MAX_WORKERS,
    slotsPerServer: config.WORKER_SLOTS ?? null,
    serverTypes: config.HETZNER_SERVER_TYPES,
    locations: config.HETZNER_LOCATIONS,
    serverOffers: ['driver:docker', 'driver:bubblewrap', 'driver:namespaces', 'driver:process'],
    bootDeadlineMs: config.BOOT_DEADLINE * 1000,
    budgetMicrosPerMonth:
      config.BUDGET_EUR_PER_MONTH === undefined
        ? null
        : Math.round(config.BUDGET_EUR_PER_MONTH * MICROS_PER_EUR),
  };
}
