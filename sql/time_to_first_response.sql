-- How long did each customer wait for a first response?
--
-- One row per ticket ever seen. Seconds from the creation to an agent's first public note. Empty: no such
-- note yet, or the creation was not seen.
-- Of several activities in one second the last one stands.
select
    ticket_id,
    time_to_first_response_seconds
from ticket_metrics
order by ticket_id;
