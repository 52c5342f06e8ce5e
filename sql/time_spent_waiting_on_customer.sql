-- How long did each ticket wait on its customer?
--
-- One row per ticket ever seen. Seconds in status Waiting on Customer, all
-- visits together, up to the end of the clock for one that waits still. Empty:
-- no status was ever seen. 0: never in this status. Of several statuses in one
-- second the last one stands.
select
    ticket_id,
    time_spent_waiting_on_customer_seconds
from ticket_metrics
order by ticket_id;
