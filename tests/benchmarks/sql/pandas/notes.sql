-- The parts of each note that the metrics need.
select
    ticket_id,
    performed_at,
    performer_type,
    performer_id,
    note_type
from activities
where note_id is not null;
