-- What are the durations of each ticket in working time?
--
-- One row per ticket ever seen. Seconds that were worked between the two
-- moments of the duration in ticket_metrics; null where that is. Key: ticket_id
with spent as (
    select
        ticket_id,
        coalesce(sum(business_seconds) filter (where status = 'Open'), 0)
            as open_seconds,
        coalesce(
            sum(business_seconds) filter (where status = 'Waiting on Customer'),
            0
        ) as waiting_on_customer_seconds,
        coalesce(sum(business_seconds) filter (where status = 'Pending'), 0)
            as pending_seconds
    from business_visits
    group by ticket_id
)

select
    t.ticket_id,
    v.open_seconds as time_spent_open_business_seconds,
    v.waiting_on_customer_seconds
        as time_spent_waiting_on_customer_business_seconds,
    v.pending_seconds as time_spent_waiting_for_response_business_seconds,
    case
        when s.resolved_at < q.asked_at then 0
        else r.worked_seconds - b.worked_seconds
    end as time_till_resolution_business_seconds,
    a.worked_seconds - b.worked_seconds
        as time_to_first_response_business_seconds,
    case
        when s.first_resolved_at < q.asked_at then 0
        else f.worked_seconds - b.worked_seconds
    end as time_till_first_resolution_business_seconds
from tickets as t
left join spent as v on v.ticket_id = t.ticket_id
left join ticket_statuses as s on s.ticket_id = t.ticket_id
left join asked_tickets as q on q.ticket_id = t.ticket_id
left join first_responses as p on p.ticket_id = t.ticket_id
left join worked_before as b on b.moment = q.asked_at
left join worked_before as r on r.moment = s.resolved_at
left join worked_before as f on f.moment = s.first_resolved_at
left join worked_before as a on a.moment = p.responded_at;
