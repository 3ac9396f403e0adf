import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { AppError } from '@nexus/kit/errors';
import { writeFileAtomically } from '@nexus/kit/files';
import type { Logger } from '@nexus/kit/logger';
import { retry } from '@nexus/kit/retry';
import { findInterpreters, packageManagerSettings } from '@nexus/workspace';

import { runLease, type AttemptDeps } from './attempts/run-lease.ts';
import { isTransient } from './blobs/blob-transfer.ts';
import { BlobCache } from './blobs/blob-cache.ts';
import type { Config } from './config.ts';
import { openDrivers, type Drivers } from './drivers.ts';
import { EnvironmentStore } from './environments/environment-store.ts';
import { GridClient } from './grid/grid-client.ts';
import { LeaseBook } from './leases/lease-book.ts';
import { LeaseLoop, takeReply, type LeaseLoopDeps } from './leases/lease-loop.ts';
import { Mailbox } from './leases/mailbox.ts';
import { Executor } from './attempts/executor.ts';

export interface App {
  /** Resolves when the worker has ended, by `stop`, `drain` or because it is no longer known. */
  ended: Promise<void>;
  /** Finishes what runs, takes nothing new, then ends. */
  drain(): void;
  /** Kills what runs, gives it back, then ends. */
  stop(): void;
}

export interface AppDeps {
  logger: Logger;
  environment: Readonly<Record<string, string | undefined>>;
}

const REGISTER_POLICY = { attempts: 60, firstDelayMs: 100, maxDelayMs: 2000 };

/** A worker: registers, leases, runs, publishes. Adopts nothing that an earlier process left behind. */
export async function createApp(config: Config, { logger, environment }: AppDeps): Promise<App> {
  const attempts = join(config.WORKER_FOLDER, 'executions');
  const environments = join(config.WORKER_FOLDER, 'environments');
  await rm(attempts, { recursive: true, force: true });
  for (const folder of [attempts, environments])
    await mkdir(folder, { recursive: true, mode: 0o711 });
  const [drivers, interpreters] = await Promise.all([
    openDrivers(config, logger),
    findInterpreters(environment['PATH'] ?? ''),
  ]);
  const client = new GridClient(config.API_BASE);
  const tokenFile = join(config.WORKER_FOLDER, 'token');
  const previousToken = await readFile(tokenFile, 'utf8').catch(() => undefined);
  const registration = await retry(
    REGISTER_POLICY,
    () =>
      client.register({
        joinToken: config.WORKER_JOIN_TOKEN.reveal(),
        ...(previousToken === undefined ? {} : { previousToken }),
        name: config.WORKER_NAME,
        slots: config.WORKER_SLOTS,
        cpus: config.WORKER_CPUS,
        memoryBytes: config.WORKER_MEMORY,
        drivers: drivers.names,
        runtimes: [...interpreters.keys()].filter((name) => name !== 'npm'),
      }),
    { isRetryable: isTransient },
  );
  await writeFileAtomically(tokenFile, registration.workerToken);
  logger.info({ workerId: registration.workerId, drivers: drivers.names }, 'worker registered');
  const cache = await BlobCache.open(join(config.WORKER_FOLDER, 'cache'), config.WORKER_CACHE);
  const settings = packageManagerSettings(environment);
  const store = new EnvironmentStore({
    client,
    folder: environments,
    interpreters,
    environment: settings,
  });
  const heartbeatMs = registration.heartbeatMs;
  return assemble({
    config,
    logger,
    client,
    cache,
    store,
    interpreters,
    drivers,
    attempts,
    heartbeatMs,
  });
}

interface Assembly {
  config: Config;
  logger: Logger;
  client: GridClient;
  cache: BlobCache;
  store: EnvironmentStore;
  interpreters: AttemptDeps['interpreters'];
  drivers: Drivers;
  attempts: string;
  heartbeatMs: number;
}

function assemble(parts: Assembly): App {
  const { config, logger, client, drivers } = parts;
  const book = new LeaseBook({
    slots: config.WORKER_SLOTS,
    cpus: config.WORKER_CPUS,
    memoryBytes: config.WORKER_MEMORY,
  });
  const executor = new Executor({
    book,
    logger,
    start: (held) => runLease(attemptDeps, held),
    onRoom: () => loop.wake(),
  });
  const loopDeps: LeaseLoopDeps = {
    ...{ client, book, logger, heartbeatMs: parts.heartbeatMs },
    onLeased: () => executor.startWhatFits(),
    onDrain: () => executor.drain(),
    onUnauthorized: () => {
      logger.error('the control plane does not know this worker any more');
      executor.stop();
    },
  };
  const mailbox = new Mailbox({
    client,
    logger,
    hooks: {
      reserve: () => book.reserve(),
      knownBatches: () => book.knownBatches,
      onReply: (reply, reserved) => {
        book.settle(reserved);
        takeReply(loopDeps, reply);
        // Nothing there now: from here on the poll waits for work too.
        if (reserved && reply.leases.length === 0) loop.wake();
      },
      onFailedCall: (reserved) => book.settle(reserved),
      onUnauthorized: () => loopDeps.onUnauthorized(),
    },
  });
  const attemptDeps: AttemptDeps = {
    ...{
      client,
      mailbox,
      logger,
      cache: parts.cache,
      environments: parts.store,
      interpreters: parts.interpreters,
    },
    folder: parts.attempts,
    driverFor: (held) => drivers.choose(held.batch.spec),
    onSlotFree: (held) => executor.onSlotFree(held),
  };
  const loop = new LeaseLoop(loopDeps);
  void loop.poll();
  void loop.heartbeat();
  const ended = executor.ended.then(() => leave({ loop, mailbox, client, drivers }));
  return { ended, drain: () => executor.drain(), stop: () => executor.stop() };
}

async function leave(parts: {
  loop: LeaseLoop;
  mailbox: Mailbox;
  client: GridClient;
  drivers: Drivers;
}): Promise<void> {
  parts.loop.stop();
  await parts.client.leave().catch((error: unknown) => {
    // Gone already: then there is nobody to tell.
    if (!(error instanceof AppError) && !(error instanceof Error)) throw error;
  });
  parts.mailbox.close();
  parts.client.close();
  await parts.drivers.close();
}
