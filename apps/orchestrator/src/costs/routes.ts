import type { Database } from '@nexus/db';
import {
  costQuerySchema,
  costSchema,
  estimateQuerySchema,
  estimateSchema,
} from '@nexus/grid/contract';

import type { Api } from '../api.ts';
import { readCost } from './costs.ts';
import { readEstimate } from './estimates.ts';

export function registerCostRoutes(api: Api, deps: { database: Database }): void {
  api.get(
    '/cost',
    { schema: { tags: ['costs'], querystring: costQuerySchema, response: { 200: costSchema } } },
    (request) => readCost(deps.database, request.caller.accountId, request.query),
  );
  api.get(
    '/estimate',
    {
      schema: {
        tags: ['costs'],
        querystring: estimateQuerySchema,
        response: { 200: estimateSchema },
      },
    },
    (request) => readEstimate(deps.database, request.caller.accountId, request.query),
  );
}
