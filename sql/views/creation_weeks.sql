-- In which week was each ticket created?
--
-- One row per ticket whose creation was seen. Week: Monday 00:00 of the
-- reports' time zone in seconds of local time, as that of an hour is in
-- local_hours. Key: ticket_id
with local_creations as (
    select
        t.ticket_id,
        t.created_at + z.offset_seconds as local_at
    from ticket_creations as t
    inner join time_zone_offsets as z
        on t.created_at >= z.starts_at
        and t.created_at < z.ends_at
)

select
    ticket_id,
    local_at - ((local_at - 345600) % 604800 + 604800) % 604800 as week
from local_creations;
