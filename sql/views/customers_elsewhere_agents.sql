-- Which agents are customers in a ticket?
--
-- One row per ticket and agent who was ever named as its requester, and was
-- never assigned to it. Key: ticket_id, agent_id
with agents_who_ask as (
    select
        ticket_id,
        requester_id
    from requesters
    where requester_id in (select agent_id from agents)
),

assigned as (
    select
        ticket_id,
        cast(nullif(agent_id, '') as bigint) as agent_id
    from activities
    where ticket_id in (select r.ticket_id from agents_who_ask as r)
    union
    select
        ticket_id,
        internal_agent_id
    from activities
    where ticket_id in (select r.ticket_id from agents_who_ask as r)
)

select
    r.ticket_id,
    r.requester_id as agent_id
from agents_who_ask as r
left join assigned as a
    on a.ticket_id = r.ticket_id
    and a.agent_id = r.requester_id
where a.agent_id is null;
