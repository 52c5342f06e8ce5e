-- Since when does each ticket wait for an agent?
--
-- One row per ticket whose creation was seen. Asked: at the creation; an
-- outbound email only when somebody who is no agent first writes a public note
-- on it, at or after its creation. Null: nobody has asked for anything.
-- Key: ticket_id
with answers as (
    select
        c.ticket_id,
        min(n.performed_at) as answered_at
    from ticket_creations as c
    inner join public_notes as n on n.ticket_id = c.ticket_id
    where
        c.is_outbound = 1
        and n.is_by_agent = 0
        and n.performed_at >= c.created_at
    group by c.ticket_id
)

select
    c.ticket_id,
    c.created_at,
    c.creator_id,
    c.is_outbound,
    case when c.is_outbound = 1 then a.answered_at else c.created_at end
        as asked_at
from ticket_creations as c
left join answers as a on a.ticket_id = c.ticket_id;
