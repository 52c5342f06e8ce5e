-- How long did it take to resolve each ticket?
--
-- One row per ticket ever seen. Seconds from the creation to the start of the
-- current unbroken run of Resolved and Closed. Empty: not resolved now
-- (reopened ones too), or the creation was not seen. Of several statuses in
-- one second the last one stands. An outbound email begins only when somebody
-- who is no agent writes a public note on it; what ended before is no
-- resolution.
select
    ticket_id,
    time_till_resolution_seconds
from ticket_metrics
order by ticket_id;
