-- Which status does each label mean?
--
-- One row per label that an activity sets. A label that is not mapped is a
-- status of its own; a blank one is no status. Key: label
select
    s.label,
    coalesce(a.final_status, s.spelling) as status,
    coalesce(c.is_resolved, 0) as is_resolved
from statuses as s
left join status_aliases as a on a.label_key = s.label_key
left join canonical_statuses as c on c.status = a.final_status
where s.spelling <> '';
