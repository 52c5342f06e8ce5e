-- What do the metrics of all tickets look like?
--
-- One row per metric: how many tickets have it, and of those the median, the
-- 90th percentile and the maximum, in seconds. Nearest rank: the smallest
-- value that at least half (nine tenths) of the values do not exceed. Only
-- tickets that count are in it.
with counted as (
    select *
    from ticket_metrics
    where ticket_id in (select ticket_id from counted_tickets)
),

metrics as (
    select
        1 as place,
        'Time spent Open' as metric,
        count(time_spent_open_seconds) as tickets,
        percentile_disc(time_spent_open_seconds, 0.5) as median_seconds,
        percentile_disc(time_spent_open_seconds, 0.9) as p90_seconds,
        max(time_spent_open_seconds) as maximum_seconds
    from counted
    union all
    select
        2,
        'Time spent Waiting on Customer',
        count(time_spent_waiting_on_customer_seconds),
        percentile_disc(time_spent_waiting_on_customer_seconds, 0.5),
        percentile_disc(time_spent_waiting_on_customer_seconds, 0.9),
        max(time_spent_waiting_on_customer_seconds)
    from counted
    union all
    select
        3,
        'Time spent Pending',
        count(time_spent_waiting_for_response_seconds),
        percentile_disc(time_spent_waiting_for_response_seconds, 0.5),
        percentile_disc(time_spent_waiting_for_response_seconds, 0.9),
        max(time_spent_waiting_for_response_seconds)
    from counted
    union all
    select
        4,
        'Time till resolution',
        count(time_till_resolution_seconds),
        percentile_disc(time_till_resolution_seconds, 0.5),
        percentile_disc(time_till_resolution_seconds, 0.9),
        max(time_till_resolution_seconds)
    from counted
    union all
    select
        5,
        'Time to first response',
        count(time_to_first_response_seconds),
        percentile_disc(time_to_first_response_seconds, 0.5),
        percentile_disc(time_to_first_response_seconds, 0.9),
        max(time_to_first_response_seconds)
    from counted
)

select
    metric,
    tickets,
    median_seconds,
    p90_seconds,
    maximum_seconds
from metrics
order by place;
