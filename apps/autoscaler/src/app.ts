import { setTimeout as sleep } from 'node:timers/promises';

import {
  isConnectionError,
  listen,
  migrate,
  openExclusive,
  type ExclusiveDatabase,
} from '@nexus/db';
import { createHetznerClient, hasCode, type HetznerClient } from '@nexus/hetzner';
import { AppError, errorMessage } from '@nexus/kit/errors';
import type { Logger } from '@nexus/kit/logger';
import { retry, retryDelayMs } from '@nexus/kit/retry';

import { readBootPlan, type BootPlan } from './boot/boot-plan.ts';
import { prepareCloud } from './cloud/prepare-cloud.ts';
import type { Config } from './config.ts';
import { assembleLoop, type EnabledConfig } from './loop/assemble-loop.ts';

export type { BootPlan } from './boot/boot-plan.ts';

export interface App {
  /** Resolves after `stop`, rejects with what no waiting can heal. */
  ended: Promise<void>;
  stop(): void;
}

export interface AppDeps {
  logger: Logger;
  /** By default what the configuration says: cloud-init with the worker's bundle, or a snapshot. */
  boot?: BootPlan;
  /** As in LoopParts. */
  now?: () => Date;
}

/** Any number: who holds it in the database scales, all others wait. */
const LEADER_KEY = 1;
/** Each beginning costs requests: once a second for long would use up what deletes need. */
const RESTART = { attempts: Infinity, firstDelayMs: 1000, maxDelayMs: 30_000 };
/** Whoever was in charge for so long has begun well. */
const LONG_TERM_MS = 60_000;
const STARTED = { attempts: 60, firstDelayMs: 200, maxDelayMs: 5000 };
/** The channel of the control plane's signals; their text ends in what has changed. */
const SIGNALS = 'nexus_signals';

/** The daemon that makes and deletes servers. It begins at once; nothing waits for it. */
export function createApp(config: Config, deps: AppDeps): App {
  const stopped = new AbortController();
  return {
    ended: isEnabled(config)
      ? lead(config, deps, stopped.signal)
      : idle(deps.logger, stopped.signal),
    stop: () => stopped.abort(),
  };
}

function isEnabled(config: Config): config is EnabledConfig {
  return config.ORCHESTRATOR_ENABLED;
}

async function idle(logger: Logger, signal: AbortSignal): Promise<void> {
  logger.info('Worker provisioner disabled: ORCHESTRATOR_ENABLED is not true, nothing is touched');
  // A pending promise keeps no process alive; a service manager would start it again and again.
  const alive = setInterval(() => undefined, 2 ** 31 - 1);
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  clearInterval(alive);
}

/** Leads whenever no other does, until stopped. */
async function lead(config: EnabledConfig, deps: AppDeps, signal: AbortSignal): Promise<void> {
  const { logger } = deps;
  logger.info('Worker provisioner started');
  const boot = deps.boot ?? (await readBootPlan(config));
  await retry(STARTED, () => migrate(config.DATABASE_URL), { isRetryable: isConnectionError });
  const client = createHetznerClient({
    token: config.HETZNER_API_TOKEN,
    ...(config.HETZNER_ENDPOINT === undefined ? {} : { endpoint: config.HETZNER_ENDPOINT }),
    ...{ signal, logger },
  });
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    let leadingSinceMs = Infinity;
    try {
      const database = await openExclusive({
        ...{ url: config.DATABASE_URL, key: LEADER_KEY, signal },
        onWaiting: () => logger.info('another daemon is in charge; waiting'),
      });
      leadingSinceMs = Date.now();
      await scale(config, { ...deps, boot, client, database, signal });
    } catch (error) {
      if (signal.aborted) return;
      if (isHopeless(error)) throw explain(error);
      if (Date.now() - leadingSinceMs > LONG_TERM_MS) attempt = 1;
      logger.warn({ reason: errorMessage(error) }, 'the daemon begins anew');
      const delayMs = retryDelayMs(RESTART, attempt, Math.random());
      await sleep(delayMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

interface Term extends AppDeps {
  boot: BootPlan;
  client: HetznerClient;
  database: ExclusiveDatabase;
  signal: AbortSignal;
}

/** As long as this process is in charge. */
async function scale(config: EnabledConfig, term: Term): Promise<void> {
  const { client, database, logger } = term;
  const signal = AbortSignal.any([term.signal, database.lost]);
  try {
    const template = await prepareCloud(
      client,
      {
        gridName: config.GRID_NAME,
        sshKeyPath: config.HETZNER_SSH_KEY_PATH,
        sshAllowedCidrs: config.SSH_ALLOWED_CIDRS ?? [],
        image: config.HETZNER_IMAGE,
        networkId: config.HETZNER_NETWORK,
      },
      logger,
    );
    const loop = assembleLoop(config, { ...term, template, signal });
    const listener = listen(
      { url: config.DATABASE_URL, channel: SIGNALS },
      {
        onMessage: (payload) => payload.endsWith(' queue') && loop.poke(),
        onReady: () => loop.poke(),
      },
    );
    try {
      await loop.run();
    } finally {
      await listener.close();
    }
    database.lost.throwIfAborted();
  } finally {
    await database.close();
  }
}

/** Waiting does not help: the operator has to do something. */
function isHopeless(error: unknown): boolean {
  return hasCode(error, 'unauthorized', 'token_readonly', 'forbidden') || error instanceof AppError;
}

function explain(error: unknown): Error {
  if (hasCode(error, 'unauthorized')) {
    return new Error(
      'unauthorized: the Hetzner API refuses HETZNER_API_TOKEN; check that it is complete, of the right project and not deleted',
      { cause: error },
    );
  }
  if (hasCode(error, 'token_readonly', 'forbidden')) {
    return new Error(
      'token_readonly: HETZNER_API_TOKEN may only read; make one with the permission Read & Write',
      { cause: error },
    );
  }
  return error instanceof Error ? error : new Error(String(error));
}
