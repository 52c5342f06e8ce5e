-- Of which time do the exports tell?
--
-- One row: the start of the first export, and the end of the clock.
select
    min(e.start_at) as first_second,
    c.as_of
from exports as e
cross join clock as c
group by c.as_of;
