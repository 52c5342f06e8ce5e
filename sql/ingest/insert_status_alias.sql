-- Lets a label mean a status, and tells where that leads in the end.
insert into status_aliases (label_key, label, status, final_status)
values (?, ?, ?, ?);
