-- When was each ticket first answered?
--
-- One row per ticket whose customer has asked and to which an agent has
-- written a public note, in that second or later. What the creator writes in
-- the second of the creation is the ticket's body. Key: ticket_id
select
    q.ticket_id,
    min(n.performed_at) as responded_at
from asked_tickets as q
inner join public_notes as n on n.ticket_id = q.ticket_id
where
    n.is_by_agent = 1
    and n.performed_at >= q.asked_at
    and (
        n.performed_at > q.created_at
        or q.creator_id is null
        or q.creator_id <> n.author_id
    )
group by q.ticket_id;
