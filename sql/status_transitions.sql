-- Which status follows which, and after how long?
--
-- One row per step from one status to a different one that any ticket took:
-- how often, and the median of the seconds that the tickets had been in the
-- first one, since they came there last (nearest-rank). The status that a
-- ticket is in now is no step yet. Of several statuses in one second all but
-- the last are left after 0 seconds. Only tickets that count are in it.
select
    status as from_status,
    next_status as to_status,
    count(*) as transitions,
    percentile_disc(ended_at - started_at, 0.5) as median_time_before_seconds
from visits
where
    next_status is not null
    and ticket_id in (select ticket_id from counted_tickets)
group by status, next_status
order by status, next_status;
