-- One row, if there are public notes and no agent is known.
select 1 as has_unknown_agents
where
    exists (
        select 1
        from activities as a
        inner join note_types as t on t.note_type = a.note_type
        where t.is_public = 1
    )
    -- Mostly somebody is assigned: that is found sooner than all agents are.
    and not exists (select 1 from activities where agent_id <> '')
    and not exists (select 1 from agents);
