-- All that the metrics need of a property change, in a ticket's order.
create index property_changes_in_order on property_changes (
    ticket_id,
    performed_at,
    is_new_ticket desc,
    export_id,
    position,
    status_id,
    performer_type,
    performer_id,
    source,
    agent_id,
    internal_agent_id,
    requester_id
);
