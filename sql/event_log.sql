-- What happened on each ticket, step by step, and who did it?
--
-- One row per event, by ticket, in the order in which the story is told; an
-- activity may be several events. Created: the creation was seen. A status: a
-- visit to it begins; the creation's own is no event. Assigned, Unassigned,
-- Moved to group: an agent, no agent, or a group is named, other than before.
-- First response, and replies: public notes of people, but for the ticket's
-- body. Automatic reply: any note by the system. Deleted, Spam, Restored: a
-- mark changes. A ticket with none of these is Seen, at its first second.
-- Resource: the role on this ticket, and the person. Group: the ticket's at
-- that second; (none) if it has none, empty if unknown. Deleted tickets and
-- spam have their events, too. Place orders the events of one activity.
with events as (
    select
        ticket_id,
        created_at as performed_at,
        is_new_ticket,
        export_id,
        position,
        1 as place,
        'Created' as activity
    from ticket_creations
    union all
    select
        v.ticket_id,
        v.started_at,
        v.is_new_ticket,
        v.export_id,
        v.position,
        2,
        v.status
    from visits as v
    left join ticket_creations as c
        on c.ticket_id = v.ticket_id
        and c.export_id = v.export_id
        and c.position = v.position
    where c.ticket_id is null
    union all
    select
        ticket_id,
        started_at,
        is_new_ticket,
        export_id,
        position,
        3,
        case when agent_id = '(none)' then 'Unassigned' else 'Assigned' end
    from agent_visits
    where
        export_id is not null
        and (agent_id <> '(none)' or previous_agent_id is not null)
    union all
    select
        ticket_id,
        started_at,
        is_new_ticket,
        export_id,
        position,
        4,
        'Moved to group'
    from group_visits
    where
        export_id is not null
        and group_name <> '(none)'
    union all
    select
        n.ticket_id,
        n.performed_at,
        n.is_new_ticket,
        n.export_id,
        n.position,
        5,
        case
            when r.ticket_id is not null then 'First response'
            when n.role = 'agent' then 'Agent reply'
            when n.role = 'customer' then 'Customer reply'
            else 'Contact reply'
        end
    from public_notes as n
    left join turns as r
        on r.ticket_id = n.ticket_id
        and r.turn = 1
        and r.is_asking = 1
        and r.answers_export_id = n.export_id
        and r.answers_position = n.position
    where n.is_body = 0
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
        end
    from activities as a
    left join note_types as t on t.note_type = a.note_type
    where
        t.is_public = 0
        or (
            a.note_type is not null
            and (a.performer_type <> 'user' or a.performer_id is null)
        )
    union all
    select
        ticket_id,
        performed_at,
        is_new_ticket,
        export_id,
        position,
        case mark when 'deleted' then 7 else 8 end,
        case
            when is_set = 0 then 'Restored'
            when mark = 'deleted' then 'Deleted'
            else 'Spam'
        end
    from marks
    where is_set <> coalesce(was_set, 0)
),

first_activities as (
    select
        a.ticket_id,
        a.performed_at,
        a.is_new_ticket,
        a.export_id,
        a.position,
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
    where t.ticket_id not in (select e.ticket_id from events as e)
),

told as (
    select *
    from events
    union all
    select
        ticket_id,
        performed_at,
        is_new_ticket,
        export_id,
        position,
        9,
        'Seen'
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
    g.group_name
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
left join group_visits as g
    on g.ticket_id = e.ticket_id
    and g.started_at <= e.performed_at
    and (g.ended_at > e.performed_at or g.is_last = 1)
order by
    e.ticket_id,
    e.performed_at,
    e.is_new_ticket desc,
    e.export_id,
    e.position,
    e.place;
