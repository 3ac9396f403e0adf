-- Which of the batches in $2 the worker on server $1 should leave to another server: its paid hour ends before
-- one of them would, and there is room on a server that is paid for longer. Not for ever: what has waited for
-- some seconds is taken by whoever comes.
with own as (
  select paid_until(created_at, now()) as until from servers where id = $1 and created_at is not null
)
select b.id
from own
cross join unnest($2::text[]) as wanted (id)
join batches b on b.id = wanted.id
cross join lateral (
  select percentile_cont(0.5) within group (order by wall_ms) as ms from (
    select wall_ms from executions where batch_id = b.id and wall_ms is not null order by version desc limit 50) latest
) expected
cross join lateral (
  select queued_at from executions where batch_id = b.id and state = 'queued' order by index limit 1
) first
where own.until < now() + expected.ms * interval '1 millisecond'
  and first.queued_at > now() - interval '5 seconds'
  and exists (
    select 1 from servers s join workers w on w.server_id = s.id
    where s.state = 'active' and s.id <> $1 and w.state = 'active' and w.heartbeat_at > now() - interval '10 seconds'
      and w.cpus >= b.cpus and w.memory_bytes >= b.memory_bytes
      and paid_until(s.created_at, now()) > own.until
      and (select count(*) from executions e where e.worker_id = w.id and e.state in ('leased', 'running', 'publishing'))
        < w.slots
  )
