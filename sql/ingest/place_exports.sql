-- Counts the exports by their start, end and SHA-256, whichever was ingested
-- first: the order of their activities within a second.
with places as (
    select
        export_id,
        row_number() over (order by start_at, end_at, sha256) as place
    from exports
)

update exports
set place = p.place
from places as p
where exports.export_id = p.export_id and exports.place <> p.place;
