-- When was an agent asked, and when did one answer?
--
-- One row per turn of a ticket. It begins when the ticket is asked, at the
-- creation for most tickets, or with somebody's first public note after an
-- agent's who is no agent. It ends with the next public note of an agent. Null:
-- not answered yet. The ticket's body is no note here, nor is what was written
-- before the asking. Where the creation was not seen, the first turn is the
-- first one whose beginning was seen. Key: ticket_id, turn
with said as (
    select
        ticket_id,
        asked_at as said_at,
        1 as is_asking,
        null as is_new_ticket,
        null as export_id,
        null as position,
        null as agent_id,
        0 as is_by_agent
    from asked_tickets
    where asked_at is not null
    union all
    select
        n.ticket_id,
        n.performed_at,
        0,
        n.is_new_ticket,
        n.export_id,
        n.position,
        n.author_id,
        n.is_by_agent
    from public_notes as n
    left join asked_tickets as q on q.ticket_id = n.ticket_id
    where
        n.is_body = 0
        and (q.ticket_id is null or n.performed_at >= q.asked_at)
),

ordered as (
    select
        ticket_id,
        said_at,
        export_id,
        position,
        agent_id,
        is_by_agent,
        is_asking,
        row_number() over story as place,
        lag(is_by_agent) over story as was_by_agent
    from said
    window story as (
        partition by ticket_id
        order by
            said_at,
            is_asking desc,
            is_new_ticket desc,
            export_id,
            position
    )
),

-- Asking and answering take turns.
changes as (
    select
        ticket_id,
        place,
        said_at as asked_at,
        is_by_agent,
        is_asking,
        was_by_agent,
        lead(said_at) over ticket as answered_at,
        lead(agent_id) over ticket as agent_id,
        lead(export_id) over ticket as answers_export_id,
        lead(position) over ticket as answers_position
    from ordered
    where
        was_by_agent is null
        or was_by_agent <> is_by_agent
    window ticket as (partition by ticket_id order by place)
)

select
    ticket_id,
    row_number() over (partition by ticket_id order by place) as turn,
    is_asking,
    asked_at,
    answered_at,
    agent_id,
    answers_export_id,
    answers_position
from changes
where
    is_by_agent = 0
    and (is_asking = 1 or was_by_agent = 1);
