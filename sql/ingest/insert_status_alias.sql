-- Lets a label mean a canonical status. The last word counts.
insert into status_aliases (label_key, label, status)
values (?, ?, ?)
on conflict (label_key) do update
set label = excluded.label, status = excluded.status;
