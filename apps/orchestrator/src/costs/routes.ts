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
    {
      schema: {
        tags,
        summary: 'What executions and servers have cost, and the budget',
        querystring: costQuerySchema,
        response: { 200: costSchema },
      },
    },
    (request) => readCost(database, request.caller.accountId, request.query),
  );
  api.get(
    '/cost/executions',
    {
      schema: {
        tags,
        summary: 'What each execution has cost, page by page',
        querystring: executionCostsQuerySchema,
        response: { 200: executionCostListSchema },
      },
    },
    (request) => listExecutionCosts(database, request.caller.accountId, request.query),
  );
  api.get(
    '/estimate',
    {
      schema: {
        tags,
        summary: 'How long and how dear a batch would be',
        querystring: estimateQuerySchema,
        response: { 200: estimateSchema },
      },
    },
    (request) => readEstimate(database, request.caller.accountId, request.query),
  );
}
