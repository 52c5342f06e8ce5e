-- Makes room for another export. The activities move along.
update exports
set export_id = export_id + 1
where export_id = :export_id;
