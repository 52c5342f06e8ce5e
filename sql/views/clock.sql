-- Up to which moment do the exports tell what happened?
--
-- One row: as_of, UTC seconds. A status that has not ended runs to here; the
-- wall clock is never read.
select max(max(end_at, coalesce(last_performed_at, end_at))) as as_of
from exports;
