-- How long did each ticket take, in working time?
--
-- One row per ticket ever seen. Seconds that were worked between the two
-- moments of the duration in ticket_metrics.csv; empty where that is. 0: none
-- was worked.
select
    ticket_id,
    time_spent_open_business_seconds,
    time_spent_waiting_on_customer_business_seconds,
    time_spent_waiting_for_response_business_seconds,
    time_till_resolution_business_seconds,
    time_to_first_response_business_seconds,
    time_till_first_resolution_business_seconds
from business_metrics
order by ticket_id;
