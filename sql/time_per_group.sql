-- How long did each group have each ticket on its hands?
--
-- One row per ticket and group that it ever had. Held: the ticket's known
-- status was neither Resolved nor Closed; held open: it was Open. Seconds, all
-- visits together, up to the end of the clock, so that a ticket's rows add up
-- to its time in all such statuses. (none): the group was set to nothing, or
-- not named yet since the creation. Empty: held by an unknown group, before the
-- first one is named. Of several groups in one second the last one stands, the
-- others are visits of 0 seconds.
with overlaps as (
    select
        h.ticket_id,
        h.group_name,
        h.visit,
        v.is_resolved,
        v.status,
        case when v.ended_at < h.ended_at then v.ended_at else h.ended_at end
        - case
            when v.started_at > h.started_at then v.started_at
            else h.started_at
        end as seconds
    from group_visits as h
    left join visits as v
        on v.ticket_id = h.ticket_id
        and v.started_at < h.ended_at
        and v.ended_at > h.started_at
),

held as (
    select
        ticket_id,
        group_name,
        coalesce(sum(seconds) filter (where is_resolved = 0), 0)
            as time_held_seconds,
        coalesce(sum(seconds) filter (where status = 'Open'), 0)
            as time_held_open_seconds,
        count(distinct visit) as visits
    from overlaps
    group by ticket_id, group_name
)

select
    ticket_id,
    group_name,
    time_held_seconds,
    time_held_open_seconds,
    visits
from held
where group_name is not null or time_held_seconds > 0
order by
    ticket_id,
    case
        when group_name is null then 3
        when group_name = '(none)' then 2
        else 1
    end,
    group_name;
