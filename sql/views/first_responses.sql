-- When was each ticket first answered?
--
-- One row per ticket to which an agent has written a public note, other than
-- its body, since it was asked. Key: ticket_id
select
    n.ticket_id,
    min(n.performed_at) as responded_at
from asked_tickets as q
inner join public_notes as n on n.ticket_id = q.ticket_id
where
    n.is_by_agent = 1
    and n.is_body = 0
    and n.performed_at >= q.asked_at
group by n.ticket_id;
