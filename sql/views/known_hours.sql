-- What happened in each hour that the exports tell of, or do not?
--
-- One row per hour of the reports' time zone, from the start of the first
-- export to the end of the clock. Covered: an export has some of the hour;
-- whole: exports have all of it. Null: no export covers the hour. Key: hour
with first_export as (
    select min(start_at) as start_at
    from exports
)

select
    h.hour,
    h.is_covered,
    h.is_whole,
    case when h.is_covered = 1 then n.created end as created,
    case when h.is_covered = 1 then n.first_answered end as first_answered,
    case when h.is_covered = 1 then n.resolved end as resolved,
    case when h.is_covered = 1 then n.reopened end as reopened,
    case when h.is_covered = 1 then n.backlog end as backlog
from local_hours as h
inner join hourly_counts as n on n.hour = h.hour
cross join first_export as e
cross join clock as c
where
    h.ends_at > e.start_at
    and h.hour <= c.as_of;
