-- Within what time are tickets to be answered and resolved?
--
-- One row per priority that has targets, the most urgent one first. Seconds;
-- null: no such target. Business: they are working time.
select
    p.name as priority,
    t.respond_within_seconds,
    t.resolve_within_seconds,
    t.is_business
from service_targets as t
inner join priorities as p on p.priority = t.priority
order by t.priority desc;
