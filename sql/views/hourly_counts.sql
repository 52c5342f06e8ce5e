-- How much came in each hour, how much was done, and what was left?
--
-- One row per local hour. Created, first answered: tickets. Resolved: steps to
-- Resolved or Closed from another status, or from none. Reopened: steps back.
-- Both count steps of outbound emails, too. Backlog: tickets whose known status
-- is neither Resolved nor Closed; what happened before the first hour counts in
-- it. Of several statuses in one second the last one stands. Only tickets that
-- count are in it. Key: hour
with events as (
    select
        ticket_id,
        created_at as happened_at,
        'created' as event,
        0 as backlog_change
    from ticket_creations
    union all
    select
        ticket_id,
        responded_at,
        'first answered',
        0
    from first_responses
    union all
    select
        ticket_id,
        started_at,
        case
            when is_resolved = 1 then 'resolved'
            when was_resolved = 1 then 'reopened'
        end,
        coalesce(was_resolved, 1) - is_resolved
    from visits
    where was_resolved is null or was_resolved <> is_resolved
),

placed as (
    select
        e.event,
        e.backlog_change,
        z.starts_at,
        e.happened_at
        - ((e.happened_at + z.offset_seconds) % 3600 + 3600) % 3600
            as full_hour
    from events as e
    left join time_zone_offsets as z
        on e.happened_at >= z.starts_at
        and e.happened_at < z.ends_at
    where e.ticket_id in (select c.ticket_id from counted_tickets as c)
),

counts as (
    select
        case when full_hour < starts_at then starts_at else full_hour end
            as hour,
        count(*) filter (where event = 'created') as created,
        count(*) filter (where event = 'first answered') as first_answered,
        count(*) filter (where event = 'resolved') as resolved,
        count(*) filter (where event = 'reopened') as reopened,
        sum(backlog_change) as backlog_change
    from placed
    group by case when full_hour < starts_at then starts_at else full_hour end
),

-- What happened before the first hour is in the backlog only.
first_hours as (
    select min(hour) as first_hour
    from local_hours
),

earlier as (
    select coalesce(sum(c.backlog_change), 0) as backlog
    from first_hours as f
    left join counts as c
        on c.hour is null
        or c.hour < f.first_hour
)

select
    h.hour,
    coalesce(c.created, 0) as created,
    coalesce(c.first_answered, 0) as first_answered,
    coalesce(c.resolved, 0) as resolved,
    coalesce(c.reopened, 0) as reopened,
    coalesce(c.backlog_change, 0) as backlog_change,
    r.backlog + sum(coalesce(c.backlog_change, 0)) over (
        order by h.hour
        rows between unbounded preceding and current row
    ) as backlog
from local_hours as h
cross join earlier as r
left join counts as c on c.hour = h.hour;
