import { hash } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

import { retryDelayMs, type RetryPolicy } from '@nexus/kit/retry';

import { inLanes } from '../lanes.ts';
import type { BlobSource } from '../project/pack.ts';
import { changed, readRange, type FileRange } from '../project/read-range.ts';
import { asUploadReply } from './checks.ts';
import { ApiError, mayRetry } from './failures.ts';
import type { GridApi } from './grid-api.ts';
import { readText } from './http-transport.ts';
import { REQUEST_RETRIES } from './retry-requests.ts';

export interface UploadProgress {
  onBytes(count: number): void;
}

export interface UploadRequest {
  sources: ReadonlyMap<string, BlobSource>;
  missing: readonly string[];
  progress?: UploadProgress | undefined;
  policy?: RetryPolicy;
  signal?: AbortSignal | undefined;
}

/** Below this a file is read and sent whole: it can be checked before it leaves. */
const SMALL_BYTES = 1 << 20;
const LANES = 6;

/** Sends every missing blob from where it lies on disk. */
export async function uploadBlobs(api: GridApi, request: UploadRequest): Promise<void> {
  await inLanes(request.missing, LANES, async (sha256) => {
    const source = request.sources.get(sha256);
    // The platform asks only for what the manifests named, and all of that has a source.
    if (!source) throw new Error(`the platform asks for a blob that nobody named: ${sha256}`);
    await new BlobUpload({ api, sha256, source, request }).run();
  });
}

class BlobUpload {
  readonly #api: GridApi;
  readonly #sha256: string;
  readonly #source: BlobSource;
  readonly #request: UploadRequest;
  #offset = 0;
  /** Bytes that the progress was told of. */
  #told = 0;
  #complete = false;

  constructor(job: { api: GridApi; sha256: string; source: BlobSource; request: UploadRequest }) {
    this.#api = job.api;
    this.#sha256 = job.sha256;
    this.#source = job.source;
    this.#request = job.request;
  }

  async run(): Promise<void> {
    const policy = this.#request.policy ?? REQUEST_RETRIES;
    let attempt = 1;
    while (!(await this.#isDone())) {
      const before = this.#offset;
      try {
        await this.#sendRest();
      } catch (error) {
        this.#request.signal?.throwIfAborted();
        if (this.#isAdjusted(error)) continue;
        if (!mayRetry(error, true) || attempt >= policy.attempts) throw error;
        await sleep(retryDelayMs(policy, attempt, Math.random()), undefined, this.#sleepOptions());
        await this.#askOffset();
        // Tries are counted since the last progress: a large file over a poor line needs many.
        attempt = this.#offset > before ? 1 : attempt + 1;
      }
    }
  }

  async #isDone(): Promise<boolean> {
    // Only what takes long can have been begun by an earlier command.
    if (!this.#complete && this.#offset === 0 && this.#source.sizeBytes > 8 * SMALL_BYTES)
      await this.#askOffset();
    return this.#complete;
  }

  async #sendRest(): Promise<void> {
    const { sizeBytes } = this.#source;
    const body = await this.#bodyFrom(this.#offset);
    const response = await this.#api.send({
      method: 'PUT',
      path: `/blobs/${this.#sha256}?offset=${this.#offset}&size=${sizeBytes}`,
      headers: { 'content-type': 'application/octet-stream' },
      body,
      signal: this.#request.signal,
    });
    const reply = asUploadReply(JSON.parse(await readText(response)));
    this.#moveTo(reply.offset);
    this.#complete = reply.isComplete;
  }

  async #bodyFrom(offset: number) {
    const { path, sizeBytes, start = 0 } = this.#source;
    if (sizeBytes <= SMALL_BYTES) {
      const bytes = await readWhole({ path, start, sizeBytes });
      if (hash('sha256', bytes) !== this.#sha256) throw changed(path);
      return bytes.subarray(offset);
    }
    const range = { path, start: start + offset, sizeBytes: sizeBytes - offset };
    const stream = Readable.from(this.#countedPieces(range), { objectMode: false });
    return { stream, sizeBytes: range.sizeBytes };
  }

  async *#countedPieces(range: FileRange): AsyncGenerator<Buffer> {
    for await (const piece of readRange(range)) {
      yield piece;
      this.#tell(piece.length);
    }
  }

  /** Answers that say how to go on, rather than that something failed. */
  #isAdjusted(error: unknown): boolean {
    if (!(error instanceof ApiError)) return false;
    if (error.code === 'digest_mismatch') throw changed(this.#source.path);
    const offset = error.details['offset'];
    if (
      error.code !== 'upload_offset_mismatch' ||
      typeof offset !== 'number' ||
      offset === this.#offset
    )
      return false;
    this.#moveTo(offset);
    return true;
  }

  async #askOffset(): Promise<void> {
    try {
      const response = await this.#api.send({
        method: 'HEAD',
        path: `/blobs/${this.#sha256}`,
        signal: this.#request.signal,
      });
      response.resume();
      this.#moveTo(Number(response.headers['upload-offset'] ?? 0));
      this.#complete = response.headers['upload-complete'] === 'true';
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) this.#moveTo(0);
      else if (!mayRetry(error, true)) throw error;
    }
  }

  #moveTo(offset: number): void {
    this.#offset = offset;
    // What was on its way when a connection broke did not arrive.
    this.#tell(offset - this.#told);
  }

  #tell(count: number): void {
    this.#told += count;
    this.#request.progress?.onBytes(count);
  }

  #sleepOptions() {
    return this.#request.signal ? { signal: this.#request.signal } : {};
  }
}

async function readWhole(range: FileRange): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of readRange(range)) pieces.push(piece);
  return Buffer.concat(pieces);
}
