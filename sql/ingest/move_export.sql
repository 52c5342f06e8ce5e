-- Makes room for another export; see move_activities.
update exports
set export_id = export_id + 1
where export_id = ?;
