-- Before the batches in $1 are deleted: the slot time they took on servers whose bill is not split up yet, so that
-- it does not turn into idle time. Held, as a server whose bill is being split up is locked for update: what is
-- deleted is either seen there or noted here for it, never both and never neither.
with ended as (
  select w.server_id, a.ended_at - a.leased_at as slot_time
  from executions e join attempts a on a.execution_id = e.id join workers w on w.id = a.worker_id
  where e.batch_id = any($1) and a.outcome <> 'released' and w.server_id is not null
),
held as (
  select s.id from servers s
  where s.id in (select server_id from ended)
    and not exists (select 1 from server_bills b where b.server_id = s.id)
  order by s.id for key share of s
)
insert into forgotten_attempts as f (server_id, slot_ms)
select h.id, round(sum(extract(epoch from e.slot_time)) * 1000)
from ended e join held h on h.id = e.server_id
group by h.id
on conflict (server_id) do update set slot_ms = f.slot_ms + excluded.slot_ms
