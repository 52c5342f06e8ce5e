-- Which tickets count in reports over many tickets?
--
-- One row per ticket that is not set aside and, where a report period is given,
-- was created in it; a ticket whose creation was not seen is in no period.
-- Key: ticket_id
select t.ticket_id
from tickets as t
cross join report_period as p
left join ticket_creations as c on c.ticket_id = t.ticket_id
left join set_aside_tickets as x on x.ticket_id = t.ticket_id
where
    x.ticket_id is null
    and (p.since_at is null or c.created_at >= p.since_at)
    and (p.until_at is null or c.created_at < p.until_at);
