import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Database } from '@nexus/db';
import { parseConfig } from '@nexus/kit/config';
import { createLogger } from '@nexus/kit/logger';
import { createApiClient, createTestDatabase, type ApiClient } from '@nexus/testkit';

import { createKey } from '../accounts/accounts.ts';
import { createApp, type App } from '../app.ts';
import { configSchema } from '../config.ts';
import { createJoinToken } from '../workers/join-tokens.ts';
import { FakeWorker, type WorkerTraits } from './fake-worker.ts';

export interface TestAccount {
  name: string;
  id: string;
  key: string;
  api: ApiClient;
}

/** The control plane in this process, on a database and a folder of its own, with workers that do what they are told. */
export interface TestControlPlane {
  readonly app: App;
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** Beside the one of the app: for looking at rows, and for moving time in them. */
  database: Database;
  databaseUrl: string;
  blobFolder: string;
  /** A key of its own; the account is made if it is new. */
  createAccount(name?: string, keyName?: string): Promise<TestAccount>;
  addWorker(traits?: Partial<WorkerTraits>): Promise<FakeWorker>;
  createJoinToken(): Promise<string>;
  /** Everything logged so far. */
  readLog(): Promise<string>;
  /** The same database and folder under a new process, as it were. */
  restart(environment?: Record<string, string>): Promise<void>;
  stop(): Promise<void>;
}

export const TEST_ENCRYPTION_KEY = 'a key that is only good for tests, forty chars';
const HOUR_MS = 3_600_000;

export async function startTestControlPlane(
  environment: Record<string, string> = {},
): Promise<TestControlPlane> {
  const folder = await mkdtemp(join(tmpdir(), 'nexus-orchestrator-'));
  const own = await createTestDatabase();
  const { database, url: databaseUrl } = own;
  const blobFolder = join(folder, 'storage');
  const logPath = join(folder, 'log');
  const logger = createLogger({ name: 'test', level: 'trace', destination: logPath });
  const start = async (more: Record<string, string>) => {
    const given = {
      DATABASE_URL: databaseUrl,
      BLOB_FOLDER: blobFolder,
      ENCRYPTION_KEY: TEST_ENCRYPTION_KEY,
      ...more,
    };
    const app = await createApp(parseConfig(configSchema, given), { logger });
    return { app, url: await app.listen({ host: '127.0.0.1', port: 0 }) };
  };
  let running = await start(environment);
  const joinToken = () =>
    createJoinToken(database, { expiresAt: new Date(Date.now() + HOUR_MS), isReusable: false });
  return {
    get app() {
      return running.app;
    },
    get url() {
      return running.url;
    },
    ...{ database, databaseUrl, blobFolder },
    createAccount: (name = 'ana', keyName = 'laptop') =>
      createAccount({ database, url: running.url }, { name, keyName }),
    addWorker: async (traits) => FakeWorker.register(running.url, await joinToken(), traits),
    createJoinToken: joinToken,
    readLog: async () => {
      await new Promise<void>((resolve, reject) =>
        logger.flush((error) => (error ? reject(error) : resolve())),
      );
      return readFile(logPath, 'utf8');
    },
    restart: async (more = environment) => {
      await running.app.close();
      running = await start(more);
    },
    stop: async () => {
      await running.app.close();
      await own.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function createAccount(
  place: { database: Database; url: string },
  { name, keyName }: { name: string; keyName: string },
): Promise<TestAccount> {
  const key = await createKey(place.database, { account: name, name: keyName });
  const [row] = await place.database.query<{ id: string }>(
    'select id from accounts where name = $1',
    [name],
  );
  return { name, id: row?.id ?? '', key, api: createApiClient(`${place.url}/api/v1`, key) };
}
