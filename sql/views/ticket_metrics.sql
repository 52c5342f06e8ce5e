-- What is known of each ticket, all metrics side by side?
--
-- One row per ticket ever seen. Durations are seconds. Null is unknown, 0 is
-- known to be none: time per status counts all that was seen; the metrics that
-- start when the customer asks, at the creation for most tickets, are null
-- where that was not seen. Replies are public notes, but for the ticket's body.
-- One touch: one reply of an agent resolved it, not none or several; null where
-- the time till resolution is. Key: ticket_id
with replies as (
    select
        ticket_id,
        count(*) filter (where is_by_agent = 1) as agent_replies,
        count(*) filter (where is_by_agent = 0) as customer_replies
    from public_notes
    where is_body = 0
    group by ticket_id
)

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
    q.asked_at,
    coalesce(n.agent_replies, 0) as agent_replies,
    coalesce(n.customer_replies, 0) as customer_replies,
    case
        when s.resolved_at is null or q.asked_at is null then null
        when n.agent_replies = 1 then 1
        else 0
    end as is_one_touch
from tickets as t
left join ticket_statuses as s on s.ticket_id = t.ticket_id
left join asked_tickets as q on q.ticket_id = t.ticket_id
left join first_responses as r on r.ticket_id = t.ticket_id
left join replies as n on n.ticket_id = t.ticket_id;
