-- Adds a code and its name, unless it is known.
insert into priorities (priority, name)
values (:code, :name)
on conflict do nothing;
