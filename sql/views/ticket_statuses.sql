-- What do the statuses of each ticket tell?
--
-- One row per ticket that had a status. Seconds in a status are those of all
-- visits together. A resolution is an unbroken run of Resolved and Closed; on
-- an outbound email, one that begins after somebody has asked, or in that
-- second. Leaving a resolution is a reopening. Key: ticket_id
with told as (
    select
        v.ticket_id,
        v.status,
        v.is_resolved,
        v.next_status,
        v.ended_at - v.started_at as seconds,
        case
            when
                v.is_resolved > coalesce(v.was_resolved, 0)
                and (q.ticket_id is null or v.started_at >= q.asked_at)
                then v.started_at
        end as resolution_at
    from visits as v
    left join asked_tickets as q
        on q.ticket_id = v.ticket_id
        and q.is_outbound = 1
),

totals as (
    select
        ticket_id,
        coalesce(sum(seconds) filter (where status = 'Open'), 0)
            as open_seconds,
        coalesce(sum(seconds) filter (where status = 'Waiting on Customer'), 0)
            as waiting_on_customer_seconds,
        coalesce(sum(seconds) filter (where status = 'Pending'), 0)
            as pending_seconds,
        max(status) filter (where next_status is null) as current_status,
        max(is_resolved) filter (where next_status is null) as is_resolved,
        count(resolution_at) as resolutions,
        min(resolution_at) as first_resolved_at,
        max(resolution_at) as last_resolved_at
    from told
    group by ticket_id
)

select
    ticket_id,
    open_seconds,
    waiting_on_customer_seconds,
    pending_seconds,
    -- all resolutions but the one that stands
    case
        when is_resolved = 1 and resolutions > 0 then resolutions - 1
        else resolutions
    end as reopens,
    current_status,
    is_resolved,
    first_resolved_at,
    -- the start of the current run of Resolved and Closed
    case when is_resolved = 1 then last_resolved_at end as resolved_at
from totals;
