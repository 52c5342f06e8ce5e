-- How often are the targets of each priority met?
--
-- One row per priority under which a response or a resolution is judged, each
-- under its own: the one at the moment that is judged. Met, missed, running:
-- tickets. Percent: the met ones of those that are met or missed; empty where
-- none is. Only tickets that count are in it.
with judged as (
    select
        response_priority as priority,
        response as first_response,
        null as resolution
    from service_levels
    where
        response is not null
        and ticket_id in (select ticket_id from counted_tickets)
    union all
    select
        resolution_priority,
        null,
        resolution
    from service_levels
    where
        resolution is not null
        and ticket_id in (select ticket_id from counted_tickets)
),

counts as (
    select
        priority,
        count(*) filter (where first_response = 'met') as first_response_met,
        count(*) filter (where first_response = 'missed')
            as first_response_missed,
        count(*) filter (where first_response = 'running')
            as first_response_running,
        count(*) filter (where resolution = 'met') as resolution_met,
        count(*) filter (where resolution = 'missed') as resolution_missed,
        count(*) filter (where resolution = 'running') as resolution_running,
        nullif(count(*) filter (where first_response in ('met', 'missed')), 0)
            as first_responses,
        nullif(count(*) filter (where resolution in ('met', 'missed')), 0)
            as resolutions
    from judged
    group by priority
)

select
    coalesce(p.name, c.priority) as priority,
    c.first_response_met,
    c.first_response_missed,
    c.first_response_running,
    cast(
        (2000 * c.first_response_met + c.first_responses)
        / (2 * c.first_responses)
        as bigint
    ) / 10.0 as first_response_met_percent,
    c.resolution_met,
    c.resolution_missed,
    c.resolution_running,
    cast(
        (2000 * c.resolution_met + c.resolutions)
        / (2 * c.resolutions)
        as bigint
    ) / 10.0 as resolution_met_percent
from counts as c
left join priorities as p on p.priority = c.priority
order by
    length(c.priority),
    c.priority;
