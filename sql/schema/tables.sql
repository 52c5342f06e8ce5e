-- The relational form of Freshdesk's ticket activity exports.
--
-- Times are UTC seconds since 1970. A code that Freshdesk has not documented
-- has no name in the small tables: they name codes and forbid none.

-- "FDta" marks a database of ours. A database keeps the tables it was made
-- with: raise the version when a table changes.
pragma application_id = 1178891361;
pragma user_version = 8;

create table exports (
    export_id integer primary key,         -- sorts by start_at, then by sha256
    name text not null,                    -- of the file, without its folder
    sha256 text not null unique check (length(sha256) = 64),
    start_at integer not null,
    end_at integer not null check (end_at >= start_at),
    activities_count integer not null check (activities_count >= 0),
    outside_window integer not null check (outside_window >= 0),
    last_performed_at integer,             -- null: it has no activities
    ingested_at integer not null
) strict;

create table priorities (
    priority text primary key,
    name text not null
) strict, without rowid;

create table sources (
    source text primary key,
    name text not null
) strict, without rowid;

insert into sources (source, name)
values
    ('1', 'Email'),
    ('2', 'Portal'),
    ('3', 'Phone'),
    ('4', 'Forums'),
    ('5', 'Twitter'),
    ('6', 'Facebook'),
    ('7', 'Chat'),
    ('8', 'Mobihelp'),
    ('9', 'Feedback widget'),
    ('10', 'Outbound email'),
    ('11', 'E-commerce'),
    ('12', 'Bot');

-- The type does not say who wrote a note: a customer's reply is one of the
-- public types, too. The types that only agents write give an agent away.
create table note_types (
    note_type integer primary key,
    name text not null,
    is_public integer not null check (is_public in (0, 1)),
    is_agents_only integer not null check (is_agents_only in (0, 1))
) strict;

insert into note_types (note_type, name, is_public, is_agents_only)
values
    (0, 'Reply', 1, 0),
    (1, 'Forward', 0, 1),
    (2, 'Reply to forward', 0, 1),
    (3, 'Private note', 0, 1),
    (4, 'Public note', 1, 0),
    (5, 'Phone note', 0, 0),
    (6, 'Broadcast note', 0, 0);

-- The statuses that the metrics know.
create table canonical_statuses (
    status text primary key,
    is_resolved integer not null check (is_resolved in (0, 1))
) strict, without rowid;

-- What labels mean: Freshdesk's own, those that the user mapped, and those that
-- these are mapped to.
create table status_aliases (
    label_key text primary key,            -- white space, case, accents alike
    label text not null,
    status text not null,                  -- as told: a status or another label
    final_status text not null             -- where that leads in the end
) strict, without rowid;

-- The labels that the exports use.
create table statuses (
    label text primary key,                -- as exported
    spelling text not null,                -- white space trimmed and folded
    label_key text not null                -- finds its alias, if it has one
) strict, without rowid;

-- One row per activity: a note, or changes of a ticket's properties, or both.
--
-- The primary key is the order in which a ticket's story is told. Activities
-- have no id of their own: the same ticket, second, performer and content is
-- the same activity. It is kept once, from the first export that holds it.
--
-- Each column from status to shipment_date holds the property of its name. A
-- property without a column stands in other_properties. Add a column here, and
-- export_json.py fills it: a text column with texts, an integer column with
-- integers. Null: the activity does not name the property. '': it sets the
-- property to nothing (a text column, and agent_id). A value of an unusual type
-- stands in other_properties, exactly; a text column holds its text as well.
-- The text of a due_by that has another offset than +0000 stands there, too.
create table activities (
    ticket_id integer not null,
    performed_at integer not null,
    is_new_ticket integer not null default 0 check (is_new_ticket in (0, 1)),
    export_id integer not null references exports (export_id),
    position integer not null check (position > 0),  -- in the export
    performer_type text not null,          -- user, or system
    performer_id integer,
    note_id integer,
    note_type integer,                     -- see note_types
    status text references statuses (label),
    priority text,                         -- a code, see priorities
    source text,                           -- a code, see sources
    group_name text,
    agent_id any,                          -- an integer, or ''
    internal_agent_id integer,
    requester_id integer,
    other_requester_id integer,            -- of a second name in one activity
    product text,
    category text,
    issue_type text,
    contacted_customer integer check (contacted_customer in (0, 1)),
    deleted integer check (deleted in (0, 1)),
    spam integer check (spam in (0, 1)),
    due_by integer,                        -- the end of the time to resolve it
    shipping_address text,
    shipment_date text,                    -- 2017-04-21, or as exported
    other_properties text,                 -- JSON, its keys sorted
    other_fields text,                     -- JSON: of the record, no content
    primary key (
        ticket_id,
        performed_at,
        is_new_ticket desc,
        export_id,
        position
    )
) strict, without rowid;
