-- Which tickets are deleted, or spam?
--
-- One row per ticket that was last marked deleted, or last marked spam, and
-- not restored since. They count in no figure over many tickets.
-- Key: ticket_id
select
    ticket_id,
    min(mark) as set_aside  -- deleted comes before spam
from marks
where
    is_last = 1
    and is_set = 1
group by ticket_id;
