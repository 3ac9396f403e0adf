import type { Database } from '@nexus/db';
import type { Cost } from '@nexus/grid/contract';

const WEEK_MS = 7 * 24 * 3_600_000;

/** What an account's attempts took and cost in a time; every sum is over the same rows. */
export async function readCost(
  database: Database,
  accountId: string,
  range: { since?: string | undefined; until?: string | undefined },
): Promise<Cost> {
  const until = range.until === undefined ? new Date() : new Date(range.until);
  const since =
    range.since === undefined ? new Date(until.getTime() - WEEK_MS) : new Date(range.since);
  const values = [accountId, since, until];
  const attempts = `
    select a.*, e.batch_id, b.spec->>'script' as script,
      case when a.outcome = 'released' then 0 else extract(epoch from a.ended_at - a.leased_at) end as seconds
    from attempts a join executions e on e.id = a.execution_id join batches b on b.id = e.batch_id
    where e.account_id = $1 and a.ended_at >= $2 and a.ended_at < $3`;
  const sums = `count(distinct execution_id) as executions,
    coalesce(sum(seconds), 0)::float8 as "slotSeconds", coalesce(sum(cost_micros), 0) as "costMicros"`;
  const [totals] = await database.query<{
    executions: number;
    slotSeconds: number;
    costMicros: number;
  }>(`select ${sums} from (${attempts}) t`, values);
  const days = await database.query<Cost['days'][number]>(
    `select to_char(ended_at at time zone 'UTC', 'YYYY-MM-DD') as day, ${sums} from (${attempts}) t group by 1 order by 1`,
    values,
  );
  const batches = await database.query<Cost['batches'][number]>(
    `select batch_id as "batchId", min(script) as script, ${sums} from (${attempts}) t
     group by batch_id order by max(ended_at) desc`,
    values,
  );
  return {
    since: since.toISOString(),
    until: until.toISOString(),
    totalMicros: totals?.costMicros ?? 0,
    slotSeconds: totals?.slotSeconds ?? 0,
    executions: totals?.executions ?? 0,
    days,
    batches,
  };
}
