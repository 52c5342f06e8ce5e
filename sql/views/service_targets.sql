-- Within what time are tickets of each priority to be answered and resolved?
--
-- One row per priority that has targets, by its code. Seconds; null: no such
-- target. Business: they are working time. This has no rows; sql_queries.py
-- puts those of sla_policies.json in their place. Key: priority
select
    cast(null as varchar(9)) as priority,
    cast(null as bigint) as respond_within_seconds,
    cast(null as bigint) as resolve_within_seconds,
    cast(null as bigint) as is_business
where 1 = 0;
