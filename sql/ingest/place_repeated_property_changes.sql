-- An activity takes its place from the first export that it stands in, by the
-- exports' places, whichever was ingested first.
update property_changes
set
    export_id = :export_id,
    position = (
        select r.position
        from repeated_activities as r
        where
            r.ticket_id = property_changes.ticket_id
            and r.performed_at = property_changes.performed_at
            and r.content_key = property_changes.content_key
    )
where
    (ticket_id, performed_at, content_key) in (
        select
            ticket_id,
            performed_at,
            content_key
        from repeated_activities
    )
    and export_id in (
        select later.export_id
        from exports as this
        inner join exports as later on later.place > this.place
        where this.export_id = :export_id
    );
