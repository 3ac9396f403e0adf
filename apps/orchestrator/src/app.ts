import { isConnectionError, migrate, openDatabase, type Database } from '@nexus/db';
import { startLoop, type BackgroundLoop } from '@nexus/kit/background';
import { createHttpServer, type HttpServer } from '@nexus/kit/http-server';
import type { Logger } from '@nexus/kit/logger';
import { retry } from '@nexus/kit/retry';
import { FolderBlobStore } from '@nexus/storage';
import { createVault } from '@nexus/vault';

import { KeyRing } from './accounts/accounts.ts';
import { registerAccountRoutes } from './accounts/routes.ts';
import { describeScope, registerApiDocs } from './api-docs.ts';
import type { Api } from './api.ts';
import { registerBatchRoutes } from './batches/routes.ts';
import { registerBlobRoutes } from './blobs/routes.ts';
import type { Config } from './config.ts';
import { registerCostRoutes } from './costs/routes.ts';
import { settleServers } from './costs/settle-servers.ts';
import { registerExecutionRoutes } from './executions/routes.ts';
import { createMetrics } from './health/metrics.ts';
import { registerHealthRoutes } from './health/routes.ts';
import { startLeaseWatch } from './queue/lease-watch.ts';
import { Turns } from './queue/turns.ts';
import { sweep } from './retention/retention.ts';
import { Signals } from './signals/signals.ts';
import { refuseUnknownQueries } from './unknown-queries.ts';
import { registerPlatformRoutes } from './workers/platform-routes.ts';
import { registerJoinRoute, registerWorkerRoutes } from './workers/routes.ts';
import { registerWorkerBundleRoutes } from './worker-bundles/routes.ts';
import type { WorkerDeps } from './workers/worker-deps.ts';
import { WorkerRegistry } from './workers/worker-registry.ts';

export interface App {
  server: HttpServer;
  database: Database;
  /** Returns the address it listens on. */
  listen(address: { host: string; port: number }): Promise<string>;
  close(): Promise<void>;
}

/** Both may start at the same moment, after a reboot for example. */
const DATABASE_START = { attempts: 60, firstDelayMs: 50, maxDelayMs: 1000 };

/** Of the queue's own: one transaction at a time, and before it the ranking for each waiting worker. */
const QUEUE_CONNECTIONS = 4;

/** The control plane: migrates the database, then serves. Everything it needs is made here. */
export async function createApp(config: Config, { logger }: { logger: Logger }): Promise<App> {
  await retry(DATABASE_START, () => migrate(config.DATABASE_URL), {
    isRetryable: isConnectionError,
  });
  const database = openDatabase({ url: config.DATABASE_URL, maxConnections: 20 });
  const queueDatabase = openDatabase({
    url: config.DATABASE_URL,
    maxConnections: QUEUE_CONNECTIONS,
    planning: 'once',
  });
  const blobs = await FolderBlobStore.open(config.BLOB_FOLDER);
  const signals = new Signals(database, config.DATABASE_URL);
  const older = config.INTERNAL_SECRET_KEY ? [config.INTERNAL_SECRET_KEY.reveal()] : [];
  const vault = createVault([config.ENCRYPTION_KEY.reveal(), ...older]);
  const registry = new WorkerRegistry(database);
  const turns = new Turns({ database: queueDatabase, blobs });
  const leaseMs = config.LEASE_SECONDS * 1000;
  const deps = {
    database,
    blobs,
    signals,
    vault,
    registry,
    turns,
    leaseMs,
    maxTimesLost: config.MAX_TIMES_LOST,
  };
  const server = createHttpServer({ logger });
  await buildServer(server, deps, config);
  const loops = [
    startLeaseWatch(deps, logger),
    startSettlement(database, logger),
    startRetention(deps, config, logger),
  ];
  return {
    server,
    database,
    listen: (address) => server.listen(address),
    close: () => closeAll({ server, signals, databases: [queueDatabase, database], loops }),
  };
}

async function buildServer(server: HttpServer, deps: WorkerDeps, config: Config): Promise<void> {
  await registerApiDocs(server);
  registerHealthRoutes(server, {
    database: deps.database,
    metrics: createMetrics(server, deps.database),
  });
  registerWorkerBundleRoutes(server, { folder: config.WORKER_BUNDLES });
  await server.register(async (api: Api) => registerJoinScope(api, deps), { prefix: '/api/v1' });
  await server.register(async (api: Api) => registerWorkerScope(api, deps), {
    prefix: '/api/v1/worker',
  });
  await server.register(async (api: Api) => registerUserScope(api, deps), { prefix: '/api/v1' });
}

async function registerJoinScope(api: Api, deps: WorkerDeps): Promise<void> {
  describeScope(api, null);
  registerJoinRoute(api, deps);
}

async function registerWorkerScope(api: Api, deps: WorkerDeps): Promise<void> {
  describeScope(api, 'workerToken');
  api.addHook('onRequest', async (request) => {
    request.worker = await deps.registry.authenticate(request.headers.authorization);
  });
  registerWorkerRoutes(api, deps);
}

async function registerUserScope(api: Api, deps: WorkerDeps): Promise<void> {
  describeScope(api, 'apiKey');
  refuseUnknownQueries(api);
  const keys = new KeyRing(deps.database);
  api.addHook('onRequest', async (request) => {
    request.caller = await keys.authenticate(request.headers.authorization);
  });
  registerAccountRoutes(api);
  await registerBlobRoutes(api, deps);
  registerBatchRoutes(api, deps);
  registerExecutionRoutes(api, deps);
  registerPlatformRoutes(api, deps);
  registerCostRoutes(api, deps);
}

/** Nobody waits for it: until then costs are provisional. */
const SETTLE_MS = 5000;

function startSettlement(database: Database, logger: Logger): BackgroundLoop {
  return startLoop({ name: 'settlement', intervalMs: SETTLE_MS, logger }, async (signal) => {
    const servers = await settleServers(database, signal);
    if (servers > 0) logger.info({ servers }, 'bills of servers split up');
  });
}

const HOUR_MS = 3_600_000;

function startRetention(deps: WorkerDeps, config: Config, logger: Logger): BackgroundLoop {
  return startLoop({ name: 'retention', intervalMs: HOUR_MS, logger }, async (signal) => {
    const now = Date.now();
    const grace = new Date(now - config.BLOB_GRACE_HOURS * HOUR_MS);
    const policy = {
      finishedBefore: new Date(now - config.RETENTION_DAYS * 24 * HOUR_MS),
      abandonedBefore: grace,
      unusedBefore: grace,
    };
    const swept = await sweep(deps, policy, signal);
    if (swept.batches + swept.blobs > 0) logger.info(swept, 'retention swept');
  });
}

interface Closable {
  server: HttpServer;
  signals: Signals;
  databases: Database[];
  loops: readonly BackgroundLoop[];
}

async function closeAll({ server, signals, databases, loops }: Closable): Promise<void> {
  await Promise.all(loops.map((loop) => loop.stop()));
  await server.close();
  await signals.close();
  for (const database of databases) await database.close();
}
