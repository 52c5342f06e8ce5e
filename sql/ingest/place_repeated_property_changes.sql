-- An activity takes its place from the first export that it stands in, by the
-- exports' numbers, whichever was ingested first.
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
    and export_id > :export_id;
