-- How did the last week compare with the one before?
--
-- One row per week that the exports cover whole, two at most, the last first:
-- its Monday in seconds of local time, the tickets created in it, the steps to
-- Resolved or Closed, and the backlog at its end.
with weeks as (
    select
        h.week,
        sum(n.created) as created,
        sum(n.resolved) as resolved,
        max(h.hour) as last_hour
    from local_hours as h
    inner join hourly_counts as n on n.hour = h.hour
    group by h.week
    having min(h.is_whole) = 1
)

select
    w.week,
    w.created,
    w.resolved,
    n.backlog
from weeks as w
inner join hourly_counts as n on n.hour = w.last_hour
order by w.week desc
limit 2;
