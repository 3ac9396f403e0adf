-- Applies decided changes ($1: a JSON array) and records the attempts that end with them.
with c as (
  select * from jsonb_to_recordset($1::jsonb) as c (
    id text, state text, started_ms_ago int, sandbox text, exit_code int, reason text, outputs_sha256 text,
    stdout_bytes bigint, stderr_bytes bigint, dropped_bytes bigint, wall_ms bigint, cpu_ms bigint,
    max_memory_bytes bigint, retries_used int, times_lost int,
    outcome text, attempt_exit_code int, attempt_reason text, cost_micros bigint)
),
changed as (
  update executions e set
    state = c.state,
    version = nextval('execution_version'),
    sandbox = coalesce(c.sandbox, e.sandbox),
    started_at = case
      when e.started_at is null and c.started_ms_ago is not null
      then greatest(e.leased_at, now() - c.started_ms_ago * interval '1 millisecond')
      else e.started_at
    end,
    finished_at = case when c.outcome is not null and c.state <> 'queued' then now() end,
    queued_at = case when c.state = 'queued' then now() else e.queued_at end,
    lease_until = case when c.outcome is null then e.lease_until end,
    exit_code = coalesce(c.exit_code, e.exit_code),
    reason = case when c.state = 'queued' then null else coalesce(c.reason, e.reason) end,
    outputs_sha256 = coalesce(c.outputs_sha256, e.outputs_sha256),
    stdout_bytes = coalesce(c.stdout_bytes, e.stdout_bytes),
    stderr_bytes = coalesce(c.stderr_bytes, e.stderr_bytes),
    dropped_bytes = coalesce(c.dropped_bytes, e.dropped_bytes),
    wall_ms = coalesce(c.wall_ms, e.wall_ms),
    cpu_ms = coalesce(c.cpu_ms, e.cpu_ms),
    max_memory_bytes = coalesce(c.max_memory_bytes, e.max_memory_bytes),
    retries_used = coalesce(c.retries_used, e.retries_used),
    times_lost = coalesce(c.times_lost, e.times_lost),
    cost_micros = e.cost_micros + c.cost_micros
  from c where e.id = c.id
  returning e.id, e.epoch, e.worker_id, e.leased_at, e.started_at, c.outcome, c.attempt_exit_code,
    c.attempt_reason, c.cost_micros
)
insert into attempts (execution_id, epoch, worker_id, leased_at, started_at, ended_at, outcome, exit_code, reason, cost_micros)
select id, epoch, worker_id, leased_at, started_at, now(), outcome, attempt_exit_code, attempt_reason, cost_micros
from changed where outcome is not null
