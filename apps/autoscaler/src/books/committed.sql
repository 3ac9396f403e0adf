-- What is billed or committed since $1 (the start of the month), in micro-euros: every started hour of every
-- server, the living included, and the first hour of every intent. An intent that came to nothing costs nothing; one whose worker
-- was heard of was a server, even if it went before the cloud could say when it was made.
select coalesce(sum(
  (price_micros_per_hour + ipv4_micros_per_hour)
  * (started_hours(born, coalesce(deleted_at, gone_at, $2)) - case when born < $1 then started_hours(born, $1) else 0 end)
), 0) as committed
from (
  select *, coalesce(created_at, intended_at) as born from servers
  where gone_at is null or (coalesce(created_at, active_at) is not null and coalesce(deleted_at, gone_at) >= $1)
) living
