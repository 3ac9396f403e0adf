import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

import { WORKER_BUNDLES_FILE, workerBundlesSchema } from '@nexus/grid/contract';
import { AppError, systemErrorCode } from '@nexus/kit/errors';
import type { ByteRange } from '@nexus/storage';

import { parseRange } from '../blobs/blob-transfer.ts';

export interface BundleDownload {
  status: 200 | 206;
  sizeBytes: number;
  range: ByteRange | undefined;
  body: Readable;
}

/**
 * Sends a current bundle; throws AppError not_found for every other name. The folder's own list
 * says what is served, so no name is ever taken for a path, and a new bundle needs no restart.
 */
export async function sendBundle(
  folder: string | undefined,
  wanted: { name: string; range: string | undefined },
): Promise<BundleDownload> {
  const path = folder === undefined ? undefined : await findPath(folder, wanted.name);
  const file = path === undefined ? undefined : await open(path).catch(undefinedIfMissing);
  if (!file) throw new AppError('not_found', 'there is no worker bundle of that name');
  const { size: sizeBytes } = await file.stat();
  const range = parseRange(wanted.range, sizeBytes);
  // Closes the file when it ends, however.
  const body = file.createReadStream(range ?? {});
  return { status: range ? 206 : 200, sizeBytes, range, body };
}

async function findPath(folder: string, name: string): Promise<string | undefined> {
  const list = join(folder, WORKER_BUNDLES_FILE);
  const text = await readFile(list, 'utf8').catch(undefinedIfMissing);
  if (text === undefined) return undefined;
  const bundles = workerBundlesSchema.parse(JSON.parse(text));
  const bundle = Object.values(bundles).find((candidate) => candidate?.file === name);
  return bundle && join(folder, bundle.file);
}

function undefinedIfMissing(error: unknown): undefined {
  if (systemErrorCode(error) !== 'ENOENT') throw error;
}
