-- Is it getting better, week by week, in working time?
--
-- One row per week of the reports' time zone, named by its Monday, of the
-- tickets created in it; empty where the exports cover nothing of it. Seconds
-- that were worked; median and 90th percentile are nearest-rank, the mean is
-- rounded to a second, each over the tickets that have the duration; empty
-- where none has. Only tickets that count are in it.
with weeks as (
    select
        week,
        max(is_covered) as is_covered
    from local_hours
    group by week
),

created as (
    select
        c.week,
        m.time_to_first_response_business_seconds,
        m.time_till_resolution_business_seconds
    from creation_weeks as c
    inner join counted_tickets as n on n.ticket_id = c.ticket_id
    inner join business_metrics as m on m.ticket_id = c.ticket_id
)

select
    w.week,
    percentile_disc(m.time_to_first_response_business_seconds, 0.5)
        as median_time_to_first_response_business_seconds,
    percentile_disc(m.time_to_first_response_business_seconds, 0.9)
        as p90_time_to_first_response_business_seconds,
    cast(
        round(avg(m.time_to_first_response_business_seconds)) as bigint
    ) as mean_time_to_first_response_business_seconds,
    percentile_disc(m.time_till_resolution_business_seconds, 0.5)
        as median_time_till_resolution_business_seconds,
    percentile_disc(m.time_till_resolution_business_seconds, 0.9)
        as p90_time_till_resolution_business_seconds,
    cast(round(avg(m.time_till_resolution_business_seconds)) as bigint)
        as mean_time_till_resolution_business_seconds
from weeks as w
left join created as m
    on m.week = w.week
    and w.is_covered = 1
group by w.week
order by w.week;
