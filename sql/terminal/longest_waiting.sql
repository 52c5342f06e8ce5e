-- Who has waited longest for a first response, and waits still?
--
-- One row per ticket, three at most, the longest wait first; and how many wait.
select
    ticket_id,
    waited_seconds,
    count(*) over () as tickets
from waiting_tickets
order by waited_seconds desc, ticket_id
limit 3;
