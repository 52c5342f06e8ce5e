-- The first of some tickets that were created twice, as marked.
-- {tickets} selects their ids: those whose creation is in the exports that were
-- just ingested, so that the time does not grow with the database.
select ticket_id
from activities
where
    is_new_ticket = 1
    and ticket_id in ({tickets})
group by ticket_id
having count(*) > 1
order by ticket_id
limit 3;
