-- The exports that start when a new one does, the last one first, and whether
-- they come after it.
select
    export_id,
    (end_at, sha256) > (:end_at, :sha256) as is_later
from exports
where start_at = :start_at
order by export_id desc;
