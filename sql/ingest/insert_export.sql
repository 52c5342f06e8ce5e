-- Begins an export; complete_export fills in what its end tells.
insert into exports (
    place,
    name,
    sha256,
    start_at,
    end_at,
    activities_count,
    outside_window,
    ingested_at
)
values (0, :name, :sha256, 0, 0, 0, 0, :ingested_at);
