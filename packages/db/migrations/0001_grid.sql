-- The grid: accounts and keys, blobs and manifests, batches and executions, workers and logs.
-- Each table is written by one folder of apps/orchestrator/src; the comment over it names the owner.

-- owner: accounts
create table accounts (
  id text primary key,
  name text not null unique,
  created_at timestamptz not null default now()
);

create table api_keys (
  id text primary key,
  account_id text not null references accounts,
  name text not null,
  secret_hash bytea not null,
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  revoked_at timestamptz
);
create unique index api_keys_live_name on api_keys (account_id, name) where revoked_at is null;

-- owner: blobs. A row is an account's right to read a blob; the bytes are in storage, once for all accounts.
create table blobs (
  account_id text not null references accounts,
  sha256 text not null,
  size_bytes bigint not null,
  created_at timestamptz not null default now(),
  -- Last time anyone was told "you need not send this": keeps the blob alive through the submit that follows.
  used_at timestamptz not null default now(),
  primary key (account_id, sha256)
);
create index blobs_by_sha256 on blobs (sha256);
create index blobs_by_use on blobs (used_at);

-- owner: manifests. The manifest itself is a blob; these rows say which blobs it needs.
create table manifests (
  account_id text not null references accounts,
  sha256 text not null,
  file_count integer not null,
  size_bytes bigint not null,
  created_at timestamptz not null default now(),
  -- As in blobs: keeps it alive through the transaction that is about to refer to it.
  used_at timestamptz not null default now(),
  primary key (account_id, sha256)
);
create index manifests_by_use on manifests (used_at);

create table manifest_blobs (
  account_id text not null,
  manifest_sha256 text not null,
  blob_sha256 text not null,
  primary key (account_id, manifest_sha256, blob_sha256),
  foreign key (account_id, manifest_sha256) references manifests (account_id, sha256) on delete cascade
);
create index manifest_blobs_by_blob on manifest_blobs (account_id, blob_sha256);

-- owner: workers
create table join_tokens (
  id text primary key,
  secret_hash bytea not null,
  is_reusable boolean not null default false,
  expires_at timestamptz not null,
  used_at timestamptz
);

create table workers (
  id text primary key,
  name text not null,
  secret_hash bytea not null,
  state text not null check (state in ('active', 'draining', 'gone')),
  slots integer not null,
  cpus double precision not null,
  memory_bytes bigint not null,
  drivers text[] not null,
  runtimes text[] not null,
  price_micros_per_hour bigint not null default 0,
  registered_at timestamptz not null default now(),
  heartbeat_at timestamptz not null default now()
);
create index workers_present on workers (heartbeat_at) where state <> 'gone';

create table environments (
  account_id text not null references accounts,
  key text not null,
  state text not null check (state in ('building', 'ready')),
  builder_id text,
  build_deadline timestamptz,
  blob_sha256 text,
  used_at timestamptz not null default now(),
  primary key (account_id, key)
);

-- owner: batches
create table batches (
  id text primary key,
  account_id text not null references accounts,
  key_id text not null references api_keys,
  spec jsonb not null,
  project_sha256 text not null,
  env_sealed text,
  masked text[] not null,
  metadata jsonb not null,
  retries integer not null,
  priority integer not null,
  -- How many of it may be on workers at once.
  parallel integer not null,
  cpus double precision not null,
  memory_bytes bigint not null,
  -- What a worker must offer, for example {driver:docker}.
  requires text[] not null,
  -- Hash over the identities of its executions; only batches that may be attached to have one.
  identity text,
  idempotency_key text,
  created_at timestamptz not null default now(),
  finished_at timestamptz,
  -- Executions in each state, those that were retried by hand left out. Kept by a trigger on executions.
  uploading integer not null default 0,
  queued integer not null default 0,
  leased integer not null default 0,
  running integer not null default 0,
  publishing integer not null default 0,
  succeeded integer not null default 0,
  failed integer not null default 0,
  timed_out integer not null default 0,
  out_of_memory integer not null default 0,
  cancelled integer not null default 0,
  lost integer not null default 0,
  active integer generated always as (leased + running + publishing) stored
);
-- The claim walks this: keys one by one, in each the most urgent and least served batches first.
create index batches_runnable on batches (key_id, priority desc, active, id)
  where queued > 0 and active < parallel;
