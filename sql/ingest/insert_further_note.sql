-- Adds the note of an activity that changes properties, too. If it is there,
-- it takes its place, and what does not tell it from others, from the first
-- export that it stands in.
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
on conflict do update set
    export_id = excluded.export_id,
    position = excluded.position,
    other_fields = excluded.other_fields
where excluded.export_id < export_id;
