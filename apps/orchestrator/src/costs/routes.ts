import type { Database } from '@nexus/db';
import {
  costQuerySchema,
  costSchema,
  estimateQuerySchema,
  estimateSchema,
  executionCostListSchema,
  executionCostsQuerySchema,
} from '@nexus/grid/contract';

import type { Api } from '../api.ts';
import { listExecutionCosts, readCost } from './costs.ts';
import { readEstimate } from './estimates.ts';

const tags = ['costs'];

export function registerCostRoutes(api: Api, { database }: { database: Database }): void {
  api.get(
    '/cost',
    { schema: { tags, querystring: costQuerySchema, response: { 200: costSchema } } },
    (request) => readCost(database, request.caller.accountId, request.query),
  );
  api.get(
    '/cost/executions',
    {
      schema: {
        tags,
        querystring: executionCostsQuerySchema,
        response: { 200: executionCostListSchema },
      },
    },
    (request) => listExecutionCosts(database, request.caller.accountId, request.query),
  );
  api.get(
    '/estimate',
    { schema: { tags, querystring: estimateQuerySchema, response: { 200: estimateSchema } } },
    (request) => readEstimate(database, request.caller.accountId, request.query),
  );
}
