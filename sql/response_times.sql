-- How long did every answer take, not only the first one?
--
-- One row per turn of a ticket. It begins when the ticket is asked, at the
-- creation for most tickets, or with somebody's first public note after an
-- agent's who is no agent. It ends with the next public note of an agent, whose
-- id is told. Seconds; empty: not answered yet. Turn 1 is the first response
-- where the creation was seen.
select
    ticket_id,
    turn,
    asked_at,
    answered_at - asked_at as response_time_seconds,
    agent_id
from turns
order by ticket_id, turn;
