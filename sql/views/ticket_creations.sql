-- When was each ticket created, and by whom?
--
-- One row per ticket whose creation was seen: the earliest activity marked
-- new_ticket. Where none is marked, the first activity of the ticket's first
-- second that sets Open and names a requester or a source. Outbound: it is an
-- email to the customer, source 10. Key: ticket_id
with candidates as (
    select
        a.ticket_id,
        a.performed_at,
        a.is_new_ticket,
        a.export_id,
        a.position,
        a.performer_type,
        a.performer_id,
        a.source,
        row_number() over (
            partition by a.ticket_id
            order by
                a.is_new_ticket desc,
                a.performed_at,
                a.export_id,
                a.position
        ) as place
    from activities as a
    inner join tickets as t on t.ticket_id = a.ticket_id
    left join named_statuses as s on s.label = a.status
    where
        a.is_new_ticket = 1
        or (
            a.performed_at = t.first_seen_at
            and s.status = 'Open'
            and (a.requester_id is not null or a.source <> '')
        )
)

select
    ticket_id,
    performed_at as created_at,
    is_new_ticket,
    export_id,
    position,
    case when performer_type = 'user' then performer_id end as creator_id,
    case when source = '10' then 1 else 0 end as is_outbound
from candidates
where place = 1;
