-- The relational form of Freshdesk's ticket activity exports.
--
-- An activity has no id of its own in the export. It is what it is: a ticket,
-- a second, and a performer with a content. Those are its key here, the last
-- two as one number (content_key), so that an activity that stands in several
-- overlapping exports is one row, and a ticket's activities lie side by side.
-- It is a note or it changes properties: a table each, whole, so that nothing
-- has to be put together again to be read (the view activities has both).
-- Times are UTC seconds since 1970.

create table exports (
    export_id integer primary key,         -- by start_at, end_at and sha256
    name text not null,                    -- of the file, without its folder
    sha256 text not null unique check (length(sha256) = 64),
    start_at integer not null,
    end_at integer not null check (end_at >= start_at),
    activities_count integer not null check (activities_count >= 0),
    outside_window integer not null check (outside_window >= 0),
    last_performed_at integer,             -- empty when there are no activities
    ingested_at integer not null
) strict;

-- Freshdesk's codes. A code that is not known yet is added under its number.
create table priorities (
    priority integer primary key,
    name text not null
) strict;

create table sources (
    source integer primary key,
    name text not null
) strict;

create table note_types (
    note_type integer primary key,
    name text not null,
    is_public integer not null default 0 check (is_public in (0, 1)),
    is_agents_only integer not null default 0 check (is_agents_only in (0, 1))
) strict;

-- The statuses that the metrics know, ...
create table canonical_statuses (
    status text primary key,
    is_resolved integer not null check (is_resolved in (0, 1))
) strict, without rowid;

-- ... the labels that mean one of them (Freshdesk's own and the user's), ...
create table status_aliases (
    label_key text primary key,            -- white space folded, case folded
    label text not null,
    status text not null references canonical_statuses (status)
) strict, without rowid;

-- ... and the labels that the exports use.
create table statuses (
    status_id integer primary key,
    label text not null unique,            -- as exported
    spelling text not null,                -- white space trimmed and folded
    label_key text not null                -- finds its alias, if it has one
) strict;

create table notes (
    ticket_id integer not null,
    performed_at integer not null,
    content_key integer not null,          -- 64 bits of a hash: see export_json
    export_id integer not null
        references exports (export_id) on update cascade,
    position integer not null check (position > 0),
    performer_type text not null,
    performer_id integer,
    note_id integer not null,
    note_type integer not null references note_types (note_type),
    other_note_fields text
        check (other_note_fields is null or json_valid(other_note_fields)),
    other_fields text
        check (other_fields is null or json_valid(other_fields)),
    primary key (ticket_id, performed_at, content_key)
) strict, without rowid;

-- Null: the activity does not name this property. A property that it sets to
-- null (an unassigned group, say), or to something that the column cannot
-- hold, stands in other_properties, with all that has no column of its own.
-- An activity that is a note and changes properties, too, has a row here too.
create table property_changes (
    ticket_id integer not null,
    performed_at integer not null,
    content_key integer not null,
    export_id integer not null
        references exports (export_id) on update cascade,
    position integer not null check (position > 0),
    performer_type text not null,
    performer_id integer,
    other_fields text
        check (other_fields is null or json_valid(other_fields)),
    is_new_ticket integer not null check (is_new_ticket in (0, 1)),
    status_id integer references statuses (status_id),
    priority integer references priorities (priority),
    source integer references sources (source),
    group_name text,
    agent_id integer,
    internal_agent_id integer,
    requester_id integer,
    product text,
    category text,
    issue_type text,
    contacted_customer integer check (contacted_customer in (0, 1)),
    shipping_address text,
    shipment_date text,                    -- 2017-04-21, or N/A
    other_properties text
        check (other_properties is null or json_valid(other_properties)),
    primary key (ticket_id, performed_at, content_key)
) strict, without rowid;

-- Activities that name two requesters, one by each form's name: hardly any.
create index property_changes_of_two_requesters on property_changes (
    ticket_id,
    other_properties
)
where instr(other_properties, '"requester":') > 0;
