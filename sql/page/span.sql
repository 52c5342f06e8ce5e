-- Of which time do the exports tell?
--
-- One row: the start of the first export, the end of the clock, and the period
-- in which the tickets that count were created.
select
    min(e.start_at) as first_second,
    c.as_of,
    p.since_at,
    p.until_at
from exports as e
cross join clock as c
cross join report_period as p
group by c.as_of, p.since_at, p.until_at;
