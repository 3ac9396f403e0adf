-- Attempts of an account ($1) that ended from $2 to before $3. Work that was given back took nobody's time.
select a.execution_id, a.epoch, a.ended_at, a.cost_micros, e.batch_id, e.label, b.spec->>'script' as script,
  case when a.outcome = 'released' then 0 else extract(epoch from a.ended_at - a.leased_at) end as seconds,
  w.server_id is not null and not exists (select 1 from server_bills s where s.server_id = w.server_id) as is_provisional
from attempts a
join executions e on e.id = a.execution_id
join batches b on b.id = e.batch_id
left join workers w on w.id = a.worker_id
where e.account_id = $1 and a.ended_at >= $2 and a.ended_at < $3
