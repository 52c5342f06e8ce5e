-- Which value of each property did an activity of the ticket name last?
--
-- One row per ticket ever seen. Null: no activity ever named the property. '':
-- it was set to nothing. Each is a look-up in the order of the table,
-- backwards. Key: ticket_id
select
    t.ticket_id,
    (
        select a.priority
        from activities as a
        where
            a.ticket_id = t.ticket_id
            and a.priority is not null
        order by
            a.performed_at desc,
            a.is_new_ticket,
            a.export_id desc,
            a.position desc
        limit 1
    ) as priority,
    (
        select a.group_name
        from activities as a
        where
            a.ticket_id = t.ticket_id
            and a.group_name is not null
        order by
            a.performed_at desc,
            a.is_new_ticket,
            a.export_id desc,
            a.position desc
        limit 1
    ) as group_name,
    (
        select a.agent_id
        from activities as a
        where
            a.ticket_id = t.ticket_id
            and a.agent_id is not null
        order by
            a.performed_at desc,
            a.is_new_ticket,
            a.export_id desc,
            a.position desc
        limit 1
    ) as agent_id,
    (
        select a.product
        from activities as a
        where
            a.ticket_id = t.ticket_id
            and a.product is not null
        order by
            a.performed_at desc,
            a.is_new_ticket,
            a.export_id desc,
            a.position desc
        limit 1
    ) as product,
    (
        select a.source
        from activities as a
        where
            a.ticket_id = t.ticket_id
            and a.source is not null
        order by
            a.performed_at desc,
            a.is_new_ticket,
            a.export_id desc,
            a.position desc
        limit 1
    ) as source,
    (
        select a.issue_type
        from activities as a
        where
            a.ticket_id = t.ticket_id
            and a.issue_type is not null
        order by
            a.performed_at desc,
            a.is_new_ticket,
            a.export_id desc,
            a.position desc
        limit 1
    ) as issue_type,
    (
        select a.category
        from activities as a
        where
            a.ticket_id = t.ticket_id
            and a.category is not null
        order by
            a.performed_at desc,
            a.is_new_ticket,
            a.export_id desc,
            a.position desc
        limit 1
    ) as category
from tickets as t;
