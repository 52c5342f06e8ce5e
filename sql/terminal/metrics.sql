-- What do the metrics of all tickets look like?
--
-- One row per metric: how many tickets have it, and of those the median, the
-- 90th percentile and the maximum, in seconds. Nearest rank: the smallest
-- value that at least half (nine tenths) of the values do not exceed.
with metric_values as (
    select 1 as place, 'Time spent Open' as metric, time_spent_open_seconds as seconds
    from ticket_metrics
    union all
    select 2, 'Time spent Waiting on Customer', time_spent_waiting_on_customer_seconds
    from ticket_metrics
    union all
    select 3, 'Time spent Pending', time_spent_waiting_for_response_seconds
    from ticket_metrics
    union all
    select 4, 'Time till resolution', time_till_resolution_seconds
    from ticket_metrics
    union all
    select 5, 'Time to first response', time_to_first_response_seconds
    from ticket_metrics
),

ranked as (
    select
        place,
        metric,
        seconds,
        row_number() over (partition by place order by seconds) as rank,
        count(*) over (partition by place) as tickets
    from metric_values
    where seconds is not null
)

select
    metric,
    max(tickets) as tickets,
    min(case when rank * 2 >= tickets then seconds end) as median_seconds,
    min(case when rank * 10 >= tickets * 9 then seconds end) as p90_seconds,
    max(seconds) as maximum_seconds
from ranked
group by place, metric
order by place;
