-- What waits, by batch, in the order it would be leased. $1: at most so many batches.
select b.id as key, b.cpus, b.memory_bytes as "memoryBytes", b.requires, b.queued as count,
  case when b.parallel < 100000 then b.parallel end as parallel, b.active,
  oldest.queued_at as "oldestQueuedAt", newest.queued_at as "newestQueuedAt",
  ((b.spec->'limits'->>'timeoutSeconds')::float8 * 1000)::bigint as "timeoutMs",
  coalesce(
    (select percentile_cont(0.5) within group (order by wall_ms) from (
       select wall_ms from executions where batch_id = b.id and wall_ms is not null
       order by version desc limit 50) own),
    (select percentile_cont(0.5) within group (order by wall_ms) from (
       select e.wall_ms from (
         select id from batches p where p.account_id = b.account_id and p.id <> b.id
           and p.spec->>'script' = b.spec->>'script' order by p.created_at desc limit 3) same
       cross join lateral (
         select wall_ms from executions where batch_id = same.id and wall_ms is not null
         order by version desc limit 20) e) alike)
  )::bigint as "expectedMs"
from batches b
cross join lateral (
  select queued_at from executions where batch_id = b.id and state = 'queued' order by index limit 1) oldest
cross join lateral (
  select queued_at from executions where batch_id = b.id and state = 'queued' order by index desc limit 1) newest
where b.queued > 0
order by b.priority desc, b.created_at, b.id
limit $1
