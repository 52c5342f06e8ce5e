-- How do tickets fare by group?
--
-- One row per group. A ticket counts under the group it has at the end of the
-- clock, under (none) where that was set to nothing, and under an empty field
-- where no activity ever named one, so that the rows add up to all tickets.
-- Answered: an agent has responded. Resolved, still open: the known status now
-- is, or is not, Resolved or Closed. Reopened: at least once. Then of first
-- response and resolution the median and the 90th percentile (nearest rank: the
-- smallest value that half, or nine tenths, of the values do not exceed) and
-- the mean, rounded to a second, over the tickets that have the metric; empty
-- where none has.
select
    label as group_name,
    tickets,
    answered,
    resolved,
    reopened,
    still_open,
    median_time_to_first_response_seconds,
    p90_time_to_first_response_seconds,
    mean_time_to_first_response_seconds,
    median_time_till_resolution_seconds,
    p90_time_till_resolution_seconds,
    mean_time_till_resolution_seconds
from metrics_by_property
where property = 'group'
order by place, label;
