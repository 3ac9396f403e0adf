import { z } from 'zod';

import {
  batchIdOf,
  cancelReplySchema,
  executionIdSchema,
  executionListSchema,
  executionSchema,
  listExecutionsQuerySchema,
  logsQuerySchema,
  manifestSchema,
  retryReplySchema,
} from '@nexus/grid/contract';
import { AppError } from '@nexus/kit/errors';

import type { Api } from '../api.ts';
import { cancel, retry } from '../batches/commands.ts';
import type { BatchDeps } from '../batches/submit.ts';
import { closeSignal } from '../close-signal.ts';
import { followLogs } from '../logs/follow-logs.ts';
import { readManifest } from '../manifests/manifest-store.ts';
import { streamNdjson } from '../ndjson.ts';
import { getExecution, listExecutions } from './execution-reader.ts';

const params = z.object({ id: executionIdSchema });

export function registerExecutionRoutes(api: Api, deps: BatchDeps): void {
  const schema = { tags: ['executions'], params };
  api.get(
    '/executions',
    {
      schema: {
        tags: ['executions'],
        summary: 'Executions, the newest batch first, page by page',
        querystring: listExecutionsQuerySchema,
        response: { 200: executionListSchema },
      },
    },
    ({ caller, query }) =>
      listExecutions(deps.database, caller.accountId, {
        ...query,
        metadata: parseMetadata(query.metadata),
      }),
  );
  api.get(
    '/executions/:id',
    {
      schema: {
        ...schema,
        summary: 'An execution, and why it waits or how it ended',
        response: { 200: executionSchema },
      },
    },
    (request) => getExecution(deps.database, request.caller.accountId, request.params.id),
  );
  api.get(
    '/executions/:id/outputs',
    {
      schema: {
        ...schema,
        summary: 'The manifest of what it brought back',
        response: { 200: manifestSchema },
      },
    },
    async (request) => {
      const { outputs } = await getExecution(
        deps.database,
        request.caller.accountId,
        request.params.id,
      );
      return outputs ? readManifest(deps.blobs, outputs.manifestSha256) : { entries: [] };
    },
  );
  registerLogRoute(api, deps);
  registerExecutionCommands(api, deps);
}

function registerLogRoute(api: Api, deps: BatchDeps): void {
  const schema = { tags: ['executions'], params };
  api.get(
    '/executions/:id/logs',
    {
      schema: {
        ...schema,
        summary: 'What it printed, as lines of JSON',
        querystring: logsQuerySchema,
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { accountId } = request.caller;
      // Found out before the stream starts, so that a wrong id is a 404 and not an empty log.
      await getExecution(deps.database, accountId, id);
      await streamNdjson(
        reply,
        followLogs(deps, {
          accountId,
          executionId: id,
          query: request.query,
          signal: closeSignal(reply),
        }),
      );
    },
  );
}

function registerExecutionCommands(api: Api, deps: BatchDeps): void {
  const schema = { tags: ['executions'], params };
  api.post(
    '/executions/:id/cancel',
    { schema: { ...schema, summary: 'Cancel it', response: { 200: cancelReplySchema } } },
    (request) =>
      cancel(deps, request.caller.accountId, {
        batchId: batchIdOf(request.params.id),
        executionId: request.params.id,
      }),
  );
  api.post(
    '/executions/:id/retry',
    {
      schema: {
        ...schema,
        summary: 'Run it again, as a new execution',
        response: { 200: retryReplySchema },
      },
    },
    (request) => {
      const { id } = request.params;
      return retry(deps, request.caller.accountId, {
        batchId: batchIdOf(id),
        executionId: id,
        all: true,
      });
    },
  );
}

function parseMetadata(given: string | string[] | undefined): Record<string, string> {
  const pairs = typeof given === 'string' ? [given] : (given ?? []);
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1)
        throw new AppError(
          'invalid_request',
          `metadata is given as key=value, not ${JSON.stringify(pair)}`,
        );
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}
