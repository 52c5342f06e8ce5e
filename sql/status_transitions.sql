-- Which status follows which, and after what time?
--
-- One row per step from one status to a different one that any ticket took:
-- how often, and the median of the seconds that the tickets had been in the
-- first one, since they came there last (nearest rank: the smallest value that
-- half of the values do not exceed). What a ticket is in now is no step yet.
-- Of several statuses in one second all but the last are left after 0 seconds.
with visits as (
    select
        i.status_number,
        i.next_status_number,
        i.ended_at - coalesce(
            lag(i.ended_at) over (
                partition by i.ticket_id
                order by
                    i.ended_at,
                    i.started_at,
                    i.is_new_ticket desc,
                    i.export_id,
                    i.position
            ),
            t.first_status_at
        ) as seconds_before
    from status_intervals as i
    inner join ticket_statuses as t on t.ticket_id = i.ticket_id
    where i.next_status_number <> i.status_number
),

-- Steps after equal seconds in one row.
counted as (
    select
        status_number,
        next_status_number,
        seconds_before,
        count(*) as steps
    from visits
    group by status_number, next_status_number, seconds_before
),

ranked as (
    select
        status_number,
        next_status_number,
        seconds_before,
        sum(steps) over (
            partition by status_number, next_status_number
            order by seconds_before
        ) as rank,
        sum(steps) over (partition by status_number, next_status_number)
            as transitions
    from counted
)

select
    s.status as from_status,
    n.status as to_status,
    max(r.transitions) as transitions,
    min(r.seconds_before) filter (where r.rank * 2 >= r.transitions)
        as median_time_before_seconds
from ranked as r
inner join distinct_statuses as s on s.status_number = r.status_number
inner join distinct_statuses as n on n.status_number = r.next_status_number
group by s.status, n.status
order by s.status, n.status;
