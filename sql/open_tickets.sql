-- What is still open, and whose turn is it?
--
-- One row per ticket whose known status is neither Resolved nor Closed, the
-- oldest creation first, those whose creation was not seen last. Seconds, up to
-- the end of the clock. Waits for the customer: the last public note by a
-- person is an agent's; for an agent: all other tickets. Automatic replies do
-- not count. Empty is unknown. Deleted tickets and spam are left out.
with ordered_notes as (
    select
        ticket_id,
        is_by_agent,
        row_number() over (
            partition by ticket_id
            order by
                performed_at desc,
                is_new_ticket,
                export_id desc,
                position desc
        ) as place_from_the_end
    from public_notes
)

select
    m.ticket_id,
    m.current_status,
    p.priority,
    p.group_name,
    p.agent_id,
    p.agent_name,
    m.created_at,
    c.as_of - m.created_at as age_seconds,
    c.as_of - v.started_at as time_in_current_status_seconds,
    c.as_of - t.last_seen_at as time_since_last_activity_seconds,
    case when n.is_by_agent = 1 then 'customer' else 'agent' end as waits_for
from counted_tickets as k
cross join clock as c
inner join ticket_metrics as m on m.ticket_id = k.ticket_id
inner join ticket_properties as p on p.ticket_id = k.ticket_id
inner join tickets as t on t.ticket_id = k.ticket_id
inner join visits as v
    on v.ticket_id = k.ticket_id
    and v.next_status is null
left join ordered_notes as n
    on n.ticket_id = k.ticket_id
    and n.place_from_the_end = 1
where m.is_resolved = 0
order by
    case when m.created_at is null then 2 else 1 end,
    m.created_at,
    m.ticket_id;
