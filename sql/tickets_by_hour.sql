-- How much came in each hour, how much was done, and what was left?
--
-- One row per hour of the reports' time zone, named by its start, from the
-- start of the first export to the end of the clock, those without activity
-- included (at most a million of them, which are 114 years). Created, first
-- answered: tickets. Resolved: steps to Resolved or Closed from another status,
-- or from none. Reopened: steps back. Both count steps of outbound emails, too.
-- Backlog: tickets whose known status at the end of the hour is neither
-- Resolved nor Closed; what happened before the first hour counts in it. Empty:
-- no export covers the hour. Only tickets that count are in it.
with first_export as (
    select min(start_at) as start_at
    from exports
)

select
    h.hour,
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
    and h.hour <= c.as_of
order by h.hour;
