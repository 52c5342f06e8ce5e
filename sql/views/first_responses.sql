-- When was each ticket first answered?
--
-- One row per ticket that an agent has answered since it was asked: with the
-- end of the turn that began with the asking. Key: ticket_id
select
    ticket_id,
    answered_at as responded_at,
    answers_export_id as export_id,
    answers_position as position
from turns
where
    is_asking = 1
    and answered_at is not null;
