-- How long did each agent have each ticket on their hands?
--
-- One row per ticket and agent that it ever had. Held: the ticket's known
-- status was neither Resolved nor Closed; held open: it was Open. Seconds, all
-- visits together, up to the end of the clock, so that a ticket's rows add up
-- to its time in all such statuses. (none): the agent was set to nothing, or
-- not named yet since the creation. Empty: held by an unknown agent, before the
-- first one is named. Of several agents in one second the last one stands, the
-- others are visits of 0 seconds.
with overlaps as (
    select
        h.ticket_id,
        h.agent_id,
        h.visit,
        v.is_resolved,
        v.status,
        case when v.ended_at < h.ended_at then v.ended_at else h.ended_at end
        - case
            when v.started_at > h.started_at then v.started_at
            else h.started_at
        end as seconds
    from agent_visits as h
    left join visits as v
        on v.ticket_id = h.ticket_id
        and v.started_at < h.ended_at
        and v.ended_at > h.started_at
),

held as (
    select
        ticket_id,
        agent_id,
        coalesce(sum(seconds) filter (where is_resolved = 0), 0)
            as time_held_seconds,
        coalesce(sum(seconds) filter (where status = 'Open'), 0)
            as time_held_open_seconds,
        count(distinct visit) as visits
    from overlaps
    group by ticket_id, agent_id
)

select
    h.ticket_id,
    h.agent_id,
    g.agent_name,
    h.time_held_seconds,
    h.time_held_open_seconds,
    h.visits
from held as h
left join named_agents as g
    on g.agent_id = cast(nullif(h.agent_id, '(none)') as bigint)
where h.agent_id is not null or h.time_held_seconds > 0
order by
    h.ticket_id,
    case
        when h.agent_id is null then 3
        when h.agent_id = '(none)' then 2
        else 1
    end,
    length(h.agent_id),
    h.agent_id;
