import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

import { systemErrorCode } from '@nexus/kit/errors';
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
    await mkdir(home.folder, { recursive: true, mode: 0o700 });
    await access(home.folder, constants.W_OK | constants.X_OK);
    await mkdir(home.logs, { recursive: true, mode: 0o700 });
  } catch (error) {
    const why =
      systemErrorCode(error) === 'ENOTDIR' || systemErrorCode(error) === 'EEXIST'
        ? 'is not a folder'
        : 'cannot be written';
    throw new Problem(`${home.folder} ${why} by this user; set NEXUS_HOME to a folder that can`, {
      cause: error,
    });
  }
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
