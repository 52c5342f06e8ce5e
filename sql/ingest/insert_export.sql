-- Adds an export, once all its activities are there.
insert into exports (
    export_id,
    name,
    sha256,
    start_at,
    end_at,
    activities_count,
    outside_window,
    last_performed_at,
    ingested_at
)
values (
    :export_id,
    :name,
    :sha256,
    :start_at,
    :end_at,
    :activities_count,
    :outside_window,
    :last_performed_at,
    :ingested_at
);
