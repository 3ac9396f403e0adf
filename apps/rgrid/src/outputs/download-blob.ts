import { createHash, hash } from 'node:crypto';
import { createWriteStream, rmSync, statSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { retryDelayMs, type RetryPolicy } from '@nexus/kit/retry';

import { mayRetry } from '../api/failures.ts';
import type { GridApi } from '../api/grid-api.ts';
import { cutOff, readBytes } from '../api/http-transport.ts';
import { REQUEST_RETRIES } from '../api/retry-requests.ts';
import { EXIT } from '../exit-codes.ts';
import { Problem } from '../problem.ts';
import { readRange } from '../project/read-range.ts';
import { RESUMABLE_BYTES } from './has-outputs.ts';

export interface BlobDownload {
  sha256: string;
  sizeBytes: number;
  /** Where to; a part of the blob that is there already is kept. */
  path: string;
  policy?: RetryPolicy;
  signal?: AbortSignal | undefined;
  onBytes?: (count: number) => void;
}

/** Leaves the blob at `path`, checked. A cut connection is resumed where it was cut. */
export async function downloadBlob(api: GridApi, wanted: BlobDownload): Promise<void> {
  const policy = wanted.policy ?? REQUEST_RETRIES;
  let hasStartedOver = false;
  for (let attempt = 1; ;) {
    const before = sizeOf(wanted.path);
    try {
      if (wanted.sizeBytes <= RESUMABLE_BYTES) return await downloadSmall(api, wanted);
      await downloadRest(api, wanted, before);
      if ((await digestOf(wanted)) === wanted.sha256) return;
      rmSync(wanted.path, { force: true });
      // A part that an earlier command left may have been damaged; a whole fetched now may not.
      if (hasStartedOver || before === 0) throw damaged(wanted);
      hasStartedOver = true;
    } catch (error) {
      wanted.signal?.throwIfAborted();
      if (!mayRetry(error, true) || attempt >= policy.attempts) throw error;
      await sleep(
        retryDelayMs(policy, attempt, Math.random()),
        undefined,
        wanted.signal ? { signal: wanted.signal } : {},
      );
      attempt = sizeOf(wanted.path) > before ? 1 : attempt + 1;
    }
  }
}

async function downloadSmall(api: GridApi, wanted: BlobDownload): Promise<void> {
  const bytes = await readBytes(await fetchFrom(api, wanted, 0));
  if (bytes.length < wanted.sizeBytes) throw cutOff(undefined);
  if (hash('sha256', bytes) !== wanted.sha256) throw damaged(wanted);
  wanted.onBytes?.(bytes.length);
  writeFileSync(wanted.path, bytes, { mode: 0o600, flag: 'wx' });
}

async function downloadRest(api: GridApi, wanted: BlobDownload, start: number): Promise<void> {
  if (start >= wanted.sizeBytes) return;
  const response = await fetchFrom(api, wanted, start);
  // A server or proxy that knows no ranges begins at the beginning.
  const isPart = response.statusCode === 206;
  const file = createWriteStream(wanted.path, {
    mode: 0o600,
    flags: isPart && start > 0 ? 'a' : 'w',
  });
  await pipeline(countedChunks(response, wanted), file);
  if (sizeOf(wanted.path) < wanted.sizeBytes) throw cutOff(undefined);
}

/** Tells a cut connection, which is resumed, from a full disk, which is not. */
async function* countedChunks(
  response: IncomingMessage,
  wanted: BlobDownload,
): AsyncGenerator<Buffer> {
  try {
    // Without an encoding set, an IncomingMessage yields Buffers.
    for await (const chunk of response as AsyncIterable<Buffer>) {
      wanted.onBytes?.(chunk.length);
      yield chunk;
    }
  } catch (error) {
    throw cutOff(error);
  }
}

async function fetchFrom(
  api: GridApi,
  wanted: BlobDownload,
  start: number,
): Promise<IncomingMessage> {
  return api.send({
    method: 'GET',
    path: `/blobs/${wanted.sha256}`,
    headers: start > 0 ? { range: `bytes=${start}-` } : {},
    signal: wanted.signal,
  });
}

async function digestOf({ path, sizeBytes }: BlobDownload): Promise<string> {
  if (sizeOf(path) !== sizeBytes) return 'another size';
  const digest = createHash('sha256');
  for await (const piece of readRange({ path, start: 0, sizeBytes })) digest.update(piece);
  return digest.digest('hex');
}

function damaged({ sha256 }: BlobDownload): Problem {
  return new Problem(
    `what came for blob ${sha256.slice(0, 12)} is not what was stored: it arrived damaged`,
    EXIT.platform,
  );
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
