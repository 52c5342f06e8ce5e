-- How much was worked while each ticket was in each of its statuses?
--
-- One row per ticket and status. Seconds, all visits together; the current
-- status runs to the end of the clock, so that a ticket's rows add up to what
-- was worked since its first known status. In the order of the statuses' names.
select
    ticket_id,
    status,
    sum(business_seconds) as time_in_status_business_seconds
from business_visits
group by ticket_id, status
order by ticket_id, status;
