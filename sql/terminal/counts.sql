-- What do the reports speak of?
--
-- One row: tickets ever seen, and the moment up to which the exports tell.
select
    (select count(*) from tickets) as tickets,
    as_of
from clock;
