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

measured as (
    select
        m.place,
        m.metric,
        case m.place
            when 1 then t.time_spent_open_seconds
            when 2 then t.time_spent_waiting_on_customer_seconds
            when 3 then t.time_spent_waiting_for_response_seconds
            when 4 then t.time_till_resolution_seconds
            else t.time_to_first_response_seconds
        end as seconds
    from metrics as m
    left join ticket_metrics as t on true
)

select
    metric,
    count(seconds) as tickets,
    percentile_disc(seconds, 0.5) as median_seconds,
    percentile_disc(seconds, 0.9) as p90_seconds,
    max(seconds) as maximum_seconds
from measured
group by place, metric
order by place;
