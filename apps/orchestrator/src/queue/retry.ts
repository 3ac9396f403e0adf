import type { Queryable } from '@nexus/db';

/**
 * Runs ended executions again, in their batch: each gets a successor, `<batch>-<index>-<n>`, and stays
 * as it ended itself. The caller holds the batch locks. Ids not ended or retried already are passed over.
 */
export async function retryExecutions(
  tx: Queryable,
  ids: readonly string[],
  state: 'queued' | 'uploading',
): Promise<string[]> {
  if (ids.length === 0) return [];
  const created = await tx.query<{ id: string; previous: string }>(
    `with ended as (
       select e.*, e.batch_id || '-' || e.index || '-' ||
         (coalesce(substring(e.id from '-\\d+-(\\d+)$')::int, 1) + 1) as successor
       from executions e
       where e.id = any($1) and e.retried_as is null
         and e.state in ('succeeded', 'failed', 'timed_out', 'out_of_memory', 'cancelled', 'lost')
     ), marked as (
       update executions e set retried_as = ended.successor, version = nextval('execution_version')
       from ended where e.id = ended.id returning e.id
     )
     insert into executions (id, batch_id, account_id, index, label, args, input, identity, state, version, queued_at)
     select ended.successor, ended.batch_id, ended.account_id, ended.index, ended.label, ended.args, ended.input,
       ended.identity, $2, nextval('execution_version'), case when $2 = 'queued' then now() end
     from ended join marked on marked.id = ended.id
     returning id`,
    [ids, state],
  );
  return created.map((row) => row.id);
}
