-- What happened in each hour, and do the exports cover it?
--
-- One row per hour of the reports' time zone, from the start of the first
-- export to the end of the clock. Local hour: seconds of local time. Empty: no
-- export covers the hour.
select
    h.hour,
    h.hour + z.offset_seconds as local_hour,
    h.is_covered,
    h.is_whole,
    h.created,
    h.first_answered,
    h.resolved,
    h.backlog
from known_hours as h
inner join time_zone_offsets as z
    on h.hour >= z.starts_at
    and h.hour < z.ends_at
order by h.hour;
