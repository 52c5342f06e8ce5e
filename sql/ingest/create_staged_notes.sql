-- Notes that wait to be inserted: as the table, without its rules.
create temp table if not exists staged_notes as
select *
from notes
where false;
