-- What is known of each ticket, all metrics side by side?
--
-- One row per ticket ever seen. Durations are seconds; a status that has not
-- ended runs to the end of the clock. Empty is unknown, 0 is known to be none.
select
    ticket_id,
    time_spent_open_seconds,
    time_spent_waiting_on_customer_seconds,
    time_spent_waiting_for_response_seconds,
    time_till_resolution_seconds,
    time_to_first_response_seconds,
    time_till_first_resolution_seconds,
    reopens,
    current_status,
    created_at,
    agent_replies,
    customer_replies,
    is_one_touch
from ticket_metrics
order by ticket_id;
