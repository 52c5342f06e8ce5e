-- When was each ticket marked as deleted or as spam, or restored?
--
-- One row per activity that sets a mark. Was set: by the ticket's mark of the
-- kind before; null at the first one. The mark that stands is last.
-- Key: mark, ticket_id, performed_at, is_new_ticket desc, export_id, position
select
    'deleted' as mark,
    ticket_id,
    performed_at,
    is_new_ticket,
    export_id,
    position,
    deleted as is_set,
    lag(deleted) over story as was_set,
    case when lead(deleted) over story is null then 1 else 0 end as is_last
from activities
where deleted is not null
window story as (
    partition by ticket_id
    order by performed_at, is_new_ticket desc, export_id, position
)
union all
select
    'spam',
    ticket_id,
    performed_at,
    is_new_ticket,
    export_id,
    position,
    spam,
    lag(spam) over story,
    case when lead(spam) over story is null then 1 else 0 end
from activities
where spam is not null
window story as (
    partition by ticket_id
    order by performed_at, is_new_ticket desc, export_id, position
);
