-- Which open tickets are the oldest, and of how many?
--
-- One row per ticket, three at most, the oldest creation first, those whose
-- creation was not seen last; and how many are open, and of unknown age. Open:
-- the known status is neither Resolved nor Closed.
select
    m.ticket_id,
    c.as_of - m.created_at as age_seconds,
    count(*) over () as tickets,
    count(*) filter (where m.created_at is null) over () as of_unknown_age
from ticket_metrics as m
cross join clock as c
where
    m.is_resolved = 0
    and m.ticket_id in (select n.ticket_id from counted_tickets as n)
order by
    case when m.created_at is null then 2 else 1 end,
    m.created_at,
    m.ticket_id
limit 3;
