-- The activities of the export at hand that other exports brought before, too.
create temp table if not exists repeated_activities (
    ticket_id integer not null,
    performed_at integer not null,
    content_key integer not null,
    position integer not null,
    primary key (ticket_id, performed_at, content_key)
) strict, without rowid;
