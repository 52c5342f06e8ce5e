-- Property changes that wait to be inserted: as the table, without its rules.
create temp table if not exists staged_property_changes as
select *
from property_changes
where false;
