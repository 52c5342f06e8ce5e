-- Was each ticket answered and resolved within its target?
--
-- One row per ticket ever seen. The priority is the one that the ticket has at
-- the moment that is judged: the first response, the resolution, or else the
-- end of the clock. Elapsed: seconds of working time or of all time, as the
-- target says; those till the resolution only in statuses that neither pause
-- nor are Resolved or Closed. Met; missed: later than the target, happened or
-- not; running: not yet. Empty: the creation was not seen, nobody asked, or the
-- priority has no target.
select
    s.ticket_id,
    case
        when trim(s.response_priority) = '' then '(none)'
        else coalesce(f.name, s.response_priority)
    end as first_response_priority,
    s.respond_within_seconds as first_response_target_seconds,
    s.response_seconds as first_response_elapsed_seconds,
    s.response as first_response,
    case
        when trim(s.resolution_priority) = '' then '(none)'
        else coalesce(r.name, s.resolution_priority)
    end as resolution_priority,
    s.resolve_within_seconds as resolution_target_seconds,
    s.resolution_seconds as resolution_elapsed_seconds,
    s.resolution
from service_levels as s
left join priorities as f on f.priority = s.response_priority
left join priorities as r on r.priority = s.resolution_priority
order by s.ticket_id;
