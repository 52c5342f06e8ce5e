-- The status labels that are known already.
select label, status_id
from statuses;
