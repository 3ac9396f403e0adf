-- What workers hold now. The leases of a worker that its server has outlived are the server's until they expire.
select coalesce(w.server_id, e.worker_id) as "holder", b.cpus, b.memory_bytes as "memoryBytes",
  extract(epoch from now() - coalesce(e.started_at, e.leased_at)) * 1000 as "elapsedMs",
  ((b.spec->'limits'->>'timeoutSeconds')::float8 * 1000)::bigint as "timeoutMs",
  (select percentile_cont(0.5) within group (order by wall_ms) from (
     select wall_ms from executions where batch_id = b.id and wall_ms is not null
     order by version desc limit 50) own)::bigint as "expectedMs"
from executions e join batches b on b.id = e.batch_id join workers w on w.id = e.worker_id
where e.state in ('leased', 'running', 'publishing') and e.worker_id is not null
