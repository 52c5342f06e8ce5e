-- How long was each ticket in each of its statuses, and how often?
--
-- One row per ticket and status. Seconds, all visits together; the current
-- status runs to the end of the clock, so that a ticket's rows add up to the
-- time since its first known status. A status that another one replaces in
-- the same second is a visit of 0 seconds. In the order of the statuses' names.
select
    ticket_id,
    status,
    sum(ended_at - started_at) as time_in_status_seconds,
    count(*) as visits
from visits
group by ticket_id, status
order by ticket_id, status;
