-- What is each ticket: which priority, group, agent, product and source?
--
-- One row per ticket ever seen: the values at the end of the clock, the last
-- ones that an activity named; codes by their names. Empty: no activity ever
-- named one. (none): it was set to nothing, as the agent of an unassigned
-- ticket is. Set aside: deleted, else spam, else empty; such a ticket counts in
-- no figure over many tickets.
select
    ticket_id,
    priority,
    group_name,
    agent_id,
    agent_name,
    product,
    source,
    set_aside
from ticket_properties
order by ticket_id;
