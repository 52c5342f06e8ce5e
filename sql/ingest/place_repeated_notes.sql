-- An activity takes its place from the first export that it stands in, by the
-- exports' places, whichever was ingested first.
update notes
set
    export_id = :export_id,
    position = r.position
from repeated_activities as r
where
    notes.ticket_id = r.ticket_id
    and notes.performed_at = r.performed_at
    and notes.content_key = r.content_key
    and notes.export_id in (
        select later.export_id
        from exports as this
        inner join exports as later on later.place > this.place
        where this.export_id = :export_id
    );
