-- Is it getting better, week by week?
--
-- One row per week of the reports' time zone, named by its Monday. Created,
-- first answered: tickets. Resolved, reopened: steps to Resolved or Closed, and
-- back. Backlog: tickets whose known status is neither Resolved nor Closed, as
-- the week begins and as it ends, or as the clock does. Created - resolved +
-- reopened explains how it changes, but for tickets first seen in the week that
-- were created earlier. Median and 90th percentile are nearest-rank, of the
-- tickets created in the week; empty where none has the metric. Partial: the
-- exports do not cover all of the week; where they cover nothing of it, all
-- else is empty. Only tickets that count are in it.
with weeks as (
    select
        h.week,
        min(h.hour) as first_hour,
        max(h.is_covered) as is_covered,
        min(h.is_whole) as is_whole,
        sum(n.created) as created,
        sum(n.first_answered) as first_answered,
        sum(n.resolved) as resolved,
        sum(n.reopened) as reopened,
        sum(n.backlog_change) as backlog_change
    from local_hours as h
    inner join hourly_counts as n on n.hour = h.hour
    group by h.week
),

times as (
    select
        c.week,
        percentile_disc(m.time_to_first_response_seconds, 0.5)
            as median_first_response,
        percentile_disc(m.time_to_first_response_seconds, 0.9)
            as p90_first_response,
        percentile_disc(m.time_till_resolution_seconds, 0.5)
            as median_resolution,
        percentile_disc(m.time_till_resolution_seconds, 0.9)
            as p90_resolution
    from creation_weeks as c
    inner join counted_tickets as n on n.ticket_id = c.ticket_id
    inner join ticket_metrics as m on m.ticket_id = c.ticket_id
    group by c.week
)

select
    w.week,
    case when w.is_covered = 1 then n.backlog - n.backlog_change end
        as backlog_at_start,
    case when w.is_covered = 1 then w.created end as created,
    case when w.is_covered = 1 then w.first_answered end as first_answered,
    case when w.is_covered = 1 then w.resolved end as resolved,
    case when w.is_covered = 1 then w.reopened end as reopened,
    case
        when w.is_covered = 1
            then n.backlog - n.backlog_change + w.backlog_change
    end as backlog_at_end,
    case when w.is_covered = 1 then t.median_first_response end
        as median_time_to_first_response_seconds,
    case when w.is_covered = 1 then t.p90_first_response end
        as p90_time_to_first_response_seconds,
    case when w.is_covered = 1 then t.median_resolution end
        as median_time_till_resolution_seconds,
    case when w.is_covered = 1 then t.p90_resolution end
        as p90_time_till_resolution_seconds,
    case when w.is_whole = 1 then 0 else 1 end as is_partial
from weeks as w
inner join hourly_counts as n on n.hour = w.first_hour
left join times as t on t.week = w.week
order by w.week;
