-- What is a ticket that waits?
--
-- One row: at the end of the clock.
select
    priority,
    group_name,
    agent_id
from ticket_properties
where ticket_id = :ticket_id;
