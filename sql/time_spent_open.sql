-- How long was each ticket Open?
--
-- One row per ticket ever seen. Seconds in status Open, all visits together,
-- up to the end of the clock for a ticket that is Open still. Empty: no status
-- was ever seen. 0: never Open. Of several statuses in one second the last one
-- stands.
select
    ticket_id,
    time_spent_open_seconds
from ticket_metrics
order by ticket_id;
