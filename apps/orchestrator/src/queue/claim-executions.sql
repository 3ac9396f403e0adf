-- Leases queued executions of the batches in $1, at most $2[i] from batch $1[i], to worker $3 for $4 ms.
-- The batches are locked by the caller, so `parallel` holds; the counters are read under that lock.
with picked as (
  select e.id
  from unnest($1::text[], $2::int[]) as w (batch_id, wanted)
  join batches b on b.id = w.batch_id
  cross join lateral (
    select id from executions
    where batch_id = w.batch_id and state = 'queued'
      -- What this very server has just failed is for another one to try first.
      and (times_lost = 0 or not exists (
        select 1 from attempts a join workers w on w.id = a.worker_id
        where a.execution_id = executions.id and a.worker_id = $3 and w.server_id is not null
          and a.outcome = 'lost' and a.ended_at > now() - interval '20 seconds'))
    order by index
    limit greatest(0, least(w.wanted, b.parallel - b.active))
    for update skip locked
  ) e
)
update executions e set
  state = 'leased', worker_id = $3, epoch = e.epoch + 1, leased_at = now(), started_at = null,
  lease_until = now() + $4 * interval '1 millisecond', version = nextval('execution_version')
from picked where e.id = picked.id
returning e.id as "executionId", e.epoch, e.batch_id as "batchId", e.args, e.input
