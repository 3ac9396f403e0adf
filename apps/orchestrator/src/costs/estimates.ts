import type { Database } from '@nexus/db';
import { estimateBatch } from '@nexus/grid';
import type { Estimate } from '@nexus/grid/contract';

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
    workers,
    server: null,
  });
}
