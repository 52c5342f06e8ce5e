-- Whom does the user's own list of agents name?
--
-- One row per person; null: no name. Agent: 0 for who is marked as none, as a
-- bot is. This has no rows; sql_queries.py puts those of agents.json in their
-- place. Key: agent_id
select
    cast(null as bigint) as agent_id,
    cast(null as varchar(9)) as agent_name,
    cast(null as bigint) as is_agent
where 1 = 0;
