import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { openDatabase, type Database } from '@nexus/db';
import { createKey } from '@nexus/orchestrator/accounts';
import { createJoinToken } from '@nexus/orchestrator/join-tokens';
import { createApiClient, createTestDatabase, type ApiClient } from '@nexus/testkit';

import { ServiceProcess } from './child-process.ts';

export interface TestGridOptions {
  workers?: number;
  /** Added to every worker's environment. */
  workerEnv?: Record<string, string>;
  orchestratorEnv?: Record<string, string>;
  /** Of a server of the caller's own; by default a database of the shared test server. */
  databaseUrl?: string;
}

/** Control plane and workers as processes of their own, on a database of their own. */
export interface TestGrid {
  url: string;
  databaseUrl: string;
  folder: string;
  api: ApiClient;
  apiKey: string;
  orchestrator: ServiceProcess;
  workers: ServiceProcess[];
  database: Database;
  /** A client with a key of another account. */
  otherAccount(name: string): Promise<ApiClient>;
  addWorker(env?: Record<string, string>): Promise<ServiceProcess>;
  waitForReady(): Promise<void>;
  stop(): Promise<void>;
}

const ORCHESTRATOR = fileURLToPath(import.meta.resolve('@nexus/orchestrator/main'));
const WORKER = fileURLToPath(import.meta.resolve('@nexus/worker/main'));
const HOUR_MS = 3_600_000;

export async function startTestGrid(options: TestGridOptions = {}): Promise<TestGrid> {
  const folder = await mkdtemp(join(tmpdir(), 'nexus-e2e-'));
  const own = options.databaseUrl === undefined ? await createTestDatabase() : undefined;
  const databaseUrl = options.databaseUrl ?? own?.url ?? '';
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const orchestrator = new ServiceProcess({
    main: ORCHESTRATOR,
    logPath: join(folder, 'orchestrator.log'),
    env: {
      DATABASE_URL: databaseUrl,
      ENCRYPTION_KEY: 'a key that is only good for tests, forty chars',
      BLOB_FOLDER: join(folder, 'storage'),
      HOST: '127.0.0.1',
      PORT: String(port),
      ...options.orchestratorEnv,
    },
  });
  orchestrator.start();
  await waitForReady(url, folder);
  const database = own?.database ?? openDatabase({ url: databaseUrl, maxConnections: 2 });
  const apiKey = await createKey(database, { account: 'test', name: 'test' });
  const workers: ServiceProcess[] = [];
  const grid: TestGrid = {
    ...{ url, databaseUrl, folder, orchestrator, workers, database, apiKey },
    api: createApiClient(`${url}/api/v1`, apiKey),
    otherAccount: async (name) =>
      createApiClient(`${url}/api/v1`, await createKey(database, { account: name, name })),
    addWorker: (env) =>
      addWorker({ folder, url, database, workers }, { ...options.workerEnv, ...env }),
    waitForReady: () => waitForReady(url, folder),
    stop: async () => {
      await Promise.all(workers.map((worker) => worker.end('SIGINT')));
      await orchestrator.end('SIGTERM');
      await (own ? own.drop() : database.close());
      await rm(folder, { recursive: true, force: true });
    },
  };
  for (let count = 0; count < (options.workers ?? 1); count += 1) await grid.addWorker();
  return grid;
}

interface WorkerPlace {
  folder: string;
  url: string;
  database: Database;
  workers: ServiceProcess[];
}

async function addWorker(place: WorkerPlace, env: Record<string, string>): Promise<ServiceProcess> {
  const name = `worker-${place.workers.length + 1}`;
  const joinToken = await createJoinToken(place.database, {
    expiresAt: new Date(Date.now() + HOUR_MS),
    isReusable: true,
  });
  const worker = new ServiceProcess({
    main: WORKER,
    logPath: join(place.folder, `${name}.log`),
    env: {
      API_BASE: place.url,
      WORKER_JOIN_TOKEN: joinToken,
      WORKER_FOLDER: join(place.folder, name),
      WORKER_NAME: name,
      WORKER_SLOTS: '2',
      WORKER_DRAIN_SECONDS: '0',
      ...env,
    },
  });
  worker.start();
  place.workers.push(worker);
  return worker;
}

async function waitForReady(url: string, folder: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < 20_000; waitedMs += 50) {
    const isReady = await fetch(`${url}/ready`).then(
      (response) => response.ok,
      () => false,
    );
    if (isReady) return;
    await sleep(50);
  }
  throw new Error(
    `the control plane did not start: ${await readFile(join(folder, 'orchestrator.log'), 'utf8')}`,
  );
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}
