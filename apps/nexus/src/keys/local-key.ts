import { readFile } from 'node:fs/promises';

import type { Database } from '@nexus/db';
import { writeFileAtomically } from '@nexus/kit/files';
import { createKey, KeyRing, revokeKey } from '@nexus/orchestrator/accounts';

import type { Home } from '../home.ts';

export const LOCAL_ACCOUNT = 'local';
const LOCAL_KEY = 'local';

/** What `rgrid` on this machine finds the platform by. */
interface LocalFile {
  apiUrl: string;
  apiKey: string;
}

/** Makes sure that local.json holds the address and a key that works. */
export async function ensureLocalKey(
  database: Database,
  home: Home,
  apiUrl: string,
): Promise<void> {
  const known = await readLocalFile(home);
  const isKept = known !== undefined && (await isValid(database, known.apiKey));
  const apiKey = isKept ? known.apiKey : await replaceKey(database);
  await writeFileAtomically(home.localFile, `${JSON.stringify({ apiUrl, apiKey }, null, 2)}\n`);
}

async function replaceKey(database: Database): Promise<string> {
  const name = { account: LOCAL_ACCOUNT, name: LOCAL_KEY };
  await revokeKey(database, name);
  return createKey(database, name);
}

async function isValid(database: Database, apiKey: string): Promise<boolean> {
  return new KeyRing(database).authenticate(`Bearer ${apiKey}`).then(
    () => true,
    () => false,
  );
}

async function readLocalFile(home: Home): Promise<LocalFile | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(home.localFile, 'utf8'));
    if (typeof value !== 'object' || value === null || !('apiUrl' in value) || !('apiKey' in value))
      return undefined;
    const { apiUrl, apiKey } = value;
    return typeof apiUrl === 'string' && typeof apiKey === 'string'
      ? { apiUrl, apiKey }
      : undefined;
  } catch {
    return undefined;
  }
}
