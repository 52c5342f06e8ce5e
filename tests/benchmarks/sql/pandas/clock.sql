-- The moment up to which the export tells what happened.
select max(max(end_at, coalesce(last_performed_at, end_at))) as as_of
from exports;
