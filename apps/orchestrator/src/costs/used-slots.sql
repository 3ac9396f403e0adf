-- Slot time so far, at $1, on each server whose bill is not split up: attempts that ended, and leases that have not.
select s.id, sum(greatest(0, extract(epoch from
    least(t.ended_at, s.gone_at, $1) - t.leased_at) * 1000))::float8 as "slotMs"
from servers s
join workers w on w.server_id = s.id
cross join lateral (
  select leased_at, ended_at from attempts where worker_id = w.id and outcome <> 'released'
  union all
  select leased_at, null from executions where worker_id = w.id and state in ('leased', 'running', 'publishing')) t
where not exists (select 1 from server_bills b where b.server_id = s.id)
group by s.id
