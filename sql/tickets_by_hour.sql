-- How much came in each hour, how much was done, and what was left?
--
-- One row per hour of the reports' time zone, named by its start, from the
-- start of the first export to the end of the clock, those without activity
-- included (at most a million of them, which are 114 years). Created, first
-- answered: tickets. Resolved: steps to Resolved or Closed from another status,
-- or from none. Reopened: steps back. Both count steps of outbound emails, too.
-- Backlog: tickets whose known status at the end of the hour is neither
-- Resolved nor Closed; what happened before the first hour counts in it. Empty:
-- no export covers the hour. Only tickets that count are in it.
select
    hour,
    created,
    first_answered,
    resolved,
    reopened,
    backlog
from known_hours
order by hour;
