import { constants } from 'node:fs';
import { copyFile, mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { systemErrorCode } from '@nexus/kit/errors';

import type { BlobRef } from '../grid/grid-client.ts';

/** Downloads to the path; throws if it cannot. */
export type Fetch = (blob: BlobRef, destination: string) => Promise<void>;

/**
 * Blobs this worker has fetched before, kept under a size by dropping those unused longest. Entries
 * are only ever copied out, never linked: a script that writes to its copy must not change the cache.
 */
export class BlobCache {
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #fetching = new Map<string, Promise<void>>();
  #sizeBytes = 0;
  #isSweeping = false;

  private constructor(folder: string, maxBytes: number) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
  }

  static async open(folder: string, maxBytes: number): Promise<BlobCache> {
    const cache = new BlobCache(folder, maxBytes);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const entry of await cache.#list()) cache.#sizeBytes += entry.sizeBytes;
    return cache;
  }

  /** Copies the blob to `destination`, fetching it first if it is not here. */
  async copyTo(blob: BlobRef, destination: string, fetch: Fetch): Promise<void> {
    const path = this.#path(blob.sha256);
    if (await copyIfThere(path, destination)) return;
    await this.#fetchOnce(blob, path, fetch);
    if (await copyIfThere(path, destination)) return;
    // Swept between the two steps: the cache is smaller than what runs at once.
    await fetch(blob, destination);
  }

  async #fetchOnce(blob: BlobRef, path: string, fetch: Fetch): Promise<void> {
    let fetching = this.#fetching.get(blob.sha256);
    if (!fetching) {
      fetching = this.#fetch(blob, path, fetch).finally(() => this.#fetching.delete(blob.sha256));
      this.#fetching.set(blob.sha256, fetching);
    }
    await fetching;
  }

  async #fetch(blob: BlobRef, path: string, fetch: Fetch): Promise<void> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const incoming = `${path}.new`;
    await fetch(blob, incoming);
    await rename(incoming, path);
    this.#sizeBytes += blob.sizeBytes;
    if (this.#sizeBytes > this.#maxBytes && !this.#isSweeping) await this.#sweep();
  }

  async #sweep(): Promise<void> {
    this.#isSweeping = true;
    try {
      await this.#dropOldest();
    } finally {
      this.#isSweeping = false;
    }
  }

  async #dropOldest(): Promise<void> {
    const entries = (await this.#list()).toSorted((a, b) => a.usedAtMs - b.usedAtMs);
    this.#sizeBytes = entries.reduce((sum, entry) => sum + entry.sizeBytes, 0);
    for (const entry of entries) {
      // Down to 80 %, so that the next blob does not start it all over.
      if (this.#sizeBytes <= this.#maxBytes * 0.8) return;
      await rm(entry.path, { force: true });
      this.#sizeBytes -= entry.sizeBytes;
    }
  }

  async #list(): Promise<{ path: string; sizeBytes: number; usedAtMs: number }[]> {
    const names = await readdir(this.#folder, { recursive: true });
    const entries = await Promise.all(
      names.map(async (name) => {
        const path = join(this.#folder, name);
        const found = await stat(path).catch(() => undefined);
        return found?.isFile() ? [{ path, sizeBytes: found.size, usedAtMs: found.mtimeMs }] : [];
      }),
    );
    return entries.flat();
  }

  #path(sha256: string): string {
    return join(this.#folder, sha256.slice(0, 2), sha256.slice(2));
  }
}

async function copyIfThere(source: string, destination: string): Promise<boolean> {
  try {
    // A reflink where the file system can: then even a large file costs nothing until it is changed.
    await copyFile(source, destination, constants.COPYFILE_FICLONE);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
  const now = new Date();
  await utimes(source, now, now).catch(() => undefined);
  return true;
}
