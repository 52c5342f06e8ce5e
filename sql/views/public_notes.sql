-- Who wrote public notes on each ticket, and when?
--
-- One row per public note of a person. Body: what the creator writes in the
-- second of the creation is the ticket's body, and no reply.
-- Key: ticket_id, performed_at, is_new_ticket desc, export_id, position
select
    a.ticket_id,
    a.performed_at,
    a.is_new_ticket,
    a.export_id,
    a.position,
    a.performer_id as author_id,
    p.role,
    case when p.role = 'agent' then 1 else 0 end as is_by_agent,
    case when c.ticket_id is null then 0 else 1 end as is_body
from activities as a
-- A + lets SQLite look the value up in a view.
left join performers as p
    on p.ticket_id = +a.ticket_id
    and p.performer_id = +a.performer_id
left join ticket_creations as c
    on c.ticket_id = +a.ticket_id
    and c.created_at = a.performed_at
    and c.creator_id = a.performer_id
where
    a.note_type in (
        select t.note_type
        from note_types as t
        where t.is_public = 1
    )
    and a.performer_type = 'user'
    and a.performer_id is not null;
