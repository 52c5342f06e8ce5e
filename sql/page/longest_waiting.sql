-- Which tickets have waited longest for a first response?
--
-- One row per ticket, ten at most, the longest wait first; and how many wait.
select
    w.ticket_id,
    w.waited_seconds,
    w.current_status,
    p.priority,
    p.group_name,
    p.agent_id,
    count(*) over () as tickets
from waiting_tickets as w
inner join ticket_properties as p on p.ticket_id = w.ticket_id
order by w.waited_seconds desc, w.ticket_id
limit 10;
