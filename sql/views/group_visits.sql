-- When was each ticket in which group?
--
-- One row per visit: from the activity that names the group to the next
-- activity of the ticket that names a different one, or to the end of the
-- clock. (none): the group was set to nothing, or was not named yet since the
-- creation. Null: unknown, before the first group is named where the creation
-- was not seen. Of several groups in one second the last one stands, the others
-- are visits of 0 seconds. Key: ticket_id, visit
with first_named as (
    select
        ticket_id,
        min(performed_at) as named_at
    from activities
    where group_name is not null
    group by ticket_id
),

-- Each starts before the second in which the first group is named.
before_named as (
    select
        t.ticket_id,
        t.first_seen_at as started_at,
        null as group_name
    from tickets as t
    left join ticket_creations as c on c.ticket_id = t.ticket_id
    where c.ticket_id is null or c.created_at > t.first_seen_at
    union all
    select
        ticket_id,
        created_at,
        '(none)'
    from ticket_creations
),

named as (
    select
        b.ticket_id,
        b.started_at,
        null as is_new_ticket,
        null as export_id,
        null as position,
        b.group_name
    from before_named as b
    left join first_named as f on f.ticket_id = b.ticket_id
    where f.ticket_id is null or f.named_at > b.started_at
    union all
    select
        ticket_id,
        performed_at,
        is_new_ticket,
        export_id,
        position,
        case when trim(group_name) = '' then '(none)' else group_name end
            as group_name
    from activities
    where group_name is not null
),

ordered as (
    select
        ticket_id,
        started_at,
        is_new_ticket,
        export_id,
        position,
        group_name,
        row_number() over story as place,
        lag(group_name) over story as previous_group_name
    from named
    window story as (
        partition by ticket_id
        order by started_at, is_new_ticket desc, export_id, position
    )
)

select
    ticket_id,
    place as visit,
    group_name,
    previous_group_name,
    started_at,
    coalesce(lead(started_at) over ticket, c.as_of) as ended_at,
    case when lead(place) over ticket is null then 1 else 0 end as is_last,
    is_new_ticket,
    export_id,
    position
from ordered
cross join clock as c
where
    previous_group_name is null
    or previous_group_name <> group_name
window ticket as (partition by ticket_id order by place);
