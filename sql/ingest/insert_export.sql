-- Begins an export; complete_export fills in what its end tells.
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
