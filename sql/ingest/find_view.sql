-- The database's copy of a view, as SQLite keeps it.
select sql
from sqlite_master
where
    type = 'view'
    and name = ?;
