-- The labels that mean a canonical status: Freshdesk's own and the user's.
select
    label,
    status
from status_aliases;
