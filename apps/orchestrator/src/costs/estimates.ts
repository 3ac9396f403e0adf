import type { Database } from '@nexus/db';
import {
  estimateBatch,
  serverForEstimate,
  type BudgetOutlook,
  type EstimateServer,
  type ServerMarket,
} from '@nexus/grid';
import { DEFAULT_LIMITS, type Estimate } from '@nexus/grid/contract';

import { listWorkers } from '../workers/worker-registry.ts';

/** Nothing like it has run: a minute, and `samples: 0` says that it is a guess. */
const UNKNOWN_MS = 60_000;
const SAMPLES = 200;

export async function readEstimate(
  database: Database,
  accountId: string,
  wanted: { script: string; executions: number },
): Promise<Estimate> {
  const [history] = await database.query<{
    samples: number;
    medianMs: number | null;
    p90Ms: number | null;
  }>(
    `select count(*) as samples,
       percentile_cont(0.5) within group (order by wall_ms)::bigint as "medianMs",
       percentile_cont(0.9) within group (order by wall_ms)::bigint as "p90Ms"
     from (
       select e.wall_ms from executions e join batches b on b.id = e.batch_id
       where e.account_id = $1 and b.spec->>'script' = $2 and e.state = 'succeeded' and e.wall_ms is not null
       order by e.finished_at desc limit $3
     ) t`,
    [accountId, wanted.script, SAMPLES],
  );
  const workers = await listWorkers(database);
  return estimateBatch({
    executions: wanted.executions,
    samples: history?.samples ?? 0,
    medianMs: history?.medianMs ?? UNKNOWN_MS,
    p90Ms: history?.p90Ms ?? UNKNOWN_MS,
    workers: workers.filter(({ state }) => state === 'active'),
    server: await findServer(database, accountId, wanted.script),
  });
}

interface Ask {
  cpus: number;
  memoryBytes: number;
  requires: string[];
}

/** A daemon plans every few seconds: longer ago, and none is there to order servers. */
const PLANNED_WITHIN = '5 minutes';

/** What would be ordered for executions that ask for what the script asked for last; null: nothing would. */
async function findServer(
  database: Database,
  accountId: string,
  script: string,
): Promise<EstimateServer | null> {
  const [plan] = await database.query<{
    market: ServerMarket | null;
    budget: BudgetOutlook | null;
    livingServers: number;
  }>(
    `select market, budget, (select count(*) from servers where state <> 'gone') as "livingServers"
     from scaling where planned_at > now() - $1::interval`,
    [PLANNED_WITHIN],
  );
  if (!plan?.market || !plan.budget) return null;
  const [last] = await database.query<Ask>(
    `select cpus, memory_bytes as "memoryBytes", requires from batches
     where account_id = $1 and spec->>'script' = $2 order by created_at desc limit 1`,
    [accountId, script],
  );
  const { cpus, memoryBytes } = DEFAULT_LIMITS;
  return serverForEstimate(plan.market, last ?? { cpus, memoryBytes, requires: [] }, {
    livingServers: plan.livingServers,
    budget: plan.budget,
  });
}
