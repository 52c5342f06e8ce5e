-- Who is an agent?
--
-- One row per agent: whoever was ever assigned a ticket, or has written what
-- only agents write. Key: agent_id
select cast(agent_id as bigint) as agent_id
from activities
where agent_id <> ''
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
    and a.performer_id is not null;
