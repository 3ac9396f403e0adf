-- Lives of the servers whose bill is not split up: of all, or of $1. Servers the cloud never made cost nothing and have none.
select s.id, s.price_micros_per_hour as "priceMicrosPerHour", s.ipv4_micros_per_hour as "ipv4MicrosPerHour",
  coalesce(s.created_at, s.intended_at) as "createdAt", w.registered_at as "registeredAt",
  coalesce(s.deleted_at, s.gone_at) as "endedAt", s.gone_at as "goneAt", coalesce(w.slots, s.slots) as slots,
  coalesce(f.slot_ms, 0) as "otherSlotMs"
from servers s
cross join lateral (
  select min(registered_at) as registered_at, max(slots) as slots from workers where server_id = s.id) w
left join forgotten_attempts f on f.server_id = s.id
where ($1::text is null or s.id = $1)
  and (s.created_at is not null or w.registered_at is not null)
  and not exists (select 1 from server_bills b where b.server_id = s.id)
