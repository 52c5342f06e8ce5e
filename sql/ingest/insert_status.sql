-- Adds a status label as an export spells it.
insert into statuses (label, spelling, label_key)
values (:label, :spelling, :label_key);
