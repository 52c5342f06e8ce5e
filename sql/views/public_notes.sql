-- Who wrote public notes on each ticket, and when?
--
-- One row per public note of a person. By an agent: the ticket's customer is
-- no agent here, whatever they do on other tickets.
-- Key: ticket_id, performed_at, is_new_ticket, export_id, position
select
    a.ticket_id,
    a.performed_at,
    a.is_new_ticket,
    a.export_id,
    a.position,
    a.performer_id as author_id,
    case when g.agent_id is not null and x.agent_id is null then 1 else 0 end
        as is_by_agent
from activities as a
-- A + lets SQLite look the value up in a view.
left join agents as g on g.agent_id = +a.performer_id
left join customers_elsewhere_agents as x
    on x.ticket_id = +a.ticket_id
    and x.agent_id = +a.performer_id
where
    a.note_type in (
        select t.note_type
        from note_types as t
        where t.is_public = 1
    )
    and a.performer_type = 'user'
    and a.performer_id is not null;
