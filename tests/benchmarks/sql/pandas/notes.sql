-- What the metrics need of each activity that is a note.
select
    ticket_id,
    performed_at,
    performer_type,
    performer_id,
    note_type
from notes;
