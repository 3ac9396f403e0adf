import type { Readable } from 'node:stream';

import type { Database } from '@nexus/db';
import { AppError, assertNever } from '@nexus/kit/errors';
import type { UploadReply } from '@nexus/grid/contract';
import type { BlobStore, ByteRange } from '@nexus/storage';

import { addBlob, findBlobSize } from './blob-index.ts';

export interface BlobDeps {
  database: Database;
  blobs: BlobStore;
}

export interface BlobUpload {
  accountId: string;
  sha256: string;
  offset: number;
  sizeBytes: number;
  body: Readable;
}

/**
 * Takes a part of a blob for an account. The whole must come from the account itself, even when
 * another one has sent the same bytes: knowing a hash is no proof of having the file.
 */
export async function receiveBlob(deps: BlobDeps, upload: BlobUpload): Promise<UploadReply> {
  const heldBytes = await findBlobSize(deps.database, upload.accountId, upload.sha256);
  if (heldBytes !== undefined) {
    upload.body.resume();
    return { isComplete: true, offset: heldBytes };
  }
  const result = await deps.blobs.append(
    { owner: upload.accountId, sha256: upload.sha256 },
    upload,
  );
  switch (result.kind) {
    case 'complete':
      return (await addBlob(deps, upload))
        ? { isComplete: true, offset: upload.sizeBytes }
        : { isComplete: false, offset: 0 };
    case 'partial':
      return { isComplete: false, offset: result.offset };
    case 'offset_mismatch':
      upload.body.resume();
      throw new AppError('upload_offset_mismatch', `the upload goes on at byte ${result.offset}`, {
        details: { offset: result.offset },
      });
    case 'digest_mismatch':
      upload.body.resume();
      throw new AppError('digest_mismatch');
    default:
      return assertNever(result);
  }
}

export interface UploadStatus {
  isComplete: boolean;
  offset: number;
}

export async function uploadStatus(
  deps: BlobDeps,
  accountId: string,
  sha256: string,
): Promise<UploadStatus> {
  const sizeBytes = await findBlobSize(deps.database, accountId, sha256);
  if (sizeBytes !== undefined) return { isComplete: true, offset: sizeBytes };
  return {
    isComplete: false,
    offset: await deps.blobs.uploadedBytes({ owner: accountId, sha256 }),
  };
}

export interface BlobDownload {
  status: 200 | 206;
  sizeBytes: number;
  range: ByteRange | undefined;
  body: Readable;
}

export async function sendBlob(
  deps: BlobDeps,
  wanted: { accountId: string; sha256: string; range: string | undefined },
): Promise<BlobDownload> {
  const sizeBytes = await findBlobSize(deps.database, wanted.accountId, wanted.sha256);
  if (sizeBytes === undefined) throw new AppError('not_found', `there is no blob ${wanted.sha256}`);
  const range = parseRange(wanted.range, sizeBytes);
  const body = await deps.blobs.open(wanted.sha256, range);
  return { status: range ? 206 : 200, sizeBytes, range, body };
}

/** One range of RFC 9110 §14.1.2; anything else is answered with the whole, as the RFC allows. */
export function parseRange(header: string | undefined, sizeBytes: number): ByteRange | undefined {
  const match = /^bytes=(\d+)-(\d*)$/.exec(header ?? '');
  if (!match) return undefined;
  const start = Number(match[1]);
  const end = match[2] ? Math.min(Number(match[2]), sizeBytes - 1) : sizeBytes - 1;
  return start <= end ? { start, end } : undefined;
}
