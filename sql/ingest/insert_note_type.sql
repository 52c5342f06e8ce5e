-- Adds a code and its name, unless it is known.
insert into note_types (note_type, name, is_public, is_agents_only)
values (:code, :name, :is_public, :is_agents_only)
on conflict do nothing;
