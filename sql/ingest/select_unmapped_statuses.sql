-- The statuses that no metric knows, as the reports spell them.
select distinct n.status
from named_statuses as n
left join canonical_statuses as c on c.status = n.status
where c.status is null
order by n.status;
