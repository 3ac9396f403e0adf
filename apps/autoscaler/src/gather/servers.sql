-- Servers in the books, with what their workers say of themselves.
select s.id, s.name, s.state, s.cloud_id::text as "cloudId", s.server_type as "serverType", s.location, s.architecture,
  coalesce(w.slots, s.slots) as slots, coalesce(w.cpus, s.cpus) as cpus,
  coalesce(w.memory_bytes, s.memory_bytes) as "memoryBytes", w.drivers,
  s.price_micros_per_hour as "priceMicrosPerHour", s.ipv4_micros_per_hour as "ipv4MicrosPerHour",
  s.intended_at as "intendedAt", s.created_at as "createdAt", s.active_at as "registeredAt",
  w.heartbeat_at as "lastHeartbeatAt",
  (select max(a.ended_at) from attempts a where a.worker_id = w.id) as "lastEndedAt",
  (select count(distinct a.execution_id) from workers every join attempts a on a.worker_id = every.id
   where every.server_id = s.id and a.outcome = 'lost') as "infraFailures",
  s.delete_tries as "deleteTries", s.delete_tried_at as "deleteTriedAt"
from servers s
left join lateral (
  select * from workers where server_id = s.id order by registered_at desc limit 1) w on true
where s.state <> 'gone'
order by s.intended_at, s.id
