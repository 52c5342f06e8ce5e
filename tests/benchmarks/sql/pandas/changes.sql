-- The parts of each activity that changes properties which the metrics need.
select
    ticket_id,
    performed_at,
    performer_type,
    performer_id,
    status,
    source,
    nullif(agent_id, '') as agent_id,
    requester_id
from activities
where status is not null
order by
    ticket_id,
    performed_at,
    is_new_ticket desc,
    export_id,
    position;
