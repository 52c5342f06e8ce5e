-- Completes an export after its last activity.
update exports
set
    activities_count = :activities_count,
    outside_window = :outside_window,
    last_performed_at = :last_performed_at
where export_id = :export_id;
