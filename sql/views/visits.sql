-- When was each ticket in which status?
--
-- One row per visit: from the activity that sets a status to the next activity
-- of the ticket that sets a different one, or to the end of the clock. An
-- activity that sets the same status again (every one of the 2017 form does)
-- changes nothing. Of several statuses in one second the last one stands, the
-- others are visits of 0 seconds. The current visit has no next status. Was
-- resolved: the status before was Resolved or Closed; null at the first visit.
-- Key: ticket_id, visit
with changes as (
    select
        a.ticket_id,
        a.performed_at,
        a.is_new_ticket,
        a.export_id,
        a.position,
        s.status,
        s.is_resolved,
        row_number() over story as change,
        lag(s.status) over story as previous_status
    from activities as a
    inner join named_statuses as s on s.label = a.status
    window story as (
        partition by a.ticket_id
        order by
            a.performed_at,
            a.is_new_ticket desc,
            a.export_id,
            a.position
    )
)

select
    ticket_id,
    change as visit,
    status,
    is_resolved,
    performed_at as started_at,
    is_new_ticket,
    export_id,
    position,
    coalesce(lead(performed_at) over ticket, c.as_of) as ended_at,
    lead(status) over ticket as next_status,
    lag(is_resolved) over ticket as was_resolved
from changes
cross join clock as c
where
    previous_status is null
    or previous_status <> status
window ticket as (partition by ticket_id order by change);
