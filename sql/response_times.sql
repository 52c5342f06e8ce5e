-- How long did every answer take, not only the first one?
--
-- One row per turn of a ticket. It begins when the ticket is asked, at the
-- creation for most tickets, or with somebody's first public note after an
-- agent's who is no agent. It ends with the next public note of an agent, whose
-- id is told. Seconds; empty: not answered yet. Turn 1 is the first response
-- where the creation was seen.
select
    t.ticket_id,
    t.turn,
    t.asked_at,
    t.answered_at - t.asked_at as response_time_seconds,
    t.agent_id,
    g.agent_name
from turns as t
left join named_agents as g on g.agent_id = t.agent_id
order by t.ticket_id, t.turn;
