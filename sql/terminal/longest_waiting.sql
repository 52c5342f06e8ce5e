-- Who has waited longest for a first response, and waits still?
--
-- One row per ticket, ten at most, the longest wait first: its creation was
-- seen, no agent has responded, and its known status, if any, is neither
-- Resolved nor Closed. Seconds from the creation to the end of the clock.
select
    m.ticket_id,
    c.as_of - n.created_at as waited_seconds,
    m.current_status
from ticket_metrics as m
inner join ticket_creations as n on n.ticket_id = m.ticket_id
cross join clock as c
where
    m.time_to_first_response_seconds is null
    and coalesce(m.is_resolved, 0) = 0
order by n.created_at, m.ticket_id
limit 10;
