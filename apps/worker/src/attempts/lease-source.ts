import { rename } from 'node:fs/promises';

import type { FileEntry, LeaseRef } from '@nexus/grid/contract';
import type { BlobSource } from '@nexus/workspace';

import type { BlobCache } from '../blobs/blob-cache.ts';
import { downloadBlob } from '../blobs/blob-transfer.ts';
import type { BlobRef, GridClient } from '../grid/grid-client.ts';

/** A large input is used once: through the cache it would be written twice and push everything else out. */
const UNCACHED_BYTES = 64 << 20;

/** The files of a leased execution: from this worker's cache, else from the control plane. */
export function leaseSource(options: {
  client: GridClient;
  cache: BlobCache;
  lease: LeaseRef;
  signal: AbortSignal;
}): BlobSource & { fetchTo(blob: BlobRef, destination: string): Promise<void> } {
  const { client, cache, lease, signal } = options;
  const fetch = (blob: BlobRef, destination: string) =>
    downloadBlob(client, { lease, blob, destination, signal });
  const fetchTo = (blob: BlobRef, destination: string) => cache.copyTo(blob, destination, fetch);
  return {
    fetchTo,
    place: async (entry: FileEntry, destination: string) => {
      if (entry.sizeBytes < UNCACHED_BYTES) return fetchTo(entry, destination);
      // Not beside its final name: the script's folder must never show a half-loaded file.
      const incoming = `${destination}.rgrid-incoming`;
      await fetch(entry, incoming);
      await rename(incoming, destination);
    },
  };
}
