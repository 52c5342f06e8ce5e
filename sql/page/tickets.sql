-- How long did each ticket that counts take, or how long has it been waiting?
--
-- One row per ticket that counts. Age: from when its customer asked, at the
-- creation for most tickets, to the end of the clock, in seconds. Week: that of
-- the creation, Monday 00:00 in seconds of local time.
select
    p.ticket_id,
    p.priority,
    m.created_at,
    w.week,
    c.as_of - m.asked_at as age_seconds,
    m.time_to_first_response_seconds,
    m.time_till_resolution_seconds
from counted_tickets as k
cross join clock as c
inner join ticket_metrics as m on m.ticket_id = k.ticket_id
inner join ticket_properties as p on p.ticket_id = k.ticket_id
left join creation_weeks as w on w.ticket_id = k.ticket_id;
