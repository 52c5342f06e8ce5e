-- What happened on each ticket, step by step, and who did it?
--
-- One row per event, by ticket, in the order in which the story is told; an
-- activity may be several events. Created: the creation was seen. A status: a
-- visit to it begins; the creation's own is no event. Assigned, Unassigned,
-- Moved to group: an agent, no agent, or a group is named, other than before.
-- First response, and replies: public notes of people, but for the ticket's
-- body. Automatic reply: any note by the system. Deleted, Spam, Restored: a
-- mark changes. A ticket with none of these is Seen, at its first second.
-- Resource: the role on this ticket, and the person. Group: the ticket's after
-- the activity; (none) if it has none, empty if unknown. Deleted tickets and
-- spam have their events, too.
with named as (
    select
        ticket_id,
        performed_at,
        is_new_ticket,
        export_id,
        position,
        3 as place,
        trim(agent_id) || '' as value
    from activities
    where agent_id is not null
    union all
    select
        ticket_id,
        performed_at,
        is_new_ticket,
        export_id,
        position,
        4,
        case when trim(group_name) = '' then '' else group_name end
    from activities
    where group_name is not null
    union all
    select
        ticket_id,
        performed_at,
        is_new_ticket,
        export_id,
        position,
        7,
        deleted || ''
    from activities
    where deleted is not null
    union all
    select
        ticket_id,
        performed_at,
        is_new_ticket,
        export_id,
        position,
        8,
        spam || ''
    from activities
    where spam is not null
),

ordered as (
    select
        *,
        lag(value) over (
            partition by ticket_id, place
            order by
                performed_at,
                is_new_ticket desc,
                export_id,
                position
        ) as previous_value
    from named
),

-- In the order of place, the events of one activity.
changes as (
    select
        ticket_id,
        performed_at,
        is_new_ticket,
        export_id,
        position,
        place,
        case
            when place = 3 and value <> '' then 'Assigned'
            when place = 3 and previous_value <> '' then 'Unassigned'
            when place = 4 and value <> '' then 'Moved to group'
            when place = 7 and value = '1' then 'Deleted'
            when place = 8 and value = '1' then 'Spam'
            when place in (7, 8) and previous_value = '1' then 'Restored'
        end as activity,
        case when place = 4 then value end as group_name
    from ordered
    where previous_value is null or previous_value <> value
),

-- Of an agent's replies in a second the first may be the first response.
replies as (
    select
        *,
        row_number() over (
            partition by ticket_id, performed_at, is_by_agent
            order by is_new_ticket desc, export_id, position
        ) as number
    from public_notes
    where is_body = 0
),

events as (
    select
        ticket_id,
        created_at as performed_at,
        is_new_ticket,
        export_id,
        position,
        1 as place,
        'Created' as activity,
        null as group_name
    from ticket_creations
    union all
    select
        v.ticket_id,
        v.started_at,
        v.is_new_ticket,
        v.export_id,
        v.position,
        2,
        v.status,
        null
    from visits as v
    left join ticket_creations as c
        on c.ticket_id = +v.ticket_id
        and c.export_id = +v.export_id
        and c.position = +v.position
    where c.ticket_id is null
    union all
    select *
    from changes
    union all
    select
        n.ticket_id,
        n.performed_at,
        n.is_new_ticket,
        n.export_id,
        n.position,
        5,
        case
            when r.ticket_id is not null and n.number = 1
                then 'First response'
            when n.role = 'agent' then 'Agent reply'
            when n.role = 'customer' then 'Customer reply'
            else 'Contact reply'
        end,
        null
    from replies as n
    left join first_responses as r
        on r.ticket_id = n.ticket_id
        and r.responded_at = n.performed_at
        and n.is_by_agent = 1
    union all
    select
        a.ticket_id,
        a.performed_at,
        a.is_new_ticket,
        a.export_id,
        a.position,
        6,
        case
            when a.performer_type = 'user' and a.performer_id is not null
                then t.name
            else 'Automatic reply'
        end,
        null
    from activities as a
    left join note_types as t on t.note_type = a.note_type
    where
        t.is_public = 0
        or (
            a.note_type is not null
            and (a.performer_type <> 'user' or a.performer_id is null)
        )
),

group_changes as (
    select
        ticket_id,
        group_name,
        row_number() over (
            partition by ticket_id
            order by
                performed_at,
                is_new_ticket desc,
                export_id,
                position
        ) as number
    from changes
    where place = 4
),

first_activities as (
    select
        a.ticket_id,
        a.performed_at,
        a.is_new_ticket,
        a.export_id,
        a.position,
        case when a.group_name is null then 0 else 1 end as group_number,
        row_number() over (
            partition by a.ticket_id
            order by
                a.is_new_ticket desc,
                a.export_id,
                a.position
        ) as number
    from tickets as t
    inner join activities as a
        on a.ticket_id = +t.ticket_id
        and a.performed_at = +t.first_seen_at
    where
        t.ticket_id not in (
            select e.ticket_id
            from events as e
            where e.activity is not null
        )
),

told as (
    select
        *,
        count(group_name) over (
            partition by ticket_id
            order by
                performed_at,
                is_new_ticket desc,
                export_id,
                position
        ) as group_number
    from events
    union all
    select
        ticket_id,
        performed_at,
        is_new_ticket,
        export_id,
        position,
        9,
        'Seen',
        null,
        group_number
    from first_activities
    where number = 1
)

select
    e.ticket_id as case_id,
    e.activity,
    e.performed_at as timestamp,
    case
        when p.role is null then 'system'
        else p.role || ' ' || p.performer_id
    end as resource,
    coalesce(p.role, 'system') as role,
    case
        when g.group_name <> '' then g.group_name
        when g.group_name = '' or e.performed_at >= c.created_at then '(none)'
    end as group_name
from told as e
inner join activities as a
    on a.ticket_id = e.ticket_id
    and a.performed_at = e.performed_at
    and a.is_new_ticket = e.is_new_ticket
    and a.export_id = e.export_id
    and a.position = e.position
left join performers as p
    on a.performer_type = 'user'
    and p.ticket_id = +a.ticket_id
    and p.performer_id = +a.performer_id
left join ticket_creations as c on c.ticket_id = e.ticket_id
left join group_changes as g
    on g.ticket_id = e.ticket_id
    and g.number = e.group_number
where e.activity is not null
order by
    e.ticket_id,
    e.performed_at,
    e.is_new_ticket desc,
    e.export_id,
    e.position,
    e.place;
