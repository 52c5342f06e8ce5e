-- Makes room for the next export.
delete from repeated_activities;
