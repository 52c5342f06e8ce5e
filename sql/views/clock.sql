-- Up to which moment do the exports tell what happened?
--
-- One row: as_of, UTC seconds. A status that has not ended runs to here; the
-- wall clock is never read.
select
    max(
        case
            when last_performed_at > end_at then last_performed_at
            else end_at
        end
    ) as as_of
from exports;
