-- What workers hold now.
select e.worker_id as "workerId", b.cpus, b.memory_bytes as "memoryBytes",
  extract(epoch from now() - coalesce(e.started_at, e.leased_at)) * 1000 as "elapsedMs",
  ((b.spec->'limits'->>'timeoutSeconds')::float8 * 1000)::bigint as "timeoutMs",
  (select percentile_cont(0.5) within group (order by wall_ms) from (
     select wall_ms from executions where batch_id = b.id and wall_ms is not null
     order by version desc limit 50) own)::bigint as "expectedMs"
from executions e join batches b on b.id = e.batch_id
where e.state in ('leased', 'running', 'publishing') and e.worker_id is not null
