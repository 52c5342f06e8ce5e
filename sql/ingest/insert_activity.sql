-- Adds an activity, unless it is already there.
insert into activities (
    ticket_id,
    performed_at,
    content_key,
    export_id,
    position,
    performer_type,
    performer_id,
    other_fields
)
values (?, ?, ?, ?, ?, ?, ?, ?)
on conflict do nothing;
