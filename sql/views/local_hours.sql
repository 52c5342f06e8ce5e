-- Which hours do the exports tell of, and which week is each in?
--
-- One row per hour of the reports' time zone, from the Monday before the first
-- export to the Sunday after the end of the clock (at most a million hours,
-- which are 114 years). An hour begins at a full hour of local time, or where
-- another offset begins: a day has 24 hours, or 23, or 25. Week: Monday 00:00
-- in seconds of local time. Covered: an export's window has some of the hour;
-- whole: the windows have all of it. Key: hour
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

-- Days enough for the first week and the last one to be whole.
bounds as (
    select
        c.as_of,
        min(e.start_at) as first_second,
        min(e.start_at) - 8 * 86400 as earliest,
        c.as_of + 8 * 86400 as latest
    from exports as e
    cross join clock as c
    group by c.as_of
),

begun as (
    select
        z.starts_at,
        z.ends_at,
        z.offset_seconds,
        b.latest,
        case when z.starts_at < b.earliest then b.earliest else z.starts_at end
            as first_second
    from time_zone_offsets as z
    inner join bounds as b
        on b.latest >= z.starts_at
        and b.earliest < z.ends_at
),

-- A full hour is where the remainder of local time is 0; that of a time before
-- 1970 is negative.
aligned as (
    select
        starts_at,
        ends_at,
        offset_seconds,
        latest,
        first_second - ((first_second + offset_seconds) % 3600 + 3600) % 3600
            as first_full_hour
    from begun
),

full_hours as (
    select
        a.starts_at,
        a.ends_at,
        a.offset_seconds,
        a.first_full_hour + (t.number * 1000 + n.number) * 3600 as full_hour
    from aligned as a
    cross join numbers as t
    cross join numbers as n
    where
        a.first_full_hour + t.number * 3600000 < a.ends_at
        and a.first_full_hour + t.number * 3600000 <= a.latest
        and a.first_full_hour + (t.number * 1000 + n.number) * 3600 < a.ends_at
        and a.first_full_hour + (t.number * 1000 + n.number) * 3600 <= a.latest
),

cut as (
    select
        case when full_hour < starts_at then starts_at else full_hour end
            as hour,
        case when full_hour + 3600 > ends_at then ends_at else full_hour + 3600
        end as ends_at,
        full_hour + offset_seconds as local_hour
    from full_hours
),

-- The first Monday of 1970 is its fifth day.
hours as (
    select
        hour,
        ends_at,
        local_hour - ((local_hour - 345600) % 604800 + 604800) % 604800 as week
    from cut
),

windows as (
    select
        start_at,
        end_at,
        max(end_at) over (
            order by start_at, end_at, sha256
            rows between unbounded preceding and 1 preceding
        ) as covered_before
    from exports
),

-- Each hour comes after the windows that begin before it ends.
moments as (
    select
        start_at as moment,
        0 as is_hour,
        end_at as covered_until,
        case
            when covered_before is null or start_at > covered_before + 1
                then start_at
        end as covered_from,
        cast(null as bigint) as hour,
        cast(null as bigint) as ends_at,
        cast(null as bigint) as week
    from windows
    union all
    select
        ends_at - 1,
        1,
        null,
        null,
        hour,
        ends_at,
        week
    from hours
),

-- The last unbroken time that exports cover, so far.
covered as (
    select
        is_hour,
        hour,
        ends_at,
        week,
        max(covered_from) over story as covered_from,
        max(covered_until) over story as covered_until
    from moments
    window story as (
        order by moment, is_hour
        rows between unbounded preceding and current row
    )
),

weeks as (
    select
        max(h.week) filter (where h.hour <= b.first_second) as first_week,
        max(h.week) filter (where h.hour <= b.as_of) as last_week
    from hours as h
    cross join bounds as b
)

select
    c.hour,
    c.ends_at,
    c.week,
    case when c.covered_until >= c.hour then 1 else 0 end as is_covered,
    case
        when c.covered_from <= c.hour and c.covered_until >= c.ends_at - 1
            then 1
        else 0
    end as is_whole
from covered as c
inner join weeks as w on c.week between w.first_week and w.last_week
where c.is_hour = 1;
