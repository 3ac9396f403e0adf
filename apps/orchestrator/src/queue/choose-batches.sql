-- Batches this worker should draw from now, with how many from each: the more urgent first, then the
-- key with the fewest executions on workers, then its batch with the fewest.
-- $1 slots, $2 cpus, $3 memory in bytes: free on the worker; $4 what the worker offers; $5 cpus, $6 memory: all it has
-- $7 the worker; one that drains or is gone gets nothing.
with recursive keys (key_id) as (
  -- A jump per key over the partial index, instead of a walk over all runnable batches.
  (select key_id from batches where queued > 0 and active < parallel order by key_id limit 1)
  union all
  select (
    select b.key_id from batches b
    where b.queued > 0 and b.active < b.parallel and b.key_id > keys.key_id
    order by b.key_id limit 1
  )
  from keys where keys.key_id is not null
),
served (key_id, active) as (
  select key_id, sum(active) from batches where active > 0 group by key_id
),
candidates as (
  select b.id, b.key_id, b.priority, b.active, b.cpus, b.memory_bytes,
    least(b.queued, b.parallel - b.active, $1) as room
  from keys
  cross join lateral (
    select * from batches b
    where b.key_id = keys.key_id and b.queued > 0 and b.active < b.parallel
      and b.cpus <= $5 and b.memory_bytes <= $6 and b.requires <@ $4
    order by b.priority desc, b.active, b.id
    limit $1
  ) b
  where keys.key_id is not null and exists (select 1 from workers where id = $7 and state = 'active')
),
seats as (
  select c.*, seat,
    row_number() over (partition by c.key_id order by c.priority desc, c.active + seat, c.id) as seat_of_key
  from candidates c cross join lateral generate_series(1, c.room) as seat
),
ranked as (
  select s.*, row_number() over (
    order by s.priority desc, coalesce(v.active, 0) + s.seat_of_key, s.key_id, s.id, s.seat) as place
  from seats s left join served v on v.key_id = s.key_id
),
-- What fits side by side. The first that does not fit ends it: small ones must not pass a large one for ever.
fitting as (
  select r.*, sum(r.cpus) over w as cpus_taken, sum(r.memory_bytes) over w as memory_taken
  from ranked r where r.place <= $1
  window w as (order by r.place)
)
select id, count(*)::int as wanted from fitting
-- The hair: 0.9 and 0.1 of a processor fit on one, though not in binary.
where cpus_taken <= $2 + 1e-6 and memory_taken <= $3
group by id
