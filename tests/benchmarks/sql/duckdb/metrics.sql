-- The metrics of one export in the README's form, as the README defines them,
-- into tables that the reports share. Independent of the views in sql/views.

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
        ) as creator_id,
        arg_min(coalesce(a.source = 10, false), a.rowid) as is_outbound
    from activities as a
    inner join tickets as t
        on t.ticket_id = a.ticket_id
        and t.first_seen_at = a.performed_at
    where
        a.status = 'Open'
        and (a.requester_id is not null or a.source is not null)
    group by a.ticket_id
),

requesters as (
    select distinct ticket_id, requester_id
    from activities
    where requester_id is not null
),

-- Who does what only agents do, unless on a ticket of their own.
acts as (
    select a.ticket_id, a.performer_id
    from activities as a
    semi join requesters as r on r.ticket_id = a.ticket_id
    where a.status <> 'Open' and a.performer_type = 'user'
    union all
    select ticket_id, creator_id
    from creations
    where is_outbound
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
    union
    select a.performer_id
    from acts as a
    anti join requesters as r
        on r.ticket_id = a.ticket_id
        and r.requester_id = a.performer_id
    where a.performer_id is not null
),

-- The requesters of each ticket who are not assigned to it.
customers as (
    from requesters
    except
    select ticket_id, agent_id
    from activities
    where agent_id is not null
),

public_notes as (
    select
        n.ticket_id,
        n.performed_at,
        g.agent_id is not null and r.requester_id is null as is_by_agent,
        c.ticket_id is not null as is_body
    from activities as n
    left join agents as g on g.agent_id = n.performer_id
    left join customers as r
        on r.ticket_id = n.ticket_id
        and r.requester_id = n.performer_id
    left join creations as c
        on c.ticket_id = n.ticket_id
        and c.created_at = n.performed_at
        and c.creator_id = n.performer_id
    where
        n.note_type in (0, 4)
        and n.performer_type = 'user'
        and n.performer_id is not null
),

-- An outbound email waits for an agent from the first answer to it on.
asked as (
    select
        c.ticket_id,
        c.created_at,
        c.is_outbound,
        case when c.is_outbound then min(n.performed_at) else c.created_at end
            as asked_at
    from creations as c
    left join public_notes as n
        on n.ticket_id = c.ticket_id
        and n.performed_at >= c.created_at
        and c.is_outbound
        and not n.is_by_agent
    group by c.ticket_id, c.created_at, c.is_outbound
),

replies as (
    select
        n.ticket_id,
        count(*) filter (n.is_by_agent) as agent_replies,
        count(*) filter (not n.is_by_agent) as customer_replies,
        min(n.performed_at) filter (
            n.is_by_agent and n.performed_at >= q.asked_at
        ) as responded_at
    from public_notes as n
    left join asked as q on q.ticket_id = n.ticket_id
    where not n.is_body
    group by n.ticket_id
),

told as (
    select
        i.*,
        case
            when
                i.is_resolved
                and not i.was_resolved
                and (q.ticket_id is null or i.started_at >= q.asked_at)
                then i.started_at
        end as resolution_at
    from status_intervals as i
    left join asked as q on q.ticket_id = i.ticket_id and q.is_outbound
),

status_times as (
    select
        ticket_id,
        sum(seconds * (status = 'Open')::int) as open_seconds,
        sum(seconds * (status = 'Waiting on Customer')::int)
            as waiting_on_customer_seconds,
        sum(seconds * (status = 'Pending')::int) as pending_seconds,
        max(status) filter (is_current) as current_status,
        count(resolution_at) as resolutions,
        min(resolution_at) as first_resolved_at,
        case when bool_or(is_current and is_resolved) then max(resolution_at) end
            as resolved_at
    from told
    group by ticket_id
)

select
    t.ticket_id,
    s.open_seconds as time_spent_open_seconds,
    s.waiting_on_customer_seconds as time_spent_waiting_on_customer_seconds,
    s.pending_seconds as time_spent_waiting_for_response_seconds,
    s.resolved_at - q.asked_at as time_till_resolution_seconds,
    r.responded_at - q.asked_at as time_to_first_response_seconds,
    s.first_resolved_at - q.asked_at as time_till_first_resolution_seconds,
    s.resolutions - (s.resolved_at is not null)::int as reopens,
    s.current_status,
    strftime(make_timestamp(q.created_at * 1000000), '%Y-%m-%dT%H:%M:%SZ')
        as created_at,
    coalesce(r.agent_replies, 0) as agent_replies,
    coalesce(r.customer_replies, 0) as customer_replies,
    case
        when s.resolved_at is not null and q.asked_at is not null
            then (coalesce(r.agent_replies, 0) = 1)::int
    end as is_one_touch
from tickets as t
left join status_times as s on s.ticket_id = t.ticket_id
left join asked as q on q.ticket_id = t.ticket_id
left join replies as r on r.ticket_id = t.ticket_id;
