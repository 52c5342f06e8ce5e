-- The export whose uncompressed bytes have this SHA-256, if it is there.
select export_id
from exports
where sha256 = ?;
