import { openDatabase, type Database } from '@nexus/db';
import { databaseUrlSchema } from '@nexus/kit/config';

import { homeAt } from './home.ts';
import { Problem } from './problem.ts';
import { runningDatabaseUrl } from './up/running.ts';

/** DATABASE_URL, else the running platform's own database. */
export async function withDatabase(
  environment: NodeJS.ProcessEnv,
  work: (database: Database) => Promise<void>,
): Promise<void> {
  const configured = environment['DATABASE_URL'];
  if (configured) return useDatabase(databaseUrlSchema.parse(configured), work);
  const home = homeAt(environment);
  const running = await runningDatabaseUrl(home);
  if (running !== undefined) return useDatabase(running, work);
  throw new Problem(
    `no platform runs in ${home.folder}; start it with npm start, or set DATABASE_URL`,
  );
}

async function useDatabase(
  url: string,
  work: (database: Database) => Promise<void>,
): Promise<void> {
  const database = openDatabase({ url, maxConnections: 1 });
  try {
    await work(database);
  } finally {
    await database.close();
  }
}
