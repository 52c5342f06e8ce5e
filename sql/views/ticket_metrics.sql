-- What is known of each ticket, all metrics side by side?
--
-- One row per ticket ever seen. Durations are seconds. Null is unknown, 0 is
-- known to be none: time per status counts all that was seen; the metrics that
-- start when the customer asks, at the creation for most tickets, are null
-- where that was not seen. Key: ticket_id
select
    t.ticket_id,
    s.open_seconds as time_spent_open_seconds,
    s.waiting_on_customer_seconds as time_spent_waiting_on_customer_seconds,
    s.pending_seconds as time_spent_waiting_for_response_seconds,
    case
        when s.resolved_at < q.asked_at then 0
        else s.resolved_at - q.asked_at
    end as time_till_resolution_seconds,
    r.responded_at - q.asked_at as time_to_first_response_seconds,
    case
        when s.first_resolved_at < q.asked_at then 0
        else s.first_resolved_at - q.asked_at
    end as time_till_first_resolution_seconds,
    s.reopens,
    s.current_status,
    s.is_resolved,
    q.created_at,
    q.asked_at
from tickets as t
left join ticket_statuses as s on s.ticket_id = t.ticket_id
left join asked_tickets as q on q.ticket_id = t.ticket_id
left join first_responses as r on r.ticket_id = t.ticket_id;
