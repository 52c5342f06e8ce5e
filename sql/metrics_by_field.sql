-- How do tickets fare by the account's own fields?
--
-- One row per field and value: issue_type, category, and each custom field that
-- has at most 100 values. A ticket counts in each field, under the value it has
-- at the end of the clock, under (none) where that was set to nothing, and
-- under an empty one where no activity ever named the field, so that the rows
-- of a field add up to all tickets that count. Created: the creation was seen.
-- Answered: an agent has responded. Resolved, still open: the known status now
-- is, or is not, Resolved or Closed. Resolved, timed: of the resolved ones, the
-- time till resolution is known. Reopened: at least once. Median and 90th
-- percentile are nearest-rank, the mean is rounded to a second, each over the
-- tickets that have the metric; empty where none has.
with fields as (
    select 'issue_type' as field
    union
    select 'category'
    union
    select f.field
    from ticket_fields as f
    inner join counted_tickets as c on c.ticket_id = f.ticket_id
    group by f.field
    having count(distinct nullif(f.value, '(none)')) <= 100
)

select
    f.field,
    v.value,
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
from fields as f
cross join counted_tickets as c
inner join ticket_metrics as m on m.ticket_id = c.ticket_id
left join ticket_fields as v
    on v.ticket_id = c.ticket_id
    and v.field = f.field
group by f.field, v.value
order by
    f.field,
    case
        when v.value is null then 3
        when v.value = '(none)' then 2
        else 1
    end,
    v.value;
