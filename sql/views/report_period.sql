-- Of which time are the tickets that reports over many tickets count?
--
-- One row: since_at, and until_at, the first second after it. Null: no such
-- bound. sql_queries.py puts the bounds of --since and --until in its place.
select
    cast(null as bigint) as since_at,
    cast(null as bigint) as until_at;
