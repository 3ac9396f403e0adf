-- A server that is gone for good and whose bill is not split up, locked. One that is still named by a lease
-- waits: its attempts are not over. No new one can appear, as claims hold the row of a server that is not gone.
select s.id from servers s
where s.state = 'gone' and s.gone_at is not null
  and (s.created_at is not null or exists (select 1 from workers w where w.server_id = s.id))
  and not exists (select 1 from server_bills b where b.server_id = s.id)
  and not exists (
    select 1 from workers w join executions e on e.worker_id = w.id
    where w.server_id = s.id and e.state in ('leased', 'running', 'publishing'))
order by s.gone_at
limit 1
for update of s skip locked
