-- The first of some tickets that were created twice, as marked. {tickets}
-- selects them: those that an ingest creates, so that its time does not grow
-- with the database.
select ticket_id
from activities
where
    is_new_ticket = 1
    and ticket_id in ({tickets})
group by ticket_id
having count(*) > 1
order by ticket_id
limit 3;
