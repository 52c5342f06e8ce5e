-- What is each ticket: which priority, group, agent, product and source?
--
-- One row per ticket ever seen: the values at the end of the clock, the last
-- ones that an activity named; codes beside their names. Null: no activity ever
-- named the property. (none): it was set to nothing, as the agent of an
-- unassigned ticket is. Key: ticket_id
with last_values as (
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
        ) as source
    from tickets as t
)

select
    v.ticket_id,
    v.priority as priority_code,
    case
        when trim(v.priority) = '' then '(none)'
        else coalesce(p.name, v.priority)
    end as priority,
    case when trim(v.group_name) = '' then '(none)' else v.group_name end
        as group_name,
    case when trim(v.agent_id) = '' then '(none)' else v.agent_id || '' end
        as agent_id,
    case when trim(v.product) = '' then '(none)' else v.product end as product,
    v.source as source_code,
    case
        when trim(v.source) = '' then '(none)'
        else coalesce(s.name, v.source)
    end as source
from last_values as v
left join priorities as p on p.priority = v.priority
left join sources as s on s.source = v.source;
