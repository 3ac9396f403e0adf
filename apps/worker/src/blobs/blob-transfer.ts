import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, rename, rm, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

import { AppError } from '@nexus/kit/errors';
import { sha256OfFile } from '@nexus/kit/hash';
import { retry } from '@nexus/kit/retry';
import type { LeaseRef } from '@nexus/grid/contract';

import type { BlobRef, GridClient } from '../grid/grid-client.ts';

const POLICY = { attempts: 8, firstDelayMs: 200, maxDelayMs: 10_000 };
/** Below this a blob is sent from memory: one read, one write. */
const SMALL_BYTES = 1 << 20;

/** A failure of the way, not of the thing: the next try may get through. */
export function isTransient(error: unknown): boolean {
  if (error instanceof AppError) return error.isRetryable;
  return error instanceof Error && error.name !== 'AbortError';
}

/** Downloads to `destination` in constant memory, goes on after a cut, and checks the SHA-256. */
export async function downloadBlob(
  client: GridClient,
  wanted: { lease: LeaseRef; blob: BlobRef; destination: string; signal: AbortSignal },
): Promise<void> {
  const { lease, blob, destination, signal } = wanted;
  const part = `${destination}.part`;
  await retry(
    POLICY,
    async () => {
      const start = await sizeOf(part);
      if (start < blob.sizeBytes || start === 0) {
        const body = await client.download(lease, blob.sha256, start);
        await pipeline(
          body,
          createWriteStream(part, { flags: start > 0 ? 'a' : 'w', mode: 0o600 }),
          { signal },
        );
      }
      const digest = await sha256OfFile(part, signal);
      if (digest === blob.sha256) return;
      await rm(part, { force: true });
      throw new AppError('digest_mismatch', `blob ${blob.sha256} arrived damaged`);
    },
    { isRetryable: isTransient, signal },
  );
  await rename(part, destination);
}

/** Uploads a file in constant memory, going on where a cut upload stands. */
export async function uploadFile(
  client: GridClient,
  wanted: { lease: LeaseRef; blob: BlobRef; path: string; signal: AbortSignal },
): Promise<void> {
  const { lease, blob, path, signal } = wanted;
  let offset = 0;
  await retry(
    POLICY,
    async () => {
      while (offset < blob.sizeBytes || offset === 0) {
        const body =
          blob.sizeBytes <= SMALL_BYTES
            ? await readFile(path)
            : createReadStream(path, { start: offset });
        const reply = await client
          .upload(lease, { ...blob, offset, body })
          .catch((error: unknown) => {
            offset = offsetFrom(error) ?? 0;
            throw error;
          });
        if (reply.isComplete) return;
        offset = reply.offset;
      }
    },
    { isRetryable: isTransient, signal },
  );
}

/** Where the upload stands, when the server says that it stands elsewhere. */
function offsetFrom(error: unknown): number | undefined {
  if (!(error instanceof AppError) || error.code !== 'upload_offset_mismatch') return undefined;
  const { offset } = error.details;
  return typeof offset === 'number' ? offset : undefined;
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    (found) => found.size,
    () => 0,
  );
}
