-- When was each ticket assigned to which agent?
--
-- One row per visit: from the activity that names the agent to the next
-- activity of the ticket that names a different one, or to the end of the
-- clock. (none): the agent was set to nothing, or was not named yet since the
-- creation. Null: unknown, before the first agent is named where the creation
-- was not seen. Of several agents in one second the last one stands, the others
-- are visits of 0 seconds. Key: ticket_id, visit
with first_named as (
    select
        ticket_id,
        min(performed_at) as named_at
    from activities
    where agent_id is not null
    group by ticket_id
),

-- Each starts before the second in which the first agent is named.
before_named as (
    select
        t.ticket_id,
        t.first_seen_at as started_at,
        null as agent_id
    from tickets as t
    left join ticket_creations as c on c.ticket_id = t.ticket_id
    where c.ticket_id is null or c.created_at > t.first_seen_at
    union all
    select
        ticket_id,
        created_at,
        '(none)'
    from ticket_creations
),

named as (
    select
        b.ticket_id,
        b.started_at,
        null as is_new_ticket,
        null as export_id,
        null as position,
        b.agent_id
    from before_named as b
    left join first_named as f on f.ticket_id = b.ticket_id
    where f.ticket_id is null or f.named_at > b.started_at
    union all
    select
        ticket_id,
        performed_at,
        is_new_ticket,
        export_id,
        position,
        case when trim(agent_id) = '' then '(none)' else agent_id || '' end
            as agent_id
    from activities
    where agent_id is not null
),

ordered as (
    select
        ticket_id,
        started_at,
        is_new_ticket,
        export_id,
        position,
        agent_id,
        row_number() over story as place,
        lag(agent_id) over story as previous_agent_id
    from named
    window story as (
        partition by ticket_id
        order by started_at, is_new_ticket desc, export_id, position
    )
)

select
    ticket_id,
    place as visit,
    agent_id,
    previous_agent_id,
    started_at,
    coalesce(lead(started_at) over ticket, c.as_of) as ended_at,
    case when lead(place) over ticket is null then 1 else 0 end as is_last,
    is_new_ticket,
    export_id,
    position
from ordered
cross join clock as c
where
    previous_agent_id is null
    or previous_agent_id <> agent_id
window ticket as (partition by ticket_id order by place);
