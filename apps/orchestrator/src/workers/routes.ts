import { z } from 'zod';

import {
  claimEnvironmentReplySchema,
  environmentKeySchema,
  epochSchema,
  exchangeReplySchema,
  exchangeRequestSchema,
  executionIdSchema,
  heartbeatReplySchema,
  heartbeatRequestSchema,
  leaseRefSchema,
  missingBlobsReplySchema,
  missingBlobsRequestSchema,
  publishEnvironmentRequestSchema,
  registerReplySchema,
  registerRequestSchema,
  sha256Schema,
  uploadQuerySchema,
  uploadReplySchema,
} from '@nexus/grid/contract';

import type { Api } from '../api.ts';
import { listMissing } from '../blobs/blob-index.ts';
import { receiveBlob, sendBlob, uploadStatus } from '../blobs/blob-transfer.ts';
import { acceptStreams, replyBlob, replyUploadStatus, streamOf } from '../blobs/routes.ts';
import { closeSignal } from '../close-signal.ts';
import { expireLeases } from '../queue/expire-leases.ts';
import { accountOfLease, claimEnvironment, finishEnvironment } from './environments.ts';
import { exchange } from './exchange.ts';
import { heartbeat } from './heartbeat.ts';
import type { WorkerDeps } from './worker-deps.ts';

const MAX_EXCHANGE_BYTES = 64 << 20;
const okSchema = z.object({ ok: z.literal(true) });
const leaseQuery = { execution: executionIdSchema, epoch: z.coerce.number().pipe(epochSchema) };
const blobParams = z.object({ sha256: sha256Schema });

/** Outside of the worker scope: who calls has no worker token yet. */
export function registerJoinRoute(api: Api, deps: WorkerDeps): void {
  api.post(
    '/worker/register',
    {
      schema: {
        tags: ['worker'],
        body: registerRequestSchema,
        response: { 200: registerReplySchema },
      },
    },
    async (request) => {
      const { id, token } = await deps.registry.register(request.body);
      if (request.body.previousToken !== undefined)
        await takeOver(deps, request.body.previousToken);
      deps.signals.notify('queue');
      return {
        workerId: id,
        workerToken: token,
        heartbeatMs: Math.min(2000, Math.round(deps.leaseMs / 6)),
        leaseMs: deps.leaseMs,
      };
    },
  );
}

async function takeOver(deps: WorkerDeps, previousToken: string): Promise<void> {
  await deps.registry.retire(previousToken);
  const batchIds = await expireLeases(deps.database, {
    maxTimesLost: deps.maxTimesLost,
    isCertain: true,
  });
  deps.signals.notify(...batchIds.map((id) => `batch:${id}` as const));
}

export function registerWorkerRoutes(api: Api, deps: WorkerDeps): void {
  acceptStreams(api);
  api.post(
    '/exchange',
    {
      bodyLimit: MAX_EXCHANGE_BYTES,
      schema: {
        tags: ['worker'],
        body: exchangeRequestSchema,
        response: { 200: exchangeReplySchema },
      },
    },
    (request, reply) =>
      exchange(deps, request.worker, { request: request.body, signal: closeSignal(reply) }),
  );
  api.post(
    '/heartbeat',
    {
      schema: {
        tags: ['worker'],
        body: heartbeatRequestSchema,
        response: { 200: heartbeatReplySchema },
      },
    },
    (request) => heartbeat(deps, request.worker, request.body.leases),
  );
  api.post(
    '/leave',
    { schema: { tags: ['worker'], response: { 200: okSchema } } },
    async (request) => {
      await deps.registry.leave(request.worker.id);
      return { ok: true as const };
    },
  );
  registerEnvironmentRoutes(api, deps);
  registerWorkerBlobRoutes(api, deps);
}

function registerEnvironmentRoutes(api: Api, deps: WorkerDeps): void {
  const params = z.object({ key: environmentKeySchema });
  api.post(
    '/environments/:key/claim',
    {
      schema: {
        tags: ['worker'],
        params,
        body: leaseRefSchema,
        response: { 200: claimEnvironmentReplySchema },
      },
    },
    async (request) => {
      const accountId = await accountOfLease(deps.database, request.worker.id, request.body);
      return claimEnvironment(deps.database, {
        accountId,
        key: request.params.key,
        workerId: request.worker.id,
      });
    },
  );
  api.post(
    '/environments/:key/publish',
    {
      schema: {
        tags: ['worker'],
        params,
        body: publishEnvironmentRequestSchema,
        response: { 200: okSchema },
      },
    },
    async (request) => {
      const { result, ...lease } = request.body;
      const accountId = await accountOfLease(deps.database, request.worker.id, lease);
      await finishEnvironment(deps.database, {
        accountId,
        key: request.params.key,
        workerId: request.worker.id,
        result,
      });
      return { ok: true as const };
    },
  );
}

function accountOf(
  deps: WorkerDeps,
  workerId: string,
  { execution, epoch }: { execution: string; epoch: number },
): Promise<string> {
  return accountOfLease(deps.database, workerId, { executionId: execution, epoch });
}

// A worker reads and writes blobs of one account at a time: that of an execution it holds now.
function registerWorkerBlobRoutes(api: Api, deps: WorkerDeps): void {
  const querystring = z.object(leaseQuery);
  api.post(
    '/blobs/missing',
    {
      bodyLimit: MAX_EXCHANGE_BYTES,
      schema: {
        tags: ['worker'],
        querystring,
        body: missingBlobsRequestSchema,
        response: { 200: missingBlobsReplySchema },
      },
    },
    async (request) => {
      const accountId = await accountOf(deps, request.worker.id, request.query);
      const names = request.body.blobs.map((blob) => blob.sha256);
      return { missing: await listMissing(deps.database, accountId, names) };
    },
  );
  api.put(
    '/blobs/:sha256',
    {
      bodyLimit: Number.MAX_SAFE_INTEGER,
      schema: {
        tags: ['worker'],
        params: blobParams,
        querystring: uploadQuerySchema.extend(leaseQuery),
        response: { 200: uploadReplySchema },
      },
    },
    async (request) => {
      const accountId = await accountOf(deps, request.worker.id, request.query);
      const { offset, size } = request.query;
      const body = streamOf(request.body);
      return receiveBlob(deps, {
        accountId,
        sha256: request.params.sha256,
        offset,
        sizeBytes: size,
        body,
      });
    },
  );
  registerWorkerDownloads(api, deps);
}

function registerWorkerDownloads(api: Api, deps: WorkerDeps): void {
  const querystring = z.object(leaseQuery);
  api.head(
    '/blobs/:sha256',
    { schema: { params: blobParams, querystring, hide: true } },
    async (request, reply) => {
      const accountId = await accountOf(deps, request.worker.id, request.query);
      return replyUploadStatus(reply, await uploadStatus(deps, accountId, request.params.sha256));
    },
  );
  api.get(
    '/blobs/:sha256',
    { exposeHeadRoute: false, schema: { tags: ['worker'], params: blobParams, querystring } },
    async (request, reply) => {
      const accountId = await accountOf(deps, request.worker.id, request.query);
      const { range } = request.headers;
      return replyBlob(
        reply,
        await sendBlob(deps, { accountId, sha256: request.params.sha256, range }),
      );
    },
  );
}
