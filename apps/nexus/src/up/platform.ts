import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { openDatabase, type Database } from '@nexus/db';
import { startCluster, type Cluster } from '@nexus/db/embedded';
import { parseConfig } from '@nexus/kit/config';
import { systemErrorCode } from '@nexus/kit/errors';
import { createLogger, type Logger } from '@nexus/kit/logger';
import { createApp, type App } from '@nexus/orchestrator';
import { configSchema } from '@nexus/orchestrator/config';
import { createJoinToken } from '@nexus/orchestrator/join-tokens';

import { loadEncryptionKey, prepareHome, type Home } from '../home.ts';
import { ensureLocalKey } from '../keys/local-key.ts';
import { Problem } from '../problem.ts';
import { startCloud, type Cloud } from './cloud.ts';
import { takeLock, type Lock } from './lock.ts';
import { noteDatabaseUrl } from './running.ts';
import { startWorkerProcess, type WorkerProcess } from './worker-process.ts';

export interface Platform {
  apiUrl: string;
  database: Database;
  /** The part that rents servers; it is stopped with the platform at the latest. */
  startCloud(): Promise<Cloud>;
  stop(): Promise<void>;
}

export interface PlatformOptions {
  home: Home;
  host: string;
  port: number;
  environment: NodeJS.ProcessEnv;
  /** Called once home, lock and port are known to be free. */
  onBegin(): void;
  /** Told what is being done, for people. */
  onStep(text: string): void;
}

const DATABASE = 'nexus';
/** It tries every sandbox driver before it registers. */
const WORKER_START_MS = 60_000;
const POLL_MS = 50;
const YEAR_MS = 365 * 24 * 3_600_000;

/** Started parts, in order; they are stopped in the opposite one, also when a later start fails. */
interface Parts {
  lock?: Lock;
  cluster?: Cluster;
  app?: App;
  worker?: WorkerProcess;
  cloud?: Cloud;
}

/** The whole platform in one process, with an embedded database and a local worker. */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const parts: Parts = {};
  try {
    await prepareHome(options.home);
    parts.lock = await takeLock(options.home);
    await requireFreePort(options);
    options.onBegin();
    return await startParts(options, parts);
  } catch (error) {
    await stopParts(parts);
    throw error;
  }
}

async function startParts(options: PlatformOptions, parts: Parts): Promise<Platform> {
  const { home, environment } = options;
  const logger = createLogger({
    name: 'platform',
    level: environment['LOG_LEVEL'] ?? 'info',
    destination: join(home.logs, 'platform.log'),
  });
  const databaseUrl = environment['DATABASE_URL'] ?? (await startDatabase(options, parts, logger));
  const config = parseConfig(configSchema, {
    ...environment,
    DATABASE_URL: databaseUrl,
    ENCRYPTION_KEY: environment['ENCRYPTION_KEY'] ?? (await loadEncryptionKey(home)),
    BLOB_FOLDER: environment['BLOB_FOLDER'] ?? home.storage,
  });
  options.onStep('control plane');
  parts.app = await createApp(config, { logger });
  await parts.app.listen({ host: options.host, port: options.port });
  const apiUrl = `http://${options.host === '0.0.0.0' ? '127.0.0.1' : options.host}:${options.port}`;
  await ensureLocalKey(parts.app.database, home, apiUrl);
  options.onStep('worker');
  await startWorker(options, parts, { app: parts.app, apiUrl, logger });
  return {
    apiUrl,
    database: parts.app.database,
    startCloud: async () => {
      parts.cloud = await startCloud({ home, environment, databaseUrl, apiUrl });
      return parts.cloud;
    },
    stop: () => stopParts(parts),
  };
}

async function startDatabase(
  options: PlatformOptions,
  parts: Parts,
  logger: Logger,
): Promise<string> {
  options.onStep('database');
  parts.cluster = await startCluster({
    folder: options.home.postgres,
    onCrash: () => logger.warn('the database died; starting it again'),
  });
  const admin = openDatabase({ url: parts.cluster.url('postgres'), maxConnections: 1 });
  try {
    const found = await admin.query('select 1 from pg_database where datname = $1', [DATABASE]);
    if (found.length === 0) await admin.query(`create database ${DATABASE}`);
    await noteDatabaseUrl(options.home, parts.cluster.url(DATABASE));
  } finally {
    await admin.close();
  }
  return parts.cluster.url(DATABASE);
}

async function startWorker(
  options: PlatformOptions,
  parts: Parts,
  { app, apiUrl, logger }: { app: App; apiUrl: string; logger: Logger },
): Promise<void> {
  // Reusable: the worker registers again each time it is started again.
  const joinToken = await createJoinToken(app.database, {
    expiresAt: new Date(Date.now() + YEAR_MS),
    isReusable: true,
  });
  const { home, environment } = options;
  const startedAt = new Date();
  const worker = startWorkerProcess({ home, apiBase: apiUrl, joinToken, logger, environment });
  parts.worker = worker;
  for (let waitedMs = 0; !(await hasWorkerSince(app.database, startedAt)); waitedMs += POLL_MS) {
    if (worker.hasDied || waitedMs > WORKER_START_MS)
      throw new Problem(`the worker did not start: ${await worker.lastWords()}`);
    await sleep(POLL_MS);
  }
}

async function hasWorkerSince(database: Database, startedAt: Date): Promise<boolean> {
  const rows = await database.query(
    "select 1 from workers where state = 'active' and registered_at >= $1",
    [startedAt],
  );
  return rows.length > 0;
}

/** Found out before anything is started, so that the answer comes at once. */
async function requireFreePort({ host, port }: PlatformOptions): Promise<void> {
  const probe = createServer();
  try {
    await new Promise<void>((resolve, reject) =>
      probe.once('error', reject).listen(port, host, resolve),
    );
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'EADDRINUSE') {
      throw new Problem(
        `port ${port} is taken by another program; stop it, or choose another port: PORT=8100 npm start`,
        { cause: error },
      );
    }
    if (code === 'EACCES')
      throw new Problem(`this user may not open port ${port}; choose one above 1023`, {
        cause: error,
      });
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
      throw new Problem(`this machine has no address ${host} to listen on`, { cause: error });
    throw error;
  } finally {
    probe.close();
  }
}

async function stopParts(parts: Parts): Promise<void> {
  await parts.cloud?.stop();
  await parts.worker?.stop();
  await parts.app?.close();
  await parts.cluster?.stop();
  await parts.lock?.release();
}
