-- Lets a note wait to be inserted.
insert into staged_notes (
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
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);
