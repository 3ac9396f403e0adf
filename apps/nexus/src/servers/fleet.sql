-- Rented servers as the books have them, the newest first: those that live, and with $1 all.
select s.id, s.name, s.cloud_id as "cloudId", s.server_type as "serverType", s.location, s.state, s.reason,
  s.queued_since as "queuedAt", s.intended_at as "intendedAt", s.created_at as "createdAt",
  s.running_at as "runningAt", w.registered_at as "registeredAt",
  least(
    (select min(a.started_at) from workers k join attempts a on a.worker_id = k.id where k.server_id = s.id),
    (select min(e.started_at) from workers k join executions e on e.worker_id = k.id
     where k.server_id = s.id and e.state in ('running', 'publishing'))) as "firstStartAt",
  coalesce(s.deleted_at, s.gone_at) as "endedAt", coalesce(w.slots, s.slots) as slots,
  (select count(*) from workers k join executions e on e.worker_id = k.id
   where k.server_id = s.id and e.state in ('leased', 'running', 'publishing')) as busy,
  s.price_micros_per_hour as "priceMicrosPerHour", s.ipv4_micros_per_hour as "ipv4MicrosPerHour"
from servers s
cross join lateral (
  select min(registered_at) as registered_at, max(slots) as slots from workers where server_id = s.id) w
where $1 or s.state <> 'gone'
order by s.intended_at desc, s.id
