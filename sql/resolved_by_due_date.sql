-- Was each ticket resolved by the date that Freshdesk had set?
--
-- One row per ticket that ever had a due date. Due: the last date that an
-- activity named at or before the resolution that stands; where there is none,
-- the last one of all. Overdue: how many seconds later the ticket was resolved,
-- or, while it is not, how much later the end of the clock is; 0 if in time.
-- Empty: no status was ever seen, or a ticket is resolved that nobody has asked
-- (an outbound email without an answer).
with due_dates as (
    select
        a.ticket_id,
        a.due_by,
        s.resolved_at,
        case when s.is_resolved = 0 then c.as_of else s.resolved_at end
            as judged_at,
        row_number() over (
            partition by a.ticket_id
            order by
                case when a.performed_at > s.resolved_at then 1 else 0 end,
                a.performed_at desc,
                a.is_new_ticket,
                a.export_id desc,
                a.position desc
        ) as place
    from activities as a
    cross join clock as c
    -- A + lets SQLite look the value up in a view.
    left join ticket_statuses as s on s.ticket_id = +a.ticket_id
    where a.due_by is not null
)

select
    ticket_id,
    due_by as due_at,
    resolved_at,
    case
        when judged_at > due_by then judged_at - due_by
        when judged_at is not null then 0
    end as overdue_seconds
from due_dates
where place = 1
order by ticket_id;
