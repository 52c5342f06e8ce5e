-- Who is an agent?
--
-- One row per agent: whoever was ever assigned a ticket, has written what only
-- agents write, has set a status other than Open on a ticket whose requester is
-- known, or has sent an outbound email; the last two do not count on a ticket
-- that they are a requester of. Whoever the user's own list names is one, but
-- for who is marked there as none. Key: agent_id
with acts_on_others_tickets as (
    select
        a.ticket_id,
        a.performer_id
    from activities as a
    inner join named_statuses as s on s.label = a.status
    where
        s.status <> 'Open'
        and a.performer_type = 'user'
        and a.performer_id is not null
        and a.ticket_id in (select r.ticket_id from requesters as r)
    union all
    select
        ticket_id,
        creator_id
    from ticket_creations
    where
        is_outbound = 1
        and creator_id is not null
    except
    select
        ticket_id,
        requester_id
    from requesters
)

select cast(agent_id as bigint) as agent_id
from activities
where agent_id <> ''
union
select agent_id
from named_agents
union
select internal_agent_id
from activities
where internal_agent_id is not null
union
select a.performer_id
from activities as a
inner join note_types as t on t.note_type = a.note_type
where
    t.is_agents_only = 1
    and a.performer_type = 'user'
    and a.performer_id is not null
union
select performer_id
from acts_on_others_tickets
except
select agent_id
from named_agents
where is_agent = 0;
