-- Which paths do tickets take through the statuses, and how long?
--
-- One row per path, the statuses of all visits in order, most frequent first:
-- how many tickets have taken it until now, and the median of their seconds
-- until resolution, over those that have one (nearest-rank). Of more than 20
-- statuses a path has the first 20, and "..." for the others. A ticket without
-- a known status has no path. Deleted tickets and spam do not count.
with steps as (
    select
        ticket_id,
        status,
        row_number() over (partition by ticket_id order by visit) as place
    from visits
    where ticket_id in (select c.ticket_id from counted_tickets as c)
),

paths as (
    select
        ticket_id,
        max(status) filter (where place = 1)
        || coalesce(' > ' || max(status) filter (where place = 2), '')
        || coalesce(' > ' || max(status) filter (where place = 3), '')
        || coalesce(' > ' || max(status) filter (where place = 4), '')
        || coalesce(' > ' || max(status) filter (where place = 5), '')
        || coalesce(' > ' || max(status) filter (where place = 6), '')
        || coalesce(' > ' || max(status) filter (where place = 7), '')
        || coalesce(' > ' || max(status) filter (where place = 8), '')
        || coalesce(' > ' || max(status) filter (where place = 9), '')
        || coalesce(' > ' || max(status) filter (where place = 10), '')
        || coalesce(' > ' || max(status) filter (where place = 11), '')
        || coalesce(' > ' || max(status) filter (where place = 12), '')
        || coalesce(' > ' || max(status) filter (where place = 13), '')
        || coalesce(' > ' || max(status) filter (where place = 14), '')
        || coalesce(' > ' || max(status) filter (where place = 15), '')
        || coalesce(' > ' || max(status) filter (where place = 16), '')
        || coalesce(' > ' || max(status) filter (where place = 17), '')
        || coalesce(' > ' || max(status) filter (where place = 18), '')
        || coalesce(' > ' || max(status) filter (where place = 19), '')
        || coalesce(' > ' || max(status) filter (where place = 20), '')
        || case when max(place) > 20 then ' > ...' else '' end as path
    from steps
    group by ticket_id
)

select
    p.path,
    count(*) as tickets,
    percentile_disc(m.time_till_resolution_seconds, 0.5)
        as median_time_till_resolution_seconds
from paths as p
inner join ticket_metrics as m on m.ticket_id = p.ticket_id
group by p.path
order by
    tickets desc,
    p.path;
