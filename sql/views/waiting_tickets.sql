-- Which tickets wait for a first response, and for how long?
--
-- One row per ticket whose customer has asked, to which no agent has
-- responded, whose known status, if any, is neither Resolved nor Closed, and
-- that counts. Seconds from the asking, at the creation for most
-- tickets, to the end of the clock. Key: ticket_id
select
    m.ticket_id,
    c.as_of - m.asked_at as waited_seconds,
    m.current_status
from ticket_metrics as m
cross join clock as c
where
    m.asked_at is not null
    and m.time_to_first_response_seconds is null
    and coalesce(m.is_resolved, 0) = 0
    and m.ticket_id in (select n.ticket_id from counted_tickets as n);
