import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';

import {
  missingBlobsReplySchema,
  missingBlobsRequestSchema,
  sha256Schema,
  uploadQuerySchema,
  uploadReplySchema,
} from '@nexus/grid/contract';
import { AppError } from '@nexus/kit/errors';

import type { Api } from '../api.ts';
import { listMissing } from './blob-index.ts';
import {
  receiveBlob,
  sendBlob,
  uploadStatus,
  type BlobDeps,
  type BlobDownload,
  type UploadStatus,
} from './blob-transfer.ts';

const paramsSchema = z.object({ sha256: sha256Schema });

/** Throws AppError unsupported_media_type for a body that is missing or that another parser has taken. */
export function streamOf(body: unknown): Readable {
  if (body instanceof Readable) return body;
  throw new AppError(
    'unsupported_media_type',
    'send the bytes of the blob as application/octet-stream',
  );
}

/** Raw bodies reach the handler as a stream; nothing of a blob is ever held whole. */
export function acceptStreams(api: Api): void {
  api.addContentTypeParser('application/octet-stream', (_request, payload, done) =>
    done(null, payload),
  );
}

export async function registerBlobRoutes(api: Api, deps: BlobDeps): Promise<void> {
  api.post(
    '/blobs/missing',
    {
      bodyLimit: 64 << 20,
      schema: {
        tags: ['blobs'],
        summary: 'Which of these blobs this account has still to send',
        body: missingBlobsRequestSchema,
        response: { 200: missingBlobsReplySchema },
      },
    },
    async (request) => {
      const names = request.body.blobs.map((blob) => blob.sha256);
      return { missing: await listMissing(deps.database, request.caller.accountId, names) };
    },
  );
  await api.register(async (scope: Api) => registerUpload(scope, deps));
  registerDownload(api, deps);
}

/** A scope of its own, in which nothing but a stream is taken: another parser would hold all of a blob. */
function registerUpload(scope: Api, deps: BlobDeps): void {
  scope.removeAllContentTypeParsers();
  acceptStreams(scope);
  scope.put(
    '/blobs/:sha256',
    {
      bodyLimit: Number.MAX_SAFE_INTEGER,
      schema: {
        tags: ['blobs'],
        summary: 'Send a blob, or go on where an upload stands',
        consumes: ['application/octet-stream'],
        params: paramsSchema,
        querystring: uploadQuerySchema,
        response: { 200: uploadReplySchema },
      },
    },
    (request) =>
      receiveBlob(deps, {
        accountId: request.caller.accountId,
        sha256: request.params.sha256,
        offset: request.query.offset,
        sizeBytes: request.query.size,
        body: streamOf(request.body),
      }),
  );
}

function registerDownload(api: Api, deps: BlobDeps): void {
  api.head(
    '/blobs/:sha256',
    { schema: { params: paramsSchema, hide: true } },
    async (request, reply) =>
      replyUploadStatus(
        reply,
        await uploadStatus(deps, request.caller.accountId, request.params.sha256),
      ),
  );
  api.get(
    '/blobs/:sha256',
    {
      exposeHeadRoute: false,
      schema: {
        tags: ['blobs'],
        summary: 'The bytes of a blob, or a range of them',
        params: paramsSchema,
      },
    },
    async (request, reply) =>
      replyBlob(
        reply,
        await sendBlob(deps, {
          accountId: request.caller.accountId,
          sha256: request.params.sha256,
          range: request.headers.range,
        }),
      ),
  );
}

export function replyUploadStatus(reply: FastifyReply, status: UploadStatus): FastifyReply {
  return reply
    .header('upload-offset', status.offset)
    .header('upload-complete', String(status.isComplete))
    .send();
}

export function replyBlob(reply: FastifyReply, download: BlobDownload): FastifyReply {
  const { range, sizeBytes } = download;
  reply
    .code(download.status)
    .header('content-type', 'application/octet-stream')
    .header('accept-ranges', 'bytes');
  if (range) reply.header('content-range', `bytes ${range.start}-${range.end}/${sizeBytes}`);
  reply.header('content-length', range ? range.end - range.start + 1 : sizeBytes);
  return reply.send(download.body);
}
