import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import {
  WORKER_BUNDLES_FILE,
  workerBundlesSchema,
  type WorkerBundle,
  type WorkerBundles,
} from '@nexus/grid/contract';
import { systemErrorCode } from '@nexus/kit/errors';
import { writeFileAtomically } from '@nexus/kit/files';

import { Problem } from '../problem.ts';

/** The bundles of a folder; none if nothing was ever made there. */
export async function readBundles(folder: string): Promise<WorkerBundles> {
  const path = join(folder, WORKER_BUNDLES_FILE);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return '{}';
    throw error;
  });
  try {
    return workerBundlesSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new Problem(`${path} is damaged; delete it and make the bundles again`, { cause: error });
  }
}

/** Makes a bundle the current one of its architecture; the one before is deleted. */
export async function listBundle(
  folder: string,
  architecture: keyof WorkerBundles,
  bundle: WorkerBundle,
): Promise<void> {
  const before = await readBundles(folder);
  const after = { ...before, [architecture]: bundle };
  // Served to everyone who asks.
  const options = { mode: 0o644 };
  const text = `${JSON.stringify(after, null, 2)}\n`;
  await writeFileAtomically(join(folder, WORKER_BUNDLES_FILE), text, options);
  const old = before[architecture]?.file;
  if (old !== undefined && old !== bundle.file) await rm(join(folder, old), { force: true });
}
