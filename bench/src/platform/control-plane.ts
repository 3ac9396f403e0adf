import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { openDatabase, type Database } from '@nexus/db';
import { startCluster, type Cluster } from '@nexus/db/embedded';
import { createKey } from '@nexus/orchestrator/accounts';
import { createJoinToken } from '@nexus/orchestrator/join-tokens';

import { openApi, type Api } from './http.ts';
import { freePort, startService, waitUntil, type Service } from './service.ts';

/** The orchestrator as a process of its own, on a database of its own. */
export interface ControlPlane {
  url: string;
  database: Database;
  orchestrator: Service;
  /** A client with a key of its own; several keys share the queue fairly. */
  openUser(name: string): Promise<Api>;
  createKey(name: string): Promise<string>;
  /** For a worker's registration. */
  joinToken: string;
  stop(): Promise<void>;
}

export interface ControlPlaneOptions {
  folder: string;
  name: string;
  /** Where V8 leaves a CPU profile when the process ends. */
  profileFolder?: string | undefined;
}

const MAIN = fileURLToPath(import.meta.resolve('@nexus/orchestrator/main'));
const HOUR_MS = 3_600_000;

/** The embedded server as the platform starts it; `isProfiling` adds the count of time per statement. */
export async function startDatabaseServer(
  folder: string,
  options: { isProfiling: boolean },
): Promise<Cluster> {
  const settings: Record<string, string> = options.isProfiling
    ? { shared_preload_libraries: 'pg_stat_statements', 'pg_stat_statements.track_planning': 'on' }
    : {};
  return startCluster({ folder: join(folder, 'postgres'), settings });
}

export async function createDatabase(cluster: Cluster, name: string): Promise<Database> {
  const admin = openDatabase({ url: cluster.url('postgres'), maxConnections: 1 });
  try {
    await admin.query(`create database "${name}"`);
  } finally {
    await admin.close();
  }
  return openDatabase({ url: cluster.url(name), maxConnections: 4 });
}

export async function startControlPlane(
  cluster: Cluster,
  options: ControlPlaneOptions,
): Promise<ControlPlane> {
  const { folder, name, profileFolder } = options;
  const database = await createDatabase(cluster, name);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const home = join(folder, name);
  await mkdir(home, { recursive: true });
  const profiling =
    profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`];
  const orchestrator = startService({
    command: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', ...profiling, MAIN],
    logPath: join(home, 'orchestrator.log'),
    env: {
      DATABASE_URL: cluster.url(name),
      ENCRYPTION_KEY: 'a key that is only good for measuring, forty chars',
      BLOB_FOLDER: join(home, 'storage'),
      HOST: '127.0.0.1',
      PORT: String(port),
    },
  });
  await waitUntil(async () => (await fetch(`${url}/ready`)).ok, 'the control plane');
  const joinToken = await createJoinToken(database, {
    expiresAt: new Date(Date.now() + HOUR_MS),
    isReusable: true,
  });
  return {
    ...{ url, database, orchestrator, joinToken },
    createKey: (user) => createKey(database, { account: user, name: user }),
    openUser: async (user) =>
      openApi(`${url}/api/v1`, await createKey(database, { account: user, name: user })),
    stop: async () => {
      await orchestrator.stop();
      await database.close();
    },
  };
}
