-- Puts exact costs in the place of provisional ones: $1 executions, in the order of their ids as whoever locks
-- several of them takes them, $2 epochs, $3 costs, $4 what that is more than before.
with shares as (
  select * from unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[]) as s (execution_id, epoch, cost_micros, more)
),
of_attempts as (
  update attempts a set cost_micros = s.cost_micros from shares s
  where a.execution_id = s.execution_id and a.epoch = s.epoch
),
held as (
  select id from executions where id in (select execution_id from shares) order by id for no key update
)
update executions e set cost_micros = e.cost_micros + s.more
from held, (select execution_id, sum(more) as more from shares group by execution_id) s
where e.id = held.id and e.id = s.execution_id and s.more <> 0
