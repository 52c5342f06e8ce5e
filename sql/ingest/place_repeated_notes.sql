-- An activity takes its place, and what does not tell it from others, from the
-- first export that it stands in, by the exports' numbers, whichever was
-- ingested first.
update notes
set
    export_id = s.export_id,
    position = s.position,
    other_fields = s.other_fields
from (
    select
        ticket_id,
        performed_at,
        content_key,
        export_id,
        min(position) as position,
        other_fields
    from staged_notes
    group by
        ticket_id,
        performed_at,
        content_key
) as s
where
    notes.ticket_id = s.ticket_id
    and notes.performed_at = s.performed_at
    and notes.content_key = s.content_key
    and notes.export_id > s.export_id;
