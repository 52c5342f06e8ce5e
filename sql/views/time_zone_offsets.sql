-- How far is the time zone of the reports from UTC, and when?
--
-- One row per time in which one offset holds: from starts_at to before ends_at.
-- Local time is UTC and the offset. This is UTC itself; sql_queries.py puts the
-- offsets of --timezone in its place. Key: starts_at
select
    cast(-100000000000 as bigint) as starts_at,  -- before the year 1
    cast(300000000000 as bigint) as ends_at,     -- after the year 9999
    cast(0 as bigint) as offset_seconds;
