-- What the metrics need of each activity that changes properties.
select
    a.ticket_id,
    a.performed_at,
    a.position,
    a.performer_type,
    a.performer_id,
    s.label as status,
    p.source,
    p.agent_id,
    p.requester_id
from activities as a
inner join property_changes as p
    on p.ticket_id = a.ticket_id
    and p.performed_at = a.performed_at
    and p.content_key = a.content_key
inner join statuses as s on s.status_id = p.status_id;
