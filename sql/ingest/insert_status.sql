-- Adds a status label as an export spells it, unless it is known.
insert into statuses (label, spelling, label_key)
values (?, ?, ?)
on conflict do nothing;
