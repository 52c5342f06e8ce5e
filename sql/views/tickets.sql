-- Which tickets were ever seen?
--
-- One row per ticket, with the seconds of its first and last activity.
-- Key: ticket_id
select
    ticket_id,
    min(performed_at) as first_seen_at,
    max(performed_at) as last_seen_at
from activities
group by ticket_id;
