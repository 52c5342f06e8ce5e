-- Makes room for what comes next.
delete from staged_property_changes;
