-- Who acts on each ticket, and as what?
--
-- One row per ticket and person who did something on it. The ticket's customer
-- is no agent here, whatever they do on other tickets. A contact is somebody in
-- copy, or anybody else. Key: ticket_id, performer_id
with persons as (
    select distinct
        ticket_id,
        performer_id
    from activities
    where
        performer_type = 'user'
        and performer_id is not null
)

select
    p.ticket_id,
    p.performer_id,
    case
        when g.agent_id is not null and x.agent_id is null then 'agent'
        when r.requester_id is not null then 'customer'
        else 'contact'
    end as role
from persons as p
-- A + lets SQLite look the value up in a view.
left join agents as g on g.agent_id = +p.performer_id
left join customers_elsewhere_agents as x
    on x.ticket_id = +p.ticket_id
    and x.agent_id = +p.performer_id
left join requesters as r
    on r.ticket_id = +p.ticket_id
    and r.requester_id = +p.performer_id;
