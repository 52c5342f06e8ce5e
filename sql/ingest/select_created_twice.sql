-- The first tickets that were created twice, as marked.
select ticket_id
from activities
where is_new_ticket = 1
group by ticket_id
having count(*) > 1
order by ticket_id
limit 3;
