-- What do the statuses of each ticket tell?
--
-- One row per ticket that had a status. Seconds in a status are those of all
-- visits together. Key: ticket_id
with totals as (
    select
        ticket_id,
        coalesce(
            sum(ended_at - started_at) filter (where status = 'Open'),
            0
        ) as open_seconds,
        coalesce(
            sum(ended_at - started_at)
                filter (where status = 'Waiting on Customer'),
            0
        ) as waiting_on_customer_seconds,
        coalesce(
            sum(ended_at - started_at) filter (where status = 'Pending'),
            0
        ) as pending_seconds,
        count(*) filter (where is_resolved > is_next_resolved) as reopens,
        max(status) filter (where next_status is null) as current_status,
        max(is_resolved) filter (where next_status is null) as is_resolved,
        min(started_at) as first_status_at,
        min(started_at) filter (where is_resolved = 1) as first_resolved_at,
        max(ended_at) filter (where is_resolved = 0) as last_unresolved_at
    from visits
    group by ticket_id
)

select
    ticket_id,
    open_seconds,
    waiting_on_customer_seconds,
    pending_seconds,
    reopens,
    current_status,
    is_resolved,
    first_resolved_at,
    -- the start of the current unbroken run of Resolved and Closed
    case when is_resolved = 1 then coalesce(last_unresolved_at, first_status_at)
    end as resolved_at
from totals;
