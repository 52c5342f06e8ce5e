-- What do the metrics of all tickets look like?
--
-- One row per metric: how many tickets have it, and of those the median, the
-- 90th percentile and the maximum, in seconds. Nearest rank: the smallest
-- value that at least half (nine tenths) of the values do not exceed.
with metrics (place, metric) as (
    values
        (1, 'Time spent Open'),
        (2, 'Time spent Waiting on Customer'),
        (3, 'Time spent Pending'),
        (4, 'Time till resolution'),
        (5, 'Time to first response')
),

-- Tickets with equal seconds in one row, which halves what is to be ranked.
counted as (
    select
        1 as place,
        time_spent_open_seconds as seconds,
        count(*) as tickets
    from ticket_metrics
    where time_spent_open_seconds is not null
    group by time_spent_open_seconds
    union all
    select
        2,
        time_spent_waiting_on_customer_seconds,
        count(*)
    from ticket_metrics
    where time_spent_waiting_on_customer_seconds is not null
    group by time_spent_waiting_on_customer_seconds
    union all
    select
        3,
        time_spent_waiting_for_response_seconds,
        count(*)
    from ticket_metrics
    where time_spent_waiting_for_response_seconds is not null
    group by time_spent_waiting_for_response_seconds
    union all
    select
        4,
        time_till_resolution_seconds,
        count(*)
    from ticket_metrics
    where time_till_resolution_seconds is not null
    group by time_till_resolution_seconds
    union all
    select
        5,
        time_to_first_response_seconds,
        count(*)
    from ticket_metrics
    where time_to_first_response_seconds is not null
    group by time_to_first_response_seconds
),

ranked as (
    select
        place,
        seconds,
        sum(tickets) over (partition by place order by seconds) as rank,
        sum(tickets) over (partition by place) as tickets
    from counted
)

select
    m.metric,
    coalesce(max(r.tickets), 0) as tickets,
    min(r.seconds) filter (where r.rank * 2 >= r.tickets) as median_seconds,
    min(r.seconds) filter (where r.rank * 10 >= r.tickets * 9) as p90_seconds,
    max(r.seconds) as maximum_seconds
from metrics as m
left join ranked as r on r.place = m.place
group by m.place, m.metric
order by m.place;
