-- Adds what waits, unless it is already there. In the order of the table, so
-- that each of its pages is visited once.
insert into notes
select *
from staged_notes
where true
order by
    ticket_id,
    performed_at,
    content_key,
    position
on conflict do nothing;
