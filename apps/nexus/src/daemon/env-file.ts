import { readFile, stat } from 'node:fs/promises';
import { parseEnv } from 'node:util';

import { systemErrorCode } from '@nexus/kit/errors';

import { Problem } from '../problem.ts';

const OTHERS = 0o077;

/** The variables of an environment file. It holds secrets: one that others can read is refused. */
export async function readEnvFile(path: string): Promise<NodeJS.ProcessEnv> {
  try {
    const { mode } = await stat(path);
    if ((mode & OTHERS) !== 0)
      throw new Problem(`${path} holds secrets and others can read it: chmod 600 ${path}`);
    return parseEnv(await readFile(path, 'utf8'));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') throw new Problem(`there is no file ${path}`);
    if (systemErrorCode(error) === 'EACCES') throw new Problem(`this user may not read ${path}`);
    if (systemErrorCode(error) === 'EISDIR') throw new Problem(`${path} is a folder, not a file`);
    throw error;
  }
}
