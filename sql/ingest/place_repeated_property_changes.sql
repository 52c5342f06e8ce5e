-- An activity takes its place, and what does not tell it from others, from the
-- first export that it stands in, by the exports' numbers, whichever was
-- ingested first.
update property_changes
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
    from staged_property_changes
    group by
        ticket_id,
        performed_at,
        content_key
) as s
where
    property_changes.ticket_id = s.ticket_id
    and property_changes.performed_at = s.performed_at
    and property_changes.content_key = s.content_key
    and property_changes.export_id > s.export_id;
