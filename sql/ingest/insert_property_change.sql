-- Adds what an activity changes, unless the activity was already there.
insert into property_changes (
    ticket_id,
    performed_at,
    content_key,
    is_new_ticket,
    status_id,
    priority,
    source,
    group_name,
    agent_id,
    internal_agent_id,
    requester_id,
    product,
    category,
    issue_type,
    contacted_customer,
    shipping_address,
    shipment_date,
    other_properties
)
values (
    ?,
    ?,
    ?,
    ?,
    (select status_id from statuses where label = ?),
    ?,
    ?,
    ?,
    ?,
    ?,
    ?,
    ?,
    ?,
    ?,
    ?,
    ?,
    ?,
    ?
)
on conflict do nothing;
