-- The statuses that no metric knows, as the reports spell them.
select distinct s.spelling
from statuses as s
left join status_aliases as a on a.label_key = s.label_key
where
    a.label_key is null
    and s.spelling <> ''
order by s.spelling;
