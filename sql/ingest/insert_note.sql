-- Adds the note of an activity, unless the activity was already there.
insert into notes (
    ticket_id,
    performed_at,
    content_key,
    note_id,
    note_type,
    other_fields
)
values (?, ?, ?, ?, ?, ?)
on conflict do nothing;
