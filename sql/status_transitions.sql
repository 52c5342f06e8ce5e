-- Which status follows which, and after what time?
--
-- One row per step from one status to a different one that any ticket took:
-- how often, and the median of the seconds that the tickets had been in the
-- first one, since they came there last (nearest rank: the smallest value that
-- half of the values do not exceed). What a ticket is in now is no step yet.
-- Of several statuses in one second all but the last are left after 0 seconds.
with visits as (
    select
        i.status as from_status,
        i.next_status as to_status,
        i.ended_at - coalesce(
            lag(i.ended_at) over (
                partition by i.ticket_id
                order by i.ended_at, i.started_at
            ),
            t.first_status_at
        ) as seconds_before
    from status_intervals as i
    inner join ticket_statuses as t on t.ticket_id = i.ticket_id
    where i.next_status is not null and i.ends_visit = 1
),

ranked as (
    select
        from_status,
        to_status,
        seconds_before,
        row_number() over (
            partition by from_status, to_status
            order by seconds_before
        ) as rank,
        count(*) over (partition by from_status, to_status) as transitions
    from visits
)

select
    from_status,
    to_status,
    count(*) as transitions,
    min(case when rank * 2 >= transitions then seconds_before end)
        as median_time_before_seconds
from ranked
group by from_status, to_status
order by from_status, to_status;
