-- How long was each ticket in each of its statuses, and how often?
--
-- One row per ticket and status. Seconds, all visits together; the current
-- status runs to the end of the clock, so that a ticket's rows add up to the
-- time since its first known status. A status that another one replaces in
-- the same second is a visit of 0 seconds.
select
    ticket_id,
    status,
    sum(seconds) as time_in_status_seconds,
    sum(ends_visit) as visits
from status_intervals
group by ticket_id, status
order by ticket_id, status;
