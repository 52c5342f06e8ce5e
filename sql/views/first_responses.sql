-- When was each ticket first answered?
--
-- One row per ticket whose creation was seen and to which an agent has written
-- a public note, at or after the creation. The ticket's customer is no agent
-- here, whatever they do on other tickets. What the creator writes in the
-- second of the creation is the ticket's body. Key: ticket_id
select
    c.ticket_id,
    min(a.performed_at) as responded_at
from ticket_creations as c
inner join activities as a on a.ticket_id = c.ticket_id
left join customers_elsewhere_agents as x
    on x.ticket_id = a.ticket_id
    and x.agent_id = a.performer_id
where
    a.performed_at >= c.created_at
    and a.note_type in (
        select t.note_type
        from note_types as t
        where t.is_public = 1
    )
    and a.performer_type = 'user'
    and a.performer_id in (select g.agent_id from agents as g)
    and x.agent_id is null
    and (
        a.performed_at > c.created_at
        or c.creator_id is null
        or c.creator_id <> a.performer_id
    )
group by c.ticket_id;
