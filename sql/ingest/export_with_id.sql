-- The export that has this number, if one has: its start and its SHA-256.
select
    start_at,
    sha256
from exports
where export_id = ?;
