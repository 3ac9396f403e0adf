import { z } from 'zod';

import {
  batchEventsQuerySchema,
  batchIdSchema,
  batchSchema,
  cancelReplySchema,
  executionListSchema,
  listExecutionsQuerySchema,
  retryReplySchema,
  retryRequestSchema,
  startReplySchema,
  submissionSchema,
  submitReplySchema,
} from '@nexus/grid/contract';

import type { Api } from '../api.ts';
import { closeSignal } from '../close-signal.ts';
import { listExecutions } from '../executions/execution-reader.ts';
import { streamNdjson } from '../ndjson.ts';
import { getBatch } from './batch-reader.ts';
import { cancel, retry } from './commands.ts';
import { followBatch } from './follow-batch.ts';
import { startBatch } from './start.ts';
import { submit, type BatchDeps } from './submit.ts';

/** 100,000 executions with their arguments and a project of 200,000 files fit. */
const MAX_SUBMISSION_BYTES = 128 << 20;

const params = z.object({ id: batchIdSchema });

export function registerBatchRoutes(api: Api, deps: BatchDeps): void {
  const schema = { tags: ['batches'], params };
  api.post(
    '/batches',
    {
      bodyLimit: MAX_SUBMISSION_BYTES,
      schema: {
        tags: ['batches'],
        summary: 'Submit executions as one batch, or attach to the same batch of before',
        body: submissionSchema,
        response: { 200: submitReplySchema },
      },
    },
    (request) => submit(deps, request.caller, request.body),
  );
  api.post(
    '/batches/:id/start',
    {
      schema: {
        ...schema,
        summary: 'Queue a batch once all its blobs are here',
        response: { 200: startReplySchema },
      },
    },
    (request) => startBatch(deps, request.caller.accountId, request.params.id),
  );
  registerBatchReaders(api, deps);
  registerBatchCommands(api, deps);
}

function registerBatchReaders(api: Api, deps: BatchDeps): void {
  const schema = { tags: ['batches'], params };
  api.get(
    '/batches/:id',
    { schema: { ...schema, summary: 'A batch and how far it is', response: { 200: batchSchema } } },
    (request) => getBatch(deps.database, request.caller.accountId, request.params.id),
  );
  api.get(
    '/batches/:id/executions',
    {
      schema: {
        ...schema,
        summary: 'The executions of a batch, page by page',
        querystring: listExecutionsQuerySchema.omit({ batch: true, metadata: true }),
        response: { 200: executionListSchema },
      },
    },
    async (request) => {
      const { accountId } = request.caller;
      const batch = await getBatch(deps.database, accountId, request.params.id);
      return listExecutions(deps.database, accountId, { ...request.query, batch: batch.id });
    },
  );
  api.get(
    '/batches/:id/events',
    {
      schema: {
        ...schema,
        summary: 'What changes in a batch, as lines of JSON',
        querystring: batchEventsQuerySchema,
      },
    },
    async (request, reply) => {
      const { accountId } = request.caller;
      const { after, follow } = request.query;
      // Found out before the stream starts, so that a wrong id is a 404.
      const { id } = await getBatch(deps.database, accountId, request.params.id);
      await streamNdjson(
        reply,
        followBatch(deps, {
          accountId,
          batchId: id,
          after,
          isFollowing: follow,
          signal: closeSignal(reply),
        }),
      );
    },
  );
}

function registerBatchCommands(api: Api, deps: BatchDeps): void {
  const schema = { tags: ['batches'], params };
  api.post(
    '/batches/:id/cancel',
    {
      schema: {
        ...schema,
        summary: 'Cancel what has not ended',
        response: { 200: cancelReplySchema },
      },
    },
    (request) => cancel(deps, request.caller.accountId, { batchId: request.params.id }),
  );
  api.post(
    '/batches/:id/retry',
    {
      schema: {
        ...schema,
        summary: 'Run again what failed, or all of it',
        body: retryRequestSchema,
        response: { 200: retryReplySchema },
      },
    },
    (request) =>
      retry(deps, request.caller.accountId, { batchId: request.params.id, all: request.body.all }),
  );
}
