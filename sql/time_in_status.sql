-- How long was each ticket in each of its statuses, and how often?
--
-- One row per ticket and status. Seconds, all visits together; the current
-- status runs to the end of the clock, so that a ticket's rows add up to the
-- time since its first known status. A status that another one replaces in
-- the same second is a visit of 0 seconds. In the order of the statuses' names.
select
    i.ticket_id,
    min(s.status) as status,
    sum(i.ended_at - i.started_at) as time_in_status_seconds,
    count(*) filter (
        where
            i.next_status_number is null
            or i.next_status_number <> i.status_number
    ) as visits
from status_intervals as i
inner join distinct_statuses as s on s.status_number = i.status_number
group by i.ticket_id, i.status_number
order by i.ticket_id, i.status_number;
