import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { AppError, systemErrorCode } from '@nexus/kit/errors';
import { HashingStream, sha256, sha256OfFile } from '@nexus/kit/hash';

import type { AppendRequest, AppendResult, BlobStore, ByteRange, UploadId } from './blob-store.ts';

/** Blobs in a folder: `blobs/ab/cdef…` when complete, `uploads/…` until then. Same file system for both. */
export class FolderBlobStore implements BlobStore {
  readonly #blobs: string;
  readonly #uploads: string;
  /** Uploads under way in this process: a second sender of the same bytes waits its turn. */
  readonly #busy = new Map<string, Promise<unknown>>();

  private constructor(folder: string) {
    this.#blobs = join(folder, 'blobs');
    this.#uploads = join(folder, 'uploads');
  }

  static async open(folder: string): Promise<FolderBlobStore> {
    const store = new FolderBlobStore(folder);
    await mkdir(store.#uploads, { recursive: true, mode: 0o700 });
    // All 256 up front: a mkdir per blob would cost more than writing a small one.
    await Promise.all(
      Array.from({ length: 256 }, (_, byte) =>
        mkdir(join(store.#blobs, byte.toString(16).padStart(2, '0')), {
          recursive: true,
          mode: 0o700,
        }),
      ),
    );
    return store;
  }

  async put(bytes: Uint8Array): Promise<string> {
    const name = sha256(bytes);
    if ((await this.sizeOf(name)) === undefined) await this.#writeWhole(name, bytes);
    return name;
  }

  async uploadedBytes(upload: UploadId): Promise<number> {
    return (await sizeOfFile(this.#partPath(upload))) ?? 0;
  }

  async append(upload: UploadId, request: AppendRequest): Promise<AppendResult> {
    const key = this.#partPath(upload);
    while (this.#busy.has(key)) await this.#busy.get(key)?.catch(() => undefined);
    const work = this.#appendAlone(upload, request);
    this.#busy.set(key, work);
    try {
      return await work;
    } catch (error) {
      throw systemErrorCode(error) === 'ENOSPC'
        ? new AppError('disk_full', undefined, { cause: error })
        : error;
    } finally {
      this.#busy.delete(key);
    }
  }

  async sizeOf(name: string): Promise<number | undefined> {
    return sizeOfFile(this.#blobPath(name));
  }

  async open(name: string, range?: ByteRange): Promise<Readable> {
    const handle = await open(this.#blobPath(name), 'r').catch((error: unknown) => {
      throw notFound(name, error);
    });
    return handle.createReadStream({ ...range, highWaterMark: 1 << 18 });
  }

  async read(name: string): Promise<Buffer> {
    return readFile(this.#blobPath(name)).catch((error: unknown) => {
      throw notFound(name, error);
    });
  }

  async delete(name: string, cameBefore: Date): Promise<boolean> {
    try {
      if ((await stat(this.#blobPath(name))).mtime >= cameBefore) return false;
      await unlink(this.#blobPath(name));
      return true;
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return false;
      throw error;
    }
  }

  async *list(): AsyncGenerator<string[]> {
    for (const folder of await readdir(this.#blobs)) {
      const names = await readdir(join(this.#blobs, folder));
      if (names.length > 0) yield names.map((name) => folder + name);
    }
  }

  async sweepUploads(before: Date): Promise<number> {
    let swept = 0;
    for (const name of await readdir(this.#uploads)) {
      const path = join(this.#uploads, name);
      const found = await stat(path).catch(() => undefined);
      if (!found || found.mtime >= before) continue;
      await rm(path, { force: true });
      swept += 1;
    }
    return swept;
  }

  async #appendAlone(upload: UploadId, request: AppendRequest): Promise<AppendResult> {
    const part = this.#partPath(upload);
    const held = (await sizeOfFile(part)) ?? 0;
    if (held !== request.offset) return { kind: 'offset_mismatch', offset: held };
    if (held === 0 && request.sizeBytes <= WHOLE_IN_MEMORY_BYTES)
      return this.#takeWhole(upload, request);
    const hashing = new HashingStream();
    await this.#streamIn(part, request, hashing);
    const offset = request.offset + hashing.sizeBytes;
    if (offset < request.sizeBytes) return { kind: 'partial', offset };
    // A resumed upload is read once more from the beginning: the hash of its first part is not kept.
    const digest = request.offset === 0 ? hashing.digest() : await sha256OfFile(part);
    if (digest !== upload.sha256 || offset !== request.sizeBytes) {
      await rm(part, { force: true });
      return { kind: 'digest_mismatch' };
    }
    await this.#publish(part, upload.sha256);
    return { kind: 'complete' };
  }

  async #streamIn(part: string, request: AppendRequest, hashing: HashingStream): Promise<void> {
    const handle = await open(part, 'a', 0o600);
    const dueBytes = request.sizeBytes - request.offset;
    try {
      await pipeline(request.body, hashing, async (chunks: AsyncIterable<Buffer>) => {
        // More than was announced is read, so that the sender hears the answer, but fills no disk.
        for await (const chunk of chunks)
          if (hashing.sizeBytes <= dueBytes) await handle.appendFile(chunk);
      }).catch((error: unknown) => {
        // A sender that went away mid-way: what came is kept, and it goes on from there.
        if (
          systemErrorCode(error) !== 'ECONNRESET' &&
          systemErrorCode(error) !== 'ERR_STREAM_PREMATURE_CLOSE'
        )
          throw error;
      });
      await handle.datasync();
    } finally {
      await handle.close();
    }
  }

  async #takeWhole(upload: UploadId, request: AppendRequest): Promise<AppendResult> {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    for await (const chunk of request.body as AsyncIterable<Buffer>) {
      sizeBytes += chunk.length;
      // More than was announced is read, too: what is left of it would stand before the sender's next request.
      if (sizeBytes <= request.sizeBytes) chunks.push(chunk);
    }
    if (sizeBytes > request.sizeBytes) return { kind: 'digest_mismatch' };
    const bytes = Buffer.concat(chunks);
    if (sizeBytes < request.sizeBytes) return { kind: 'partial', offset: 0 };
    if (sha256(bytes) !== upload.sha256) return { kind: 'digest_mismatch' };
    if ((await this.sizeOf(upload.sha256)) === undefined)
      await this.#writeWhole(upload.sha256, bytes);
    return { kind: 'complete' };
  }

  async #writeWhole(name: string, bytes: Uint8Array): Promise<void> {
    const temporary = join(this.#uploads, `${randomBytes(8).toString('hex')}.tmp`);
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(bytes);
      // Durable before anyone is told that it is here.
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await this.#publish(temporary, name);
  }

  /** The folder is synced, too: else the name could be gone after a power cut, and the database know of it. */
  async #publish(path: string, name: string): Promise<void> {
    const destination = this.#blobPath(name);
    await rename(path, destination);
    const folder = await open(dirname(destination), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  #blobPath(name: string): string {
    return join(this.#blobs, name.slice(0, 2), name.slice(2));
  }

  #partPath(upload: UploadId): string {
    return join(this.#uploads, `${upload.owner}-${upload.sha256}.part`);
  }
}

const WHOLE_IN_MEMORY_BYTES = 1 << 20;

async function sizeOfFile(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function notFound(name: string, error: unknown): unknown {
  if (systemErrorCode(error) !== 'ENOENT') return error;
  return new AppError('not_found', `blob ${name} is not in storage`, { cause: error });
}
