-- Adds a code and its name, unless it is known.
insert into sources (source, name)
values (:code, :name)
on conflict do nothing;
