-- Which tickets wait for a first response, and for how long?
--
-- One row per ticket whose creation was seen, to which no agent has responded,
-- and whose known status, if any, is neither Resolved nor Closed. Seconds from
-- the creation to the end of the clock. Key: ticket_id
select
    m.ticket_id,
    c.as_of - m.created_at as waited_seconds,
    m.current_status
from ticket_metrics as m
cross join clock as c
where
    m.created_at is not null
    and m.time_to_first_response_seconds is null
    and coalesce(m.is_resolved, 0) = 0;
