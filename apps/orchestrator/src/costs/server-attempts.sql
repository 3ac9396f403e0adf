-- What ran on server $1, and for how long before we knew that it was gone. What was given back unstarted took nobody's time.
select a.execution_id as "executionId", a.epoch, a.cost_micros as "costMicros",
  greatest(0, extract(epoch from least(a.ended_at, s.gone_at) - a.leased_at) * 1000)::float8 as "slotMs"
from servers s join workers w on w.server_id = s.id join attempts a on a.worker_id = w.id
where s.id = $1 and a.outcome <> 'released'
order by a.execution_id, a.epoch
