-- Begins an export; complete_export adds what its activities tell.
insert into exports (
    export_id,
    name,
    sha256,
    start_at,
    end_at,
    activities_count,
    outside_window,
    ingested_at
)
values (:export_id, :name, :sha256, :start_at, :end_at, 0, 0, :ingested_at);
