-- An activity takes its place from the first export that it stands in, by the
-- exports' start, end and SHA-256, whichever was ingested first.
update activities
set
    export_id = :export_id,
    position = r.position
from repeated_activities as r
where
    activities.ticket_id = r.ticket_id
    and activities.performed_at = r.performed_at
    and activities.content_key = r.content_key
    and activities.export_id in (
        select later.export_id
        from exports as this
        inner join exports as later
            on (later.start_at, later.end_at, later.sha256)
            > (this.start_at, this.end_at, this.sha256)
        where this.export_id = :export_id
    );
