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

-- The week of a creation is found as that of an hour is.
local_creations as (
    select
        t.created_at + z.offset_seconds as local_at,
        m.time_to_first_response_business_seconds,
        m.time_till_resolution_business_seconds
    from ticket_creations as t
    inner join counted_tickets as n on n.ticket_id = t.ticket_id
    inner join business_metrics as m on m.ticket_id = t.ticket_id
    inner join time_zone_offsets as z
        on t.created_at >= z.starts_at
        and t.created_at < z.ends_at
),

created as (
    select
        local_at - ((local_at - 345600) % 604800 + 604800) % 604800 as week,
        time_to_first_response_business_seconds,
        time_till_resolution_business_seconds
    from local_creations
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
