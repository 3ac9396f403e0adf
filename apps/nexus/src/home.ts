import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

import { errorMessage, systemErrorCode } from '@nexus/kit/errors';
import { writeFileAtomically } from '@nexus/kit/files';

import { Problem } from './problem.ts';

/** Where a platform on one machine keeps everything. */
export interface Home {
  folder: string;
  postgres: string;
  storage: string;
  worker: string;
  examples: string;
  logs: string;
  lockFile: string;
  /** Address and key for `rgrid` on this machine. */
  localFile: string;
  secretsFile: string;
}

export function homeAt(environment: NodeJS.ProcessEnv): Home {
  const folder = resolve(environment['NEXUS_HOME'] || join(homedir(), '.nexus'));
  return {
    folder,
    postgres: join(folder, 'postgres'),
    storage: join(folder, 'storage'),
    worker: join(folder, 'worker'),
    examples: join(folder, 'examples'),
    logs: join(folder, 'logs'),
    lockFile: join(folder, 'platform.lock'),
    localFile: join(folder, 'local.json'),
    secretsFile: join(folder, 'secrets.json'),
  };
}

/** Throws a Problem in one sentence if the folder cannot be used. */
export async function prepareHome(home: Home): Promise<void> {
  try {
    await makeFolder(home.folder);
    await access(home.folder, constants.W_OK | constants.X_OK);
    await makeFolder(home.logs);
  } catch (error) {
    const shown = home.folder.length > 100 ? `${home.folder.slice(0, 100)}…` : home.folder;
    throw new Problem(
      `the platform cannot keep its state in ${shown}: ${whyUnusable(error)}; set NEXUS_HOME to a folder that this user can write to`,
      { cause: error },
    );
  }
}

/**
 * From the top down. Node's own recursive mkdir goes up and down for ever where a folder that exists
 * answers ENOENT to a new one in it, as /proc does.
 */
async function makeFolder(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (found?.isDirectory()) return;
  if (!found && dirname(path) !== path) await makeFolder(dirname(path));
  await mkdir(path, { mode: 0o700 }).catch(async (error: unknown) => {
    // Another start may have made it in this moment.
    if (systemErrorCode(error) !== 'EEXIST' || !(await stat(path)).isDirectory()) throw error;
  });
}

const NO_FOLDER = 'it, or something on the way to it, is not a folder';
const NOT_ALLOWED = 'this user may not write there';
const NO_SPACE = 'no disk space is left there';

const WHY_UNUSABLE: Readonly<Record<string, string>> = {
  EEXIST: NO_FOLDER,
  ENOTDIR: NO_FOLDER,
  EACCES: NOT_ALLOWED,
  EPERM: NOT_ALLOWED,
  EROFS: 'that place is read-only',
  ENAMETOOLONG: 'its name is too long',
  ENOSPC: NO_SPACE,
  EDQUOT: NO_SPACE,
};

function whyUnusable(error: unknown): string {
  const code = systemErrorCode(error) ?? errorMessage(error);
  return WHY_UNUSABLE[code] ?? `no folder can be made there (${code})`;
}

/** The key that seals secrets at rest: made on the first start, the same ever after. */
export async function loadEncryptionKey(home: Home): Promise<string> {
  const text = await readFile(home.secretsFile, 'utf8').catch(() => undefined);
  if (text === undefined) {
    const encryptionKey = randomBytes(32).toString('base64url');
    await writeFileAtomically(home.secretsFile, `${JSON.stringify({ encryptionKey }, null, 2)}\n`);
    return encryptionKey;
  }
  const parsed: unknown = JSON.parse(text);
  if (
    typeof parsed === 'object' &&
    parsed !== null &&
    'encryptionKey' in parsed &&
    typeof parsed.encryptionKey === 'string'
  ) {
    return parsed.encryptionKey;
  }
  throw new Problem(
    `${home.secretsFile} is damaged: it has no encryptionKey; without it nothing that was sealed can be read`,
  );
}
