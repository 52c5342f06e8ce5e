-- How much was worked while each ticket was in each of its statuses?
--
-- One row per visit; seconds. Null: there are no working hours.
-- Key: ticket_id, visit
select
    v.ticket_id,
    v.visit,
    v.status,
    e.worked_seconds - s.worked_seconds as business_seconds
from visits as v
left join worked_before as s on s.moment = v.started_at
left join worked_before as e on e.moment = v.ended_at;
