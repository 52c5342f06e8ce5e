-- How much came in each hour, how much was done, and what was left?
--
-- One row per UTC hour, named by its start, from the start of the first export
-- to the end of the clock, those without activity included (at most a million
-- of them, which are 114 years). Created, first answered: tickets. Resolved:
-- steps to Resolved or Closed from another status, or from none. Reopened:
-- steps back. Both count steps of outbound emails, too. Backlog: tickets whose
-- known status at the end of the hour is neither Resolved nor Closed; what
-- happened before the first hour counts in it. Of several statuses in one
-- second the last one stands. Deleted tickets and spam do not count.
with digits (digit) as (
    values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)
),

-- 0 to 999
numbers as (
    select cast(a.digit * 100 + b.digit * 10 + c.digit as bigint) as number
    from digits as a
    cross join digits as b
    cross join digits as c
),

-- An hour starts where the remainder is 0; that of a time before 1970 is
-- negative.
bounds as (
    select
        min(start_at) - (min(start_at) % 3600 + 3600) % 3600 as first_hour
    from exports
),

hours as (
    select b.first_hour + (t.number * 1000 + n.number) * 3600 as hour
    from bounds as b
    cross join clock as c
    cross join numbers as t
    cross join numbers as n
    where
        b.first_hour + t.number * 3600000 <= c.as_of
        and b.first_hour + (t.number * 1000 + n.number) * 3600 <= c.as_of
),

-- Each event adds to one column, and perhaps to the backlog.
events as (
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

hourly as (
    select
        happened_at - (happened_at % 3600 + 3600) % 3600 as hour,
        count(*) filter (where event = 'created') as created,
        count(*) filter (where event = 'first answered') as first_answered,
        count(*) filter (where event = 'resolved') as resolved,
        count(*) filter (where event = 'reopened') as reopened,
        sum(backlog_change) as backlog_change
    from events
    where ticket_id not in (select ticket_id from set_aside_tickets)
    group by happened_at - (happened_at % 3600 + 3600) % 3600
),

-- What happened before the first hour is in the backlog only.
earlier as (
    select coalesce(sum(e.backlog_change), 0) as backlog
    from bounds as b
    left join hourly as e on e.hour < b.first_hour
)

select
    h.hour,
    coalesce(e.created, 0) as created,
    coalesce(e.first_answered, 0) as first_answered,
    coalesce(e.resolved, 0) as resolved,
    coalesce(e.reopened, 0) as reopened,
    r.backlog + sum(coalesce(e.backlog_change, 0)) over (
        order by h.hour
        rows between unbounded preceding and current row
    ) as backlog
from hours as h
cross join earlier as r
left join hourly as e on e.hour = h.hour
order by h.hour;
