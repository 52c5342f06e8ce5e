-- The metrics of one export in the README's form, as the README defines them,
-- into tables that the reports share. Independent of the views in sql/schema.

-- One row per activity that sets a status: the interval that it begins.
create temp table status_intervals as
with clock as (
    select max(greatest(export_end_at, performed_at)) as as_of
    from activities
),

ordered_changes as (
    select
        ticket_id,
        status,
        status in ('Resolved', 'Closed') as is_resolved,
        performed_at as started_at,
        lead(performed_at) over ticket_order as next_started_at,
        lag(status) over ticket_order as previous_status
    from activities
    where status is not null
    window ticket_order as (
        partition by ticket_id
        order by performed_at, rowid
    )
)

select
    ticket_id,
    status,
    is_resolved,
    coalesce(previous_status in ('Resolved', 'Closed'), false)
        as was_resolved,
    started_at,
    coalesce(next_started_at, as_of) - started_at as seconds,
    previous_status is distinct from status as begins_visit,
    next_started_at is null as is_current
from ordered_changes
cross join clock;

-- One row per ticket, ticket_metrics.csv.
create temp table ticket_metrics as
with tickets as (
    select
        ticket_id,
        min(performed_at) as first_seen_at
    from activities
    group by ticket_id
),

creations as (
    select
        a.ticket_id,
        min(a.performed_at) as created_at,
        arg_min(
            case when a.performer_type = 'user' then a.performer_id end,
            a.rowid
        ) as creator_id
    from activities as a
    inner join tickets as t
        on t.ticket_id = a.ticket_id
        and t.first_seen_at = a.performed_at
    where
        a.status = 'Open'
        and (a.requester_id is not null or a.source is not null)
    group by a.ticket_id
),

agents as (
    select agent_id
    from activities
    where agent_id is not null
    union
    select performer_id
    from activities
    where
        note_type in (1, 2, 3)
        and performer_type = 'user'
        and performer_id is not null
),

-- The requesters of each ticket who are not assigned to it.
customers as (
    select ticket_id, requester_id
    from activities
    where requester_id is not null
    except
    select ticket_id, agent_id
    from activities
    where agent_id is not null
),

responses as (
    select
        n.ticket_id,
        min(n.performed_at) as responded_at
    from activities as n
    inner join creations as c on c.ticket_id = n.ticket_id
    semi join agents as g on g.agent_id = n.performer_id
    anti join customers as r
        on r.ticket_id = n.ticket_id
        and r.requester_id = n.performer_id
    where
        n.note_type in (0, 4)
        and n.performer_type = 'user'
        and n.performed_at >= c.created_at
        and not (
            n.performed_at = c.created_at
            and n.performer_id is not distinct from c.creator_id
        )
    group by n.ticket_id
),

status_times as (
    select
        ticket_id,
        sum(seconds * (status = 'Open')::int) as open_seconds,
        sum(seconds * (status = 'Waiting on Customer')::int)
            as waiting_on_customer_seconds,
        sum(seconds * (status = 'Pending')::int) as pending_seconds,
        count(*) filter (was_resolved and not is_resolved) as reopens,
        max(status) filter (is_current) as current_status,
        bool_or(is_current and is_resolved) as is_resolved,
        min(started_at) filter (is_resolved) as first_resolved_at,
        max(started_at) filter (is_resolved and not was_resolved)
            as last_resolved_at
    from status_intervals
    group by ticket_id
)

select
    t.ticket_id,
    s.open_seconds as time_spent_open_seconds,
    s.waiting_on_customer_seconds as time_spent_waiting_on_customer_seconds,
    s.pending_seconds as time_spent_waiting_for_response_seconds,
    case when s.is_resolved then s.last_resolved_at - c.created_at end
        as time_till_resolution_seconds,
    r.responded_at - c.created_at as time_to_first_response_seconds,
    s.first_resolved_at - c.created_at as time_till_first_resolution_seconds,
    s.reopens,
    s.current_status,
    strftime(make_timestamp(c.created_at * 1000000), '%Y-%m-%dT%H:%M:%SZ')
        as created_at
from tickets as t
left join status_times as s on s.ticket_id = t.ticket_id
left join creations as c on c.ticket_id = t.ticket_id
left join responses as r on r.ticket_id = t.ticket_id;
