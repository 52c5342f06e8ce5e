-- Adds an activity, unless it is already there.
insert into activities (
    ticket_id,
    performed_at,
    content_key,
    position,
    performer_type,
    performer_id,
    other_fields,
    export_id
)
values (?, ?, ?, ?, ?, ?, ?, ?)
on conflict do nothing;
