-- The grid grows and shrinks: rented servers in the books, what a plan said, what a server cost.

-- owner: apps/autoscaler. A row is there before the server is: intended -> booting -> active <-> draining
-- -> deleting -> gone. What a worker says of itself (registered, heard from, busy) is in workers and executions.
create table servers (
  id text primary key,
  -- Unique in the cloud project, made from the id: a create that is sent twice makes one server.
  name text not null unique,
  state text not null default 'intended'
    check (state in ('intended', 'booting', 'active', 'draining', 'deleting', 'gone')),
  server_type text not null,
  location text not null,
  architecture text not null check (architecture in ('x86', 'arm')),
  cpus double precision not null,
  memory_bytes bigint not null,
  slots integer not null,
  -- As the price list said when it was made; net, in micro-euros.
  price_micros_per_hour bigint not null,
  ipv4_micros_per_hour bigint not null,
  -- The oldest execution it was made for: from here on people wait.
  queued_since timestamptz,
  intended_at timestamptz not null default now(),
  -- SHA-256 of the secret its worker joins with, once, until then.
  join_secret_hash bytea not null,
  join_until timestamptz not null,
  cloud_id bigint unique,
  -- By the cloud's clock: hours are counted from here.
  created_at timestamptz,
  running_at timestamptz,
  active_at timestamptz,
  -- Why it is in its state, for people.
  reason text not null,
  delete_tries integer not null default 0,
  delete_tried_at timestamptz,
  -- The cloud's action that deletes it, which knows when that was done.
  delete_action_id bigint,
  -- By the cloud's clock: hours are counted to here. Null: it never said, gone_at is the latest.
  deleted_at timestamptz,
  gone_at timestamptz,
  check ((cloud_id is null) = (created_at is null)),
  check (state <> 'booting' or cloud_id is not null)
);
create index servers_living on servers (state) where state <> 'gone';
create index servers_by_end on servers (gone_at) where state = 'gone';

create function refuse_server_move() returns trigger language plpgsql as $$
begin
  raise exception 'server % may not go from % to %', old.id, old.state, new.state using errcode = 'check_violation';
end
$$;
create trigger server_moves before update of state on servers for each row
  when (old.state is distinct from new.state and not (case old.state
    when 'intended' then new.state in ('booting', 'active', 'deleting', 'gone')
    when 'booting' then new.state in ('active', 'deleting', 'gone')
    when 'active' then new.state in ('draining', 'deleting', 'gone')
    when 'draining' then new.state in ('active', 'deleting', 'gone')
    when 'deleting' then new.state = 'gone'
    else false end))
  execute function refuse_server_move();

-- owner: apps/autoscaler. One row: what it remembers between two plans, and what the last one said.
create table scaling (
  is_only boolean primary key default true check (is_only),
  -- What the cloud refused lately: RefusalMemory of packages/grid.
  refusals jsonb not null default '{"cells": [], "account": null}',
  planned_at timestamptz,
  -- By batch: why it waits and until when.
  outlooks jsonb not null default '[]',
  notices jsonb not null default '[]',
  budget jsonb,
  -- What could be ordered, and at what price: ServerMarket of packages/grid.
  market jsonb
);
insert into scaling default values;

-- owner: workers
alter table workers add column server_id text references servers;
-- A server has one worker: this is what makes its join token good for once.
create unique index workers_of_servers on workers (server_id) where state <> 'gone' and server_id is not null;
create index workers_by_server on workers (server_id) where server_id is not null;

-- owner: costs. A server that is gone, its bill split up for good.
create table server_bills (
  server_id text primary key references servers on delete cascade,
  total_micros bigint not null,
  executions_micros bigint not null,
  boot_micros bigint not null,
  idle_micros bigint not null,
  ipv4_micros bigint not null,
  settled_at timestamptz not null default now(),
  check (total_micros = executions_micros + boot_micros + idle_micros + ipv4_micros)
);

-- owner: retention. Slot time of attempts that were deleted before the bill of their server was split up.
create table forgotten_attempts (
  server_id text primary key references servers on delete cascade,
  slot_ms bigint not null
);

-- owner: queue
create index attempts_by_worker on attempts (worker_id, ended_at);

-- The cloud bills every started hour in full, from the creation; existing at all costs one.
create function started_hours(born timestamptz, until timestamptz) returns bigint language sql immutable as $$
  select greatest(1, ceil(extract(epoch from until - born) / 3600))::bigint
$$;

-- Until when the hour that is running is paid.
create function paid_until(born timestamptz, at timestamptz) returns timestamptz language sql immutable as $$
  select born + started_hours(born, at) * interval '1 hour'
$$;

-- owner: batches. What has been queued for longer is cancelled; null: it waits for as long as it takes.
alter table batches add column max_wait interval;
create index batches_impatient on batches (id) where max_wait is not null and queued > 0;
