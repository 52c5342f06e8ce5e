-- How do tickets fare by priority?
--
-- One row per priority. A ticket counts under the priority it has at the end of
-- the clock, under (none) where that was set to nothing, and under an empty
-- field where no activity ever named one, so that the rows add up to all
-- tickets that count. Created: the creation was seen. Answered: an agent has
-- responded. Resolved, still open: the known status now is, or is not, Resolved
-- or Closed. Resolved, timed: of the resolved ones, the time till resolution is
-- known. Reopened: at least once. Median and 90th percentile are nearest-rank,
-- the mean is rounded to a second, each over the tickets that have the metric;
-- empty where none has.
select
    p.priority,
    count(*) as tickets,
    count(m.created_at) as created,
    count(m.time_to_first_response_seconds) as answered,
    count(*) filter (where m.is_resolved = 1) as resolved,
    count(m.time_till_resolution_seconds) as resolved_timed,
    count(*) filter (where m.reopens > 0) as reopened,
    count(*) filter (where m.is_resolved = 0) as still_open,
    percentile_disc(m.time_to_first_response_seconds, 0.5)
        as median_time_to_first_response_seconds,
    percentile_disc(m.time_to_first_response_seconds, 0.9)
        as p90_time_to_first_response_seconds,
    cast(round(avg(m.time_to_first_response_seconds)) as bigint)
        as mean_time_to_first_response_seconds,
    percentile_disc(m.time_till_resolution_seconds, 0.5)
        as median_time_till_resolution_seconds,
    percentile_disc(m.time_till_resolution_seconds, 0.9)
        as p90_time_till_resolution_seconds,
    cast(round(avg(m.time_till_resolution_seconds)) as bigint)
        as mean_time_till_resolution_seconds
from counted_tickets as c
inner join ticket_properties as p on p.ticket_id = c.ticket_id
inner join ticket_metrics as m on m.ticket_id = c.ticket_id
group by p.priority
order by
    case
        when p.priority is null then 3
        when p.priority = '(none)' then 2
        else 1
    end,
    length(min(p.priority_code)),
    min(p.priority_code),
    p.priority;
