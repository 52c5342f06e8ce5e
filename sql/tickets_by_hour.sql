-- How much came in each hour, how much was done, and what was left?
--
-- One row per UTC hour, named by its start, from the start of the first export
-- to the end of the clock, those without activity included (at most a million
-- of them, which are 114 years). Created, first answered: tickets. Resolved:
-- steps to Resolved or Closed from another status, or from none. Reopened:
-- steps back. Backlog: tickets whose known status at the end of the hour is
-- neither Resolved nor Closed; what happened before the first hour counts in
-- it. Of several statuses in one second the last one stands.
with digits (digit) as (
    values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)
),

-- 0 to 999
numbers as (
    select a.digit * 100 + b.digit * 10 + c.digit as number
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
    select b.first_hour + t.number * 3600000 + n.number * 3600 as hour
    from bounds as b
    cross join clock as c
    cross join numbers as t
    cross join numbers as n
    where
        b.first_hour + t.number * 3600000 <= c.as_of
        and b.first_hour + t.number * 3600000 + n.number * 3600 <= c.as_of
),

events as (
    select
        created_at as happened_at,
        1 as created,
        0 as first_answered,
        0 as resolved,
        0 as reopened,
        0 as backlog_change
    from ticket_creations
    union all
    select
        responded_at,
        0,
        1,
        0,
        0,
        0
    from first_responses
    where responded_at is not null
    union all
    select
        first_status_at,
        0,
        0,
        was_first_resolved,
        0,
        1 - was_first_resolved
    from ticket_statuses
    union all
    select
        i.ended_at,
        0,
        0,
        case when s.is_resolved < n.is_resolved then 1 else 0 end,
        case when s.is_resolved > n.is_resolved then 1 else 0 end,
        s.is_resolved - n.is_resolved
    from status_intervals as i
    inner join distinct_statuses as s on s.status_number = i.status_number
    inner join distinct_statuses as n on n.status_number = i.next_status_number
    where s.is_resolved <> n.is_resolved
),

hourly as (
    select
        happened_at - (happened_at % 3600 + 3600) % 3600 as hour,
        sum(created) as created,
        sum(first_answered) as first_answered,
        sum(resolved) as resolved,
        sum(reopened) as reopened,
        sum(backlog_change) as backlog_change
    from events
    group by happened_at - (happened_at % 3600 + 3600) % 3600
),

-- What happened before the first hour is in the backlog only.
earlier as (
    select coalesce(sum(e.backlog_change), 0) as backlog
    from bounds as b
    left join hourly as e on e.hour < b.first_hour
)

select
    strftime('%Y-%m-%dT%H:%M:%SZ', h.hour, 'unixepoch') as hour,
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
