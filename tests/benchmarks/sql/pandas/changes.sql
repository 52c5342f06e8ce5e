-- What the metrics need of each activity that changes properties.
select
    p.ticket_id,
    p.performed_at,
    p.position,
    p.performer_type,
    p.performer_id,
    s.label as status,
    p.source,
    p.agent_id,
    p.requester_id
from property_changes as p
inner join statuses as s on s.status_id = p.status_id;