create index batches_active on batches (key_id) where active > 0;
create index batches_by_account on batches (account_id, created_at desc, id);
create index batches_by_identity on batches (account_id, identity) where identity is not null;
create unique index batches_by_idempotency_key on batches (account_id, idempotency_key)
  where idempotency_key is not null;
create index batches_by_metadata on batches using gin (metadata jsonb_path_ops);
create index batches_by_finish on batches (finished_at) where finished_at is not null;

-- owner: queue. Whoever changes a state holds the row lock of its batch and takes the version under it,
-- so that versions of one batch are committed in order and a reader's cursor misses nothing.
create sequence execution_version;

create table executions (
  id text primary key,
  batch_id text not null references batches on delete cascade,
  account_id text not null,
  index integer not null,
  label text not null,
  args jsonb not null,
  input jsonb,
  identity text not null,
  state text not null check (state in ('uploading', 'queued', 'leased', 'running', 'publishing',
    'succeeded', 'failed', 'timed_out', 'out_of_memory', 'cancelled', 'lost')),
  version bigint not null,
  epoch integer not null default 0,
  -- Without a foreign key: workers are never deleted while something is theirs, and the check would cost every claim.
  worker_id text,
  lease_until timestamptz,
  cancel_requested_at timestamptz,
  times_lost integer not null default 0,
  retries_used integer not null default 0,
  exit_code integer,
  reason text,
  sandbox text,
  outputs_sha256 text,
  stdout_bytes bigint not null default 0,
  stderr_bytes bigint not null default 0,
  dropped_bytes bigint not null default 0,
  wall_ms bigint,
  cpu_ms bigint,
  max_memory_bytes bigint,
  cost_micros bigint not null default 0,
  reused_from text,
  retried_as text,
  created_at timestamptz not null default now(),
  queued_at timestamptz,
  leased_at timestamptz,
  started_at timestamptz,
  finished_at timestamptz
);
create index executions_queued on executions (batch_id, index) where state = 'queued';
-- Without lease_until in it: a heartbeat then changes no index.
create index executions_on_workers on executions (worker_id)
  where state in ('leased', 'running', 'publishing');
