import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { openDatabase } from '@nexus/db';
import { writeFileAtomically } from '@nexus/kit/files';

import type { Home } from '../home.ts';

const FILE = 'database-url';

/** Leaves the address of the embedded database for other commands on this machine. It holds no password. */
export async function noteDatabaseUrl(home: Home, url: string): Promise<void> {
  await writeFileAtomically(join(home.folder, FILE), url);
}

/** The embedded database of the platform that runs in this home; undefined if none answers. */
export async function runningDatabaseUrl(home: Home): Promise<string | undefined> {
  const url = await readFile(join(home.folder, FILE), 'utf8').catch(() => undefined);
  if (url === undefined) return undefined;
  const database = openDatabase({ url, maxConnections: 1 });
  const answers = await database.query('select 1').then(
    () => true,
    () => false,
  );
  await database.close();
  return answers ? url : undefined;
}
