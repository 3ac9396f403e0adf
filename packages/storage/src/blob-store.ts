import type { Readable } from 'node:stream';

/** One unfinished upload: an account sends the bytes of one hash. */
export interface UploadId {
  owner: string;
  sha256: string;
}

export type AppendResult =
  | { kind: 'complete' }
  /** More bytes are due from here on. */
  | { kind: 'partial'; offset: number }
  /** Nothing was taken: the upload stands elsewhere (after a cut, or someone else sends it too). */
  | { kind: 'offset_mismatch'; offset: number }
  /** All bytes are here and they are not what the name says; they were dropped. */
  | { kind: 'digest_mismatch' };

export interface AppendRequest {
  /** Where in the blob the body begins. */
  offset: number;
  /** Of the whole blob. */
  sizeBytes: number;
  body: Readable;
}

export interface ByteRange {
  start: number;
  /** Inclusive. */
  end: number;
}

/**
 * Bytes named by their SHA-256. Whatever can be opened here was checked against its name when it
 * came in and is durable; a blob never changes, so every operation may be repeated.
 */
export interface BlobStore {
  /** Takes bytes that fit in memory; returns their name. */
  put(bytes: Uint8Array): Promise<string>;
  uploadedBytes(upload: UploadId): Promise<number>;
  /** Streams a part of a blob in, in constant memory. What arrives before a cut is kept. */
  append(upload: UploadId, request: AppendRequest): Promise<AppendResult>;
  /** Undefined if it is not here. */
  sizeOf(sha256: string): Promise<number | undefined>;
  /** Throws AppError not_found if it is not here. */
  open(sha256: string, range?: ByteRange): Promise<Readable>;
  read(sha256: string): Promise<Buffer>;
  /** True if it was there and came before `cameBefore`. Callers make sure that nobody needs it. */
  delete(sha256: string, cameBefore: Date): Promise<boolean>;
  /** The names of all blobs, some at a time, in any order. One that comes or goes meanwhile may be named or not. */
  list(): AsyncIterable<string[]>;
  /** Drops uploads that nobody went on with since `before`. */
  sweepUploads(before: Date): Promise<number>;
}
