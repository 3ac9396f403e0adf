import type { IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { z } from 'zod';

import {
  claimEnvironmentReplySchema,
  exchangeReplySchema,
  heartbeatReplySchema,
  missingBlobsReplySchema,
  registerReplySchema,
  uploadReplySchema,
  type ClaimEnvironmentReply,
  type ExchangeReply,
  type ExchangeRequest,
  type HeartbeatReply,
  type LeaseRef,
  type RegisterReply,
  type RegisterRequest,
  type UploadReply,
} from '@nexus/grid/contract';

import { createHttp, type Http, type HttpCall } from './http.ts';

const CALL_TIMEOUT_MS = 30_000;

export interface BlobRef {
  sha256: string;
  sizeBytes: number;
}

export type PublishedEnvironment = ({ state: 'ready' } & BlobRef) | { state: 'failed' };

/** Everything a worker says to the control plane. Each call is one request; retrying is the caller's. */
export class GridClient {
  readonly #http: Http;
  #token: string | undefined;

  constructor(base: string) {
    this.#http = createHttp(base);
  }

  async register(request: RegisterRequest): Promise<RegisterReply> {
    const reply = await this.#post('/api/v1/worker/register', request, {
      schema: registerReplySchema,
    });
    this.#token = reply.workerToken;
    return reply;
  }

  exchange(request: ExchangeRequest, signal?: AbortSignal): Promise<ExchangeReply> {
    const timeoutMs = CALL_TIMEOUT_MS + (request.waitMs ?? 0);
    return this.#post('/api/v1/worker/exchange', request, {
      schema: exchangeReplySchema,
      signal,
      timeoutMs,
    });
  }

  heartbeat(leases: readonly LeaseRef[]): Promise<HeartbeatReply> {
    return this.#post(
      '/api/v1/worker/heartbeat',
      { leases },
      { schema: heartbeatReplySchema, timeoutMs: 10_000 },
    );
  }

  async leave(): Promise<void> {
    await this.#post('/api/v1/worker/leave', {}, { schema: z.unknown(), timeoutMs: 2000 });
  }

  async listMissing(lease: LeaseRef, blobs: readonly BlobRef[]): Promise<Set<string>> {
    const path = `/api/v1/worker/blobs/missing?${leaseQuery(lease)}`;
    const { missing } = await this.#post(path, { blobs }, { schema: missingBlobsReplySchema });
    return new Set(missing);
  }

  async upload(
    lease: LeaseRef,
    part: BlobRef & { offset: number; body: Readable | Buffer },
  ): Promise<UploadReply> {
    const path = `/api/v1/worker/blobs/${part.sha256}?${leaseQuery(lease)}&offset=${part.offset}&size=${part.sizeBytes}`;
    const headers = { 'content-type': 'application/octet-stream' };
    const response = await this.#call({ method: 'PUT', path, body: part.body, headers });
    return readJson(response, uploadReplySchema);
  }

  /** The blob from byte `start` on. */
  download(lease: LeaseRef, sha256: string, start: number): Promise<Readable> {
    const headers: Record<string, string> = start > 0 ? { range: `bytes=${start}-` } : {};
    return this.#call({
      method: 'GET',
      path: `/api/v1/worker/blobs/${sha256}?${leaseQuery(lease)}`,
      headers,
    });
  }

  claimEnvironment(lease: LeaseRef, key: string): Promise<ClaimEnvironmentReply> {
    return this.#post(`/api/v1/worker/environments/${key}/claim`, lease, {
      schema: claimEnvironmentReplySchema,
    });
  }

  async publishEnvironment(
    lease: LeaseRef,
    key: string,
    result: PublishedEnvironment,
  ): Promise<void> {
    await this.#post(
      `/api/v1/worker/environments/${key}/publish`,
      { ...lease, result },
      { schema: z.unknown() },
    );
  }

  close(): void {
    this.#http.close();
  }

  async #post<T>(
    path: string,
    body: unknown,
    {
      schema,
      ...options
    }: { schema: z.ZodType<T>; signal?: AbortSignal | undefined; timeoutMs?: number },
  ): Promise<T> {
    const headers = { 'content-type': 'application/json' };
    return readJson(
      await this.#call({
        method: 'POST',
        path,
        body: Buffer.from(JSON.stringify(body)),
        headers,
        ...options,
      }),
      schema,
    );
  }

  #call(
    call: Omit<HttpCall, 'token' | 'timeoutMs'> & { timeoutMs?: number },
  ): Promise<IncomingMessage> {
    return this.#http.send({ timeoutMs: CALL_TIMEOUT_MS, ...call, token: this.#token });
  }
}

function leaseQuery(lease: LeaseRef): string {
  return `execution=${lease.executionId}&epoch=${lease.epoch}`;
}

async function readJson<T>(response: IncomingMessage, schema: z.ZodType<T>): Promise<T> {
  return schema.parse(JSON.parse((await buffer(response)).toString('utf8')));
}
