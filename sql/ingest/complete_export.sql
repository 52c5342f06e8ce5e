-- Completes an export once all of it has been read, since the metadata may
-- stand behind the activities.
update exports
set
    start_at = :start_at,
    end_at = :end_at,
    activities_count = :activities_count,
    outside_window = :outside_window,
    last_performed_at = :last_performed_at
where export_id = :export_id;
