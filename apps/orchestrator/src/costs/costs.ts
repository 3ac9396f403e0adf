import { loadSql, type Database, type Queryable } from '@nexus/db';
import type { Cost, ExecutionCostList } from '@nexus/grid/contract';

import { readBudget, readServerCosts } from './server-costs.ts';

const attempts = loadSql(import.meta.url, './account-attempts.sql');

const WEEK_MS = 7 * 24 * 3_600_000;

const sums = `count(distinct execution_id) as executions,
  coalesce(sum(seconds), 0)::float8 as "slotSeconds", coalesce(sum(cost_micros), 0) as "costMicros"`;

export interface AskedTime {
  since?: string | undefined;
  until?: string | undefined;
}

/** What an account's attempts took and cost in a time; every sum is over the same rows. Then what all servers did. */
export function readCost(database: Database, accountId: string, asked: AskedTime): Promise<Cost> {
  const now = new Date();
  const until = asked.until === undefined ? now : new Date(asked.until);
  const since =
    asked.since === undefined ? new Date(until.getTime() - WEEK_MS) : new Date(asked.since);
  return database.transaction(async (tx) => {
    // All of it as of one moment: a bill that is split up meanwhile is counted once.
    await tx.query('set transaction isolation level repeatable read read only');
    return {
      since: since.toISOString(),
      until: until.toISOString(),
      ...(await readSpent(tx, [accountId, since, until])),
      servers: await readServerCosts(tx, { since, until }, now),
      budget: await readBudget(tx),
    };
  });
}

type Spent = Omit<Cost, 'since' | 'until' | 'servers' | 'budget'>;

async function readSpent(tx: Queryable, values: readonly unknown[]): Promise<Spent> {
  const [totals] = await tx.query<{
    executions: number;
    slotSeconds: number;
    costMicros: number;
    provisionalMicros: number;
  }>(
    `select ${sums}, coalesce(sum(cost_micros) filter (where is_provisional), 0) as "provisionalMicros"
     from (${attempts}) t`,
    values,
  );
  const days = await tx.query<Cost['days'][number]>(
    `select to_char(ended_at at time zone 'UTC', 'YYYY-MM-DD') as day, ${sums} from (${attempts}) t group by 1 order by 1`,
    values,
  );
  const batches = await tx.query<Cost['batches'][number]>(
    `select batch_id as "batchId", min(script) as script, ${sums} from (${attempts}) t
     group by batch_id order by max(ended_at) desc`,
    values,
  );
  return {
    totalMicros: totals?.costMicros ?? 0,
    provisionalMicros: totals?.provisionalMicros ?? 0,
    slotSeconds: totals?.slotSeconds ?? 0,
    executions: totals?.executions ?? 0,
    days,
    batches,
  };
}

/** The same rows by execution, a page at a time. */
export async function listExecutionCosts(
  database: Database,
  accountId: string,
  asked: AskedTime & { batch?: string | undefined; cursor?: string | undefined; limit: number },
): Promise<ExecutionCostList> {
  const until = asked.until === undefined ? new Date() : new Date(asked.until);
  const sinceMs = asked.batch === undefined ? until.getTime() - WEEK_MS : 0;
  const since = asked.since === undefined ? new Date(sinceMs) : new Date(asked.since);
  const executions = await database.query<ExecutionCostList['executions'][number]>(
    `select execution_id as "executionId", min(label) as label, min(script) as script, count(*) as attempts,
       sum(seconds)::float8 as "slotSeconds", sum(cost_micros) as "costMicros",
       bool_or(is_provisional) as "isProvisional"
     from (${attempts}) t
     where ($4::text is null or batch_id = $4) and ($5::text is null or execution_id > $5)
     group by execution_id order by execution_id limit $6`,
    [accountId, since, until, asked.batch ?? null, asked.cursor ?? null, asked.limit],
  );
  const last = executions.length === asked.limit ? executions.at(-1) : undefined;
  return { executions, nextCursor: last?.executionId ?? null };
}
