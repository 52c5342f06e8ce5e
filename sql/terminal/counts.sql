-- What do the reports speak of?
--
-- One row: the tickets that count, those that are set aside (deleted or spam),
-- and the moment up to which the exports tell.
select
    (select count(*) from counted_tickets) as tickets,
    (select count(*) from set_aside_tickets) as set_aside,
    as_of
from clock;
