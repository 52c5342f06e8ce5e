-- When do the agents work?
--
-- One row per span of working time in UTC: from opens_at to before closes_at,
-- both in the same day, which is named by its first second. Each day of the
-- known time has a first, empty span there. Seconds before: all that were
-- worked up to opens_at. This has no rows; sql_queries.py puts those of
-- business_hours.json in their place. Key: day, opens_at, closes_at
select
    cast(null as bigint) as day,
    cast(null as bigint) as opens_at,
    cast(null as bigint) as closes_at,
    cast(null as bigint) as seconds_before
where 1 = 0;
