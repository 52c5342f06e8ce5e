-- Adds a note, unless it is already there.
insert into notes (
    ticket_id,
    performed_at,
    content_key,
    export_id,
    position,
    performer_type,
    performer_id,
    other_fields,
    note_id,
    note_type,
    other_note_fields
)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict do nothing;
