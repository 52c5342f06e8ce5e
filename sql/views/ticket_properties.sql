-- What is each ticket: which priority, group, agent, product and source?
--
-- One row per ticket ever seen: the values at the end of the clock, the last
-- ones that an activity named; codes beside their names. Null: no activity ever
-- named the property. (none): it was set to nothing, as the agent of an
-- unassigned ticket is. Set aside: deleted, or spam. Key: ticket_id
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
    g.agent_name,
    case when trim(v.product) = '' then '(none)' else v.product end as product,
    v.source as source_code,
    case
        when trim(v.source) = '' then '(none)'
        else coalesce(s.name, v.source)
    end as source,
    x.set_aside
from last_named_values as v
left join priorities as p on p.priority = v.priority
left join sources as s on s.source = v.source
left join named_agents as g
    on g.agent_id = cast(nullif(v.agent_id, '') as bigint)
left join set_aside_tickets as x on x.ticket_id = v.ticket_id;
