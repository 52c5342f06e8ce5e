-- What the metrics need of each activity that is a note.
select
    a.ticket_id,
    a.performed_at,
    a.performer_type,
    a.performer_id,
    n.note_type
from activities as a
inner join notes as n
    on n.ticket_id = a.ticket_id
    and n.performed_at = a.performed_at
    and n.content_key = a.content_key;
