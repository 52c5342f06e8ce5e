-- Adds a status that the metrics know.
insert into canonical_statuses (status, is_resolved)
values (:status, :is_resolved);
