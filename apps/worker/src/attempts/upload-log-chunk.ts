import type { LeaseRef } from '@nexus/grid/contract';
import { sha256 } from '@nexus/kit/hash';
import { retry } from '@nexus/kit/retry';

import { isTransient } from '../blobs/blob-transfer.ts';
import type { BlobRef, GridClient } from '../grid/grid-client.ts';

const POLICY = { attempts: 20, firstDelayMs: 100, maxDelayMs: 5000 };

/** Log chunks too large for the database go to storage like any blob. */
export async function uploadLogChunk(
  client: GridClient,
  lease: LeaseRef,
  bytes: Buffer,
): Promise<BlobRef> {
  const blob = { sha256: sha256(bytes), sizeBytes: bytes.length };
  await retry(POLICY, () => client.upload(lease, { ...blob, offset: 0, body: bytes }), {
    isRetryable: isTransient,
  });
  return blob;
}
