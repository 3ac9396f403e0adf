import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';
import { parse } from 'yaml';
import { z } from 'zod';

import { systemErrorCode } from '@nexus/kit/errors';
import { removeTree } from '@nexus/workspace';

/** What of cloud-init's configuration leaves a trace on a disk. */
const cloudConfigSchema = z.object({
  write_files: z.array(
    z.object({
      path: z.string().regex(/^(\/(?!\.\.?(\/|$))[^/]+)+$/, 'is not the path of a file'),
      permissions: z.string().regex(/^0[0-7]{3}$/),
      content: z.string(),
    }),
  ),
});

/** Writes the files that the user data of a server names, below `root` instead of `/`. */
export async function writeFiles(root: string, userData: string): Promise<void> {
  if (!userData.startsWith('#cloud-config\n'))
    throw new Error('the user data is not for cloud-init');
  // As cloud-init reads it.
  const { write_files: files } = cloudConfigSchema.parse(parse(userData, { version: '1.1' }));
  for (const { path, permissions, content } of files) {
    const file = join(root, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
    await chmod(file, Number.parseInt(permissions, 8));
  }
}

/** What the worker is told; undefined: nobody is to work here, the server becomes an image. */
export async function readWorkerEnvironment(
  root: string,
): Promise<Record<string, string | undefined> | undefined> {
  try {
    return parseEnv(await readFile(join(root, 'etc/rgrid/worker.env'), 'utf8'));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Deletes what would fill this machine: nobody says when a simulated disk is gone for good. What a
 * worker knows itself by stays, so that a server that is switched on again is still the same.
 */
export async function deleteBulk(root: string, workerFolder: string): Promise<void> {
  const entries = await readdir(workerFolder, { withFileTypes: true }).catch(() => []);
  const folders = entries.filter((entry) => entry.isDirectory());
  const bulk = [join(root, 'opt'), ...folders.map(({ name }) => join(workerFolder, name))];
  for (const path of bulk) await removeTree(path);
}
