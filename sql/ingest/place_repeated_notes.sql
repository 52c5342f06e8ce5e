-- An activity takes its place from the first export that it stands in, by the
-- exports' numbers, whichever was ingested first.
update notes
set
    export_id = :export_id,
    position = (
        select r.position
        from repeated_activities as r
        where
            r.ticket_id = notes.ticket_id
            and r.performed_at = notes.performed_at
            and r.content_key = notes.content_key
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
