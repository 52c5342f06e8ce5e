-- What happened in each hour, and do the exports cover it?
--
-- One row per hour of the reports' time zone, from the start of the first
-- export to the end of the clock. Empty: no export covers the hour.
select
    hour,
    is_covered,
    is_whole,
    created,
    first_answered,
    resolved,
    backlog
from known_hours
order by hour;