create index executions_by_batch on executions (batch_id, version);
create index executions_reusable on executions (account_id, identity) where state = 'succeeded';
create index executions_by_origin on executions (reused_from) where reused_from is not null;
create index executions_recent on executions (account_id, created_at desc, id);
-- Rows change state several times and then never again: room on the page keeps those updates local.
alter table executions set (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
alter table batches set (fillfactor = 50);

-- Every ended try of an execution on a worker. An execution that was published has exactly one with its outcome.
create table attempts (
  execution_id text not null references executions on delete cascade,
  epoch integer not null,
  worker_id text not null,
  leased_at timestamptz not null,
  started_at timestamptz,
  ended_at timestamptz not null,
  outcome text not null check (outcome in ('succeeded', 'failed', 'timed_out', 'out_of_memory',
    'cancelled', 'lost', 'released')),
  exit_code integer,
  reason text,
  cost_micros bigint not null,
  primary key (execution_id, epoch)
);

-- owner: logs
create table log_chunks (
  execution_id text not null references executions on delete cascade,
  epoch integer not null,
  sequence integer not null,
  stream text not null check (stream in ('stdout', 'stderr')),
  size_bytes integer not null,
  -- Small chunks are here, large ones in storage.
  data bytea,
  blob_sha256 text,
  primary key (execution_id, epoch, sequence),
  check ((data is null) <> (blob_sha256 is null))
);
create index log_chunks_by_blob on log_chunks (blob_sha256) where blob_sha256 is not null;

-- owner: batches. Blobs a batch needs beside its project: inputs, standard input.
create table batch_blobs (
  batch_id text not null references batches on delete cascade,
  account_id text not null,
  blob_sha256 text not null,
  primary key (batch_id, blob_sha256)
);
create index batch_blobs_by_blob on batch_blobs (account_id, blob_sha256);
create index batches_by_project on batches (account_id, project_sha256);
create index executions_by_outputs on executions (account_id, outputs_sha256) where outputs_sha256 is not null;

create function refuse_change_of_terminal_state() returns trigger language plpgsql as $$
begin
  raise exception 'execution % is % and stays so', old.id, old.state using errcode = 'check_violation';
end
$$;
create trigger terminal_states_are_final before update of state on executions for each row
  when (old.state in ('succeeded', 'failed', 'timed_out', 'out_of_memory', 'cancelled', 'lost')
    and new.state is distinct from old.state)
  execute function refuse_change_of_terminal_state();

-- One update per batch and statement, so that counting costs little in bulk.
create function count_states(batch text, uploading bigint, queued bigint, leased bigint, running bigint,
  publishing bigint, succeeded bigint, failed bigint, timed_out bigint, out_of_memory bigint,
  cancelled bigint, lost bigint) returns void language sql as $$
  update batches b set
    uploading = b.uploading + $2, queued = b.queued + $3, leased = b.leased + $4,
    running = b.running + $5, publishing = b.publishing + $6, succeeded = b.succeeded + $7,
    failed = b.failed + $8, timed_out = b.timed_out + $9, out_of_memory = b.out_of_memory + $10,
    cancelled = b.cancelled + $11, lost = b.lost + $12,
    finished_at = case
      when b.uploading + $2 + b.queued + $3 + b.active + $4 + $5 + $6 = 0 then now()
    end
  where b.id = $1
$$;

create function count_inserted_executions() returns trigger language plpgsql as $$
begin
  perform count_states(d.batch_id, d.uploading, d.queued, 0, 0, 0, d.succeeded, 0, 0, 0, 0, 0)
  from (
    select batch_id,
      count(*) filter (where state = 'uploading') as uploading,
      count(*) filter (where state = 'queued') as queued,
      count(*) filter (where state = 'succeeded') as succeeded
    from new_rows group by batch_id
  ) d;
  return null;
end
$$;
create trigger count_inserted after insert on executions
  referencing new table as new_rows for each statement execute function count_inserted_executions();

create function count_updated_executions() returns trigger language plpgsql as $$
begin
  perform count_states(d.batch_id, d.uploading, d.queued, d.leased, d.running, d.publishing, d.succeeded,
    d.failed, d.timed_out, d.out_of_memory, d.cancelled, d.lost)
  from (
    select batch_id,
      coalesce(sum(sign) filter (where state = 'uploading'), 0)::bigint as uploading,
      coalesce(sum(sign) filter (where state = 'queued'), 0)::bigint as queued,
      coalesce(sum(sign) filter (where state = 'leased'), 0)::bigint as leased,
      coalesce(sum(sign) filter (where state = 'running'), 0)::bigint as running,
      coalesce(sum(sign) filter (where state = 'publishing'), 0)::bigint as publishing,
      coalesce(sum(sign) filter (where state = 'succeeded'), 0)::bigint as succeeded,
      coalesce(sum(sign) filter (where state = 'failed'), 0)::bigint as failed,
      coalesce(sum(sign) filter (where state = 'timed_out'), 0)::bigint as timed_out,
      coalesce(sum(sign) filter (where state = 'out_of_memory'), 0)::bigint as out_of_memory,
      coalesce(sum(sign) filter (where state = 'cancelled'), 0)::bigint as cancelled,
      coalesce(sum(sign) filter (where state = 'lost'), 0)::bigint as lost
    from (
      select batch_id, state, 1 as sign from new_rows where retried_as is null
      union all
      select batch_id, state, -1 from old_rows where retried_as is null
    ) changes group by batch_id
  ) d
  where d.uploading <> 0 or d.queued <> 0 or d.leased <> 0 or d.running <> 0 or d.publishing <> 0
    or d.succeeded <> 0 or d.failed <> 0 or d.timed_out <> 0 or d.out_of_memory <> 0
    or d.cancelled <> 0 or d.lost <> 0;
  return null;
end
$$;
create trigger count_updated after update on executions
  referencing old table as old_rows new table as new_rows
  for each statement execute function count_updated_executions();
