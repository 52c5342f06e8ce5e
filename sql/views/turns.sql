-- When was an agent asked, and when did one answer?
--
-- One row per turn of a ticket. It begins when the ticket is asked, at the
-- creation for most tickets, or with somebody's first public note after an
-- agent's who is no agent. It ends with the next public note of an agent. Null:
-- not answered yet. The ticket's body is no note here, nor is what was written
-- before the asking. Where the creation was not seen, the first turn is the
-- first one whose beginning was seen. Key: ticket_id, turn
with replies as (
    select
        n.ticket_id,
        n.performed_at,
        n.is_new_ticket,
        n.export_id,
        n.position,
        n.author_id,
        n.is_by_agent,
        case when q.ticket_id is null then 0 else 1 end as is_asked,
        lag(n.is_by_agent) over (
            partition by n.ticket_id
            order by
                n.performed_at,
                n.is_new_ticket desc,
                n.export_id,
                n.position
        ) as was_by_agent
    from public_notes as n
    left join asked_tickets as q on q.ticket_id = n.ticket_id
    where
        n.is_body = 0
        and (q.ticket_id is null or n.performed_at >= q.asked_at)
),

-- Asking and answering take turns. The first asking was no agent's.
changes as (
    select
        ticket_id,
        performed_at,
        author_id,
        export_id,
        position,
        is_by_agent,
        row_number() over story as place,
        sum(1 - is_by_agent) over story + is_asked as turn,
        lead(performed_at) over story as answered_at,
        lead(author_id) over story as agent_id,
        lead(export_id) over story as answers_export_id,
        lead(position) over story as answers_position
    from replies
    where
        was_by_agent <> is_by_agent
        or (
            was_by_agent is null
            and is_asked = 1
            and is_by_agent = 1
        )
    window story as (
        partition by ticket_id
        order by performed_at, is_new_ticket desc, export_id, position
    )
)

select
    q.ticket_id,
    1 as turn,
    1 as is_asking,
    q.asked_at,
    a.performed_at as answered_at,
    a.author_id as agent_id,
    a.export_id as answers_export_id,
    a.position as answers_position
from asked_tickets as q
left join changes as a
    on a.ticket_id = q.ticket_id
    and a.place = 1
where q.asked_at is not null
union all
select
    ticket_id,
    turn,
    0,
    performed_at,
    answered_at,
    agent_id,
    answers_export_id,
    answers_position
from changes
where is_by_agent = 0;
