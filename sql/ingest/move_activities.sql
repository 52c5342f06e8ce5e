-- Lets the activities of an export move along with it.
update activities
set export_id = export_id + 1
where export_id = ?;
