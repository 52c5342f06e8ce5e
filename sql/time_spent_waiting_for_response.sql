-- How long did each ticket wait for a response?
--
-- One row per ticket ever seen. Seconds in status Pending, all visits
-- together, up to the end of the clock for one that is Pending still. Empty:
-- no status was ever seen. 0: never in this status. Of several statuses in one
-- second the last one stands.
select
    ticket_id,
    time_spent_waiting_for_response_seconds
from ticket_metrics
order by ticket_id;
