-- How long did each customer wait for a first response?
--
-- One row per ticket ever seen. Seconds from the creation to the first public
-- note of an agent. Empty: no such note yet, or the creation was not seen. A
-- note in the creation's second counts, after 0 seconds, unless the creator
-- wrote it. An outbound email waits only from when somebody who is no agent
-- writes a public note on it.
select
    ticket_id,
    time_to_first_response_seconds
from ticket_metrics
order by ticket_id;
