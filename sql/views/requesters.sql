-- Who asks for something on each ticket?
--
-- One row per ticket and person who was ever named as its requester.
-- Key: ticket_id, requester_id
select
    ticket_id,
    requester_id
from activities
where requester_id is not null
union
select
    ticket_id,
    other_requester_id
from activities
where other_requester_id is not null;
