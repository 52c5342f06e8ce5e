-- How much was worked before each moment at which a duration begins or ends?
--
-- One row per moment; seconds from the first day of the known time on, by the
-- last span of working hours of its day that opened before it. A business
-- duration is the difference of two of them. Key: moment
with moments as (
    select started_at as moment
    from visits
    union
    select ended_at
    from visits
    union
    select asked_at
    from asked_tickets
    where asked_at is not null
    union
    select responded_at
    from first_responses
    union
    select as_of
    from clock
    where as_of is not null
),

-- The remainder of a time before 1970 is negative.
days as (
    select
        moment,
        moment - (moment % 86400 + 86400) % 86400 as day
    from moments
)

select
    d.moment,
    max(
        w.seconds_before
        + case when w.closes_at < d.moment then w.closes_at else d.moment end
        - w.opens_at
    ) as worked_seconds
from days as d
inner join working_hours as w
    on w.day = d.day
    and w.opens_at <= d.moment
group by d.moment;
