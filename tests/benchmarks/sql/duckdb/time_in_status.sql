-- One row per ticket and status, time_in_status.csv.
select
    ticket_id,
    status,
    sum(seconds) as time_in_status_seconds,
    count(*) filter (begins_visit) as visits
from status_intervals
group by ticket_id, status
order by ticket_id, status
