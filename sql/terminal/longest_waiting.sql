-- Who has waited longest for a first response, and waits still?
--
-- One row per ticket, ten at most, the longest wait first.
select
    ticket_id,
    waited_seconds,
    current_status
from waiting_tickets
order by waited_seconds desc, ticket_id
limit 10;
