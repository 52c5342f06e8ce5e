-- Who has waited longest for a first response, and waits still?
--
-- One row per ticket, three at most, the longest wait first.
select
    ticket_id,
    waited_seconds
from waiting_tickets
order by waited_seconds desc, ticket_id
limit 3;
