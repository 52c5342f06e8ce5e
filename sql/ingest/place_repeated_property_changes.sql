-- An activity takes its place from the first export that it stands in, by the
-- exports' places, whichever was ingested first.
update property_changes
set
    export_id = :export_id,
    position = r.position
from repeated_activities as r
where
    property_changes.ticket_id = r.ticket_id
    and property_changes.performed_at = r.performed_at
    and property_changes.content_key = r.content_key
    and property_changes.export_id in (
        select later.export_id
        from exports as this
        inner join exports as later on later.place > this.place
        where this.export_id = :export_id
    );
