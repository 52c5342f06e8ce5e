-- What do labels mean, by Freshdesk and as the user told?
select
    label,
    status
from status_aliases
order by label_key;
