-- Notes that an activity stands here in this export, if another one brought it
-- before. Of several positions in the file, the first one stands.
insert into repeated_activities (
    ticket_id,
    performed_at,
    content_key,
    position
)
select
    :ticket_id,
    :performed_at,
    :content_key,
    :position
where exists (
    select 1
    from activities
    where
        ticket_id = :ticket_id
        and performed_at = :performed_at
        and content_key = :content_key
        and export_id <> :export_id
)
on conflict do nothing;
