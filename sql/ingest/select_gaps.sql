-- One row per time that no export covers, between the first and the last one:
-- its first and its last second.
with windows as (
    select
        start_at,
        end_at,
        max(end_at) over (
            order by start_at, end_at, sha256
            rows between unbounded preceding and 1 preceding
        ) as covered_until
    from exports
)

select
    covered_until + 1 as first_second,
    start_at - 1 as last_second
from windows
where start_at > covered_until + 1
order by first_second;
