-- Was each ticket answered and resolved within its target?
--
-- One row per ticket ever seen. The priority is the one that the ticket has at
-- the moment that is judged: the first response, the resolution, or else the
-- end of the clock. Elapsed: seconds of working time or of all time, as the
-- target says. For a resolution only statuses count that neither pause nor are
-- Resolved or Closed. Met, missed, running: it is due still. Null: the creation
-- was not seen, nobody asked, or there is no target. Key: ticket_id
with judged as (
    select
        t.ticket_id,
        q.asked_at,
        r.responded_at,
        s.resolved_at,
        coalesce(r.responded_at, c.as_of) as response_at,
        coalesce(s.resolved_at, c.as_of) as resolution_at
    from tickets as t
    cross join clock as c
    left join asked_tickets as q on q.ticket_id = t.ticket_id
    left join first_responses as r on r.ticket_id = t.ticket_id
    left join ticket_statuses as s on s.ticket_id = t.ticket_id
),

-- Each until the next one is named; of several in one second the last one.
named as (
    select
        ticket_id,
        priority,
        performed_at as named_at,
        coalesce(lead(performed_at) over story, c.as_of + 1) as next_named_at
    from activities
    cross join clock as c
    where priority is not null
    window story as (
        partition by ticket_id
        order by performed_at, is_new_ticket desc, export_id, position
    )
),

priorities_then as (
    select
        j.ticket_id,
        max(n.priority) filter (
            where
                j.response_at >= n.named_at
                and j.response_at < n.next_named_at
        ) as response_priority,
        max(n.priority) filter (
            where
                j.resolution_at >= n.named_at
                and j.resolution_at < n.next_named_at
        ) as resolution_priority
    from judged as j
    inner join named as n on n.ticket_id = j.ticket_id
    group by j.ticket_id
),

pausing as (
    select coalesce(a.final_status, p.status) as status
    from pausing_labels as p
    left join status_aliases as a on a.label_key = p.label_key
),

-- Only what comes after the asking.
running as (
    select
        v.ticket_id,
        v.ended_at,
        case when v.started_at < q.asked_at then q.asked_at else v.started_at
        end as started_at
    from visits as v
    inner join asked_tickets as q on q.ticket_id = v.ticket_id
    where
        v.is_resolved = 0
        and v.ended_at > q.asked_at
        and v.status not in (select p.status from pausing as p)
),

spent as (
    select
        v.ticket_id,
        sum(v.ended_at - v.started_at) as calendar_seconds,
        sum(e.worked_seconds - s.worked_seconds) as business_seconds
    from running as v
    left join worked_before as s on s.moment = v.started_at
    left join worked_before as e on e.moment = v.ended_at
    group by v.ticket_id
),

elapsed as (
    select
        j.ticket_id,
        j.responded_at,
        j.resolved_at,
        n.response_priority,
        n.resolution_priority,
        f.respond_within_seconds,
        r.resolve_within_seconds,
        case
            when j.asked_at is null or f.respond_within_seconds is null
                then null
            when f.is_business = 1 then e.worked_seconds - b.worked_seconds
            else j.response_at - j.asked_at
        end as response_seconds,
        case
            when j.asked_at is null or r.resolve_within_seconds is null
                then null
            when r.is_business = 1 then coalesce(s.business_seconds, 0)
            else coalesce(s.calendar_seconds, 0)
        end as resolution_seconds
    from judged as j
    left join priorities_then as n on n.ticket_id = j.ticket_id
    left join service_targets as f on f.priority = n.response_priority
    left join service_targets as r on r.priority = n.resolution_priority
    left join spent as s on s.ticket_id = j.ticket_id
    left join worked_before as b on b.moment = j.asked_at
    left join worked_before as e on e.moment = j.response_at
)

select
    ticket_id,
    response_priority,
    respond_within_seconds,
    response_seconds,
    case
        when response_seconds > respond_within_seconds then 'missed'
        when response_seconds is not null and responded_at is not null
            then 'met'
        when response_seconds is not null then 'running'
    end as response,
    resolution_priority,
    resolve_within_seconds,
    resolution_seconds,
    case
        when resolution_seconds > resolve_within_seconds then 'missed'
        when resolution_seconds is not null and resolved_at is not null
            then 'met'
        when resolution_seconds is not null then 'running'
    end as resolution
from elapsed;
