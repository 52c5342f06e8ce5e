-- What the reports share, each definition once: activities -> intervals ->
-- metrics. Times are UTC seconds, durations are seconds.

-- One row: the moment up to which the exports tell what happened. A status
-- that has not ended runs to here; the wall clock is never read.
create view clock as
select max(max(end_at, coalesce(last_performed_at, end_at))) as as_of
from exports;

-- One row per status label: the status that it means. Statuses are numbered in
-- the order of their names; labels that mean the same have the same number.
create view named_statuses as
select
    s.status_id,
    dense_rank() over (order by coalesce(a.status, s.spelling))
        as status_number,
    coalesce(a.status, s.spelling) as status,
    coalesce(c.is_resolved, 0) as is_resolved
from statuses as s
left join status_aliases as a on a.label_key = s.label_key
left join canonical_statuses as c on c.status = a.status;

-- One row per status, however many labels mean it.
create view distinct_statuses as
select distinct
    status_number,
    status,
    is_resolved
from named_statuses;

-- One row per activity, whatever it is.
create view activities as
select
    ticket_id,
    performed_at,
    content_key,
    export_id,
    position,
    performer_type,
    performer_id,
    other_fields
from property_changes
union all
select
    n.ticket_id,
    n.performed_at,
    n.content_key,
    n.export_id,
    n.position,
    n.performer_type,
    n.performer_id,
    n.other_fields
from notes as n
where not exists (
    select 1
    from property_changes as p
    where
        p.ticket_id = n.ticket_id
        and p.performed_at = n.performed_at
        and p.content_key = n.content_key
);

-- One row per ticket ever seen: the second of its first activity.
create view tickets as
with first_seconds as (
    select
        ticket_id,
        min(performed_at) as first_seen_at
    from property_changes
    group by ticket_id
    union all
    select
        ticket_id,
        min(performed_at)
    from notes
    group by ticket_id
)

select
    ticket_id,
    min(first_seen_at) as first_seen_at
from first_seconds
group by ticket_id;

-- One row per activity that sets a status: the interval up to the next one of
-- the ticket, or to the end of the clock. Neighbours may have the same status
-- (every activity of the 2017 form repeats it): a visit to a status ends where
-- the next one differs. Of several in one second the last one stands, the
-- others last 0 seconds. The current one has no next status.
create view status_intervals as
with ordered_changes as (
    select
        p.ticket_id,
        p.is_new_ticket,
        p.export_id,
        p.position,
        s.status_number,
        p.performed_at as started_at,
        lead(p.performed_at) over ticket_order as next_started_at,
        lead(s.status_number) over ticket_order as next_status_number
    from property_changes as p
    inner join named_statuses as s on s.status_id = p.status_id
    window ticket_order as (
        partition by p.ticket_id
        order by
            p.performed_at,
            p.is_new_ticket desc,
            p.export_id,
            p.position
    )
)

select
    o.ticket_id,
    o.status_number,
    o.is_new_ticket,
    o.export_id,
    o.position,
    o.started_at,
    coalesce(o.next_started_at, c.as_of) as ended_at,
    o.next_status_number
from ordered_changes as o
cross join clock as c;

-- One row per ticket that had a status: what its statuses tell.
create view ticket_statuses as
with intervals as (
    select
        i.ticket_id,
        i.started_at,
        i.ended_at,
        i.ended_at - i.started_at as seconds,
        s.status,
        s.is_resolved,
        n.status is null as is_current,
        n.is_resolved as is_next_resolved
    from status_intervals as i
    inner join distinct_statuses as s on s.status_number = i.status_number
    left join distinct_statuses as n on n.status_number = i.next_status_number
),

totals as (
    select
        ticket_id,
        coalesce(sum(seconds) filter (where status = 'Open'), 0)
            as open_seconds,
        coalesce(sum(seconds) filter (where status = 'Waiting on Customer'), 0)
            as waiting_on_customer_seconds,
        coalesce(sum(seconds) filter (where status = 'Pending'), 0)
            as pending_seconds,
        count(*) filter (where is_resolved < is_next_resolved) as resolutions,
        count(*) filter (where is_resolved > is_next_resolved) as reopens,
        max(status) filter (where is_current) as current_status,
        max(is_resolved) filter (where is_current) as is_resolved,
        min(started_at) as first_status_at,
        min(started_at) filter (where is_resolved = 1) as first_resolved_at,
        max(ended_at) filter (where is_resolved = 0) as last_unresolved_at
    from intervals
    group by ticket_id
)

select
    ticket_id,
    open_seconds,
    waiting_on_customer_seconds,
    pending_seconds,
    reopens,
    current_status,
    is_resolved,
    first_status_at,
    -- what it is now, less the steps since
    is_resolved - resolutions + reopens as was_first_resolved,
    first_resolved_at,
    -- the start of the current unbroken run of Resolved and Closed
    case when is_resolved = 1 then coalesce(last_unresolved_at, first_status_at)
    end as resolved_at
from totals;

-- One row per ticket whose creation was seen: when, and by whom. The earliest
-- activity marked new_ticket; where none is marked, the first of the ticket's
-- first second that sets Open and names a requester or a source.
create view ticket_creations as
with candidates as (
    select
        p.ticket_id,
        p.performed_at,
        p.performer_type,
        p.performer_id,
        row_number() over (
            partition by p.ticket_id
            order by
                p.is_new_ticket desc,
                p.performed_at,
                p.export_id,
                p.position
        ) as place
    from property_changes as p
    inner join tickets as t on t.ticket_id = p.ticket_id
    left join named_statuses as s on s.status_id = p.status_id
    where
        p.is_new_ticket = 1
        or (
            p.performed_at = t.first_seen_at
            and s.status = 'Open'
            and (
                p.requester_id is not null
                or p.source is not null
                or exists (
                    -- a source that is no code, and so has no column
                    select 1
                    from property_changes as q
                    where
                        q.ticket_id = p.ticket_id
                        and q.performed_at = p.performed_at
                        and q.content_key = p.content_key
                        and json_extract(q.other_properties, '$.source')
                        is not null
                )
            )
        )
)

select
    ticket_id,
    performed_at as created_at,
    case when performer_type = 'user' then performer_id end as creator_id
from candidates
where place = 1;

-- One row per agent: whoever was ever assigned a ticket, or has written what
-- only agents write.
create view agents as
select agent_id
from property_changes
where agent_id is not null
union
select internal_agent_id
from property_changes
where internal_agent_id is not null
union
select n.performer_id
from notes as n
where
    n.note_type in (
        select t.note_type
        from note_types as t
        where t.is_agents_only = 1
    )
    and n.performer_type = 'user'
    and n.performer_id is not null;

-- One row per ticket whose creation was seen: when an agent first wrote a
-- public note, at or after the creation; null: not yet. The ticket's customer
-- (a requester who is not assigned to it) is no agent here, whatever they do on
-- other tickets. What the creator writes in the creation's second is the
-- ticket's body. SQLite looks at no note after the one that it finds.
create view first_responses as
select
    c.ticket_id,
    (
        select min(n.performed_at)
        from notes as n
        where
            n.ticket_id = c.ticket_id
            and n.performed_at >= c.created_at
            and n.note_type in (
                select t.note_type
                from note_types as t
                where t.is_public = 1
            )
            and n.performer_type = 'user'
            and n.performer_id in (select g.agent_id from agents as g)
            and not (
                n.performed_at = c.created_at
                and c.creator_id is not null
                and n.performer_id = c.creator_id
            )
            and (
                not exists (
                    select 1
                    from property_changes as r
                    where
                        r.ticket_id = n.ticket_id
                        and r.requester_id = n.performer_id
                )
                and not exists (
                    select 1
                    from property_changes as r
                    where
                        r.ticket_id = n.ticket_id
                        and instr(r.other_properties, '"requester":') > 0
                        and json_extract(r.other_properties, '$.requester')
                        = n.performer_id
                )
                or exists (
                    select 1
                    from property_changes as r
                    where
                        r.ticket_id = n.ticket_id
                        and (
                            r.agent_id = n.performer_id
                            or r.internal_agent_id = n.performer_id
                        )
                )
            )
    ) as responded_at
from ticket_creations as c;

-- One row per ticket ever seen: its metrics. Null is unknown, 0 is known to
-- be none. Time per status counts all that was seen; the metrics that start
-- at the creation are null where it was not seen.
create view ticket_metrics as
select
    t.ticket_id,
    s.open_seconds as time_spent_open_seconds,
    s.waiting_on_customer_seconds as time_spent_waiting_on_customer_seconds,
    s.pending_seconds as time_spent_waiting_for_response_seconds,
    case
        when s.resolved_at < c.created_at then 0
        else s.resolved_at - c.created_at
    end as time_till_resolution_seconds,
    r.responded_at - c.created_at as time_to_first_response_seconds,
    case
        when s.first_resolved_at < c.created_at then 0
        else s.first_resolved_at - c.created_at
    end as time_till_first_resolution_seconds,
    s.reopens,
    s.current_status,
    s.is_resolved,
    strftime('%Y-%m-%dT%H:%M:%SZ', c.created_at, 'unixepoch') as created_at
from tickets as t
left join ticket_statuses as s on s.ticket_id = t.ticket_id
left join ticket_creations as c on c.ticket_id = t.ticket_id
left join first_responses as r on r.ticket_id = t.ticket_id;

-- One row per ticket that waits for a first response: its creation was seen, no
-- agent has responded, and its known status, if any, is neither Resolved nor
-- Closed. Seconds from the creation to the end of the clock.
create view waiting_tickets as
select
    m.ticket_id,
    c.as_of - n.created_at as waited_seconds,
    m.current_status
from ticket_metrics as m
inner join ticket_creations as n on n.ticket_id = m.ticket_id
cross join clock as c
where
    m.time_to_first_response_seconds is null
    and coalesce(m.is_resolved, 0) = 0;

-- One row per ticket ever seen: what it is at the end of the clock, each
-- property under the last value that an activity named, codes by their names.
-- Null: no activity ever named the property. (none): it was set to nothing, as
-- the agent of an unassigned ticket is.
create view ticket_properties as
-- A property that is set to null, or to what its column cannot hold, stands in
-- the JSON. There null becomes '', which can be told from a missing key. Text
-- would end at a NUL, which becomes what the CSV has for it; a backslash that
-- is one must not be taken for the beginning of a NUL.
with changes as (
    select
        ticket_id,
        performed_at,
        is_new_ticket,
        export_id,
        position,
        priority,
        group_name,
        agent_id,
        product,
        source,
        case
            when instr(other_properties, '\u0000') = 0 then other_properties
            else replace(
                replace(other_properties, '\\', '\u005c'),
                '\u0000',
                '\ufffd'
            )
        end as other_properties
    from property_changes
),

named_values as (
    select
        p.ticket_id,
        -- as many digits for each, so that it sorts as text, too
        1000000000 + row_number() over (
            partition by p.ticket_id
            order by
                p.performed_at,
                p.is_new_ticket desc,
                p.export_id,
                p.position
        ) as place,
        coalesce(
            cast(p.priority as text),
            case json_type(p.other_properties, '$.priority')
                when 'null' then ''
                else json_extract(p.other_properties, '$.priority')
            end
        ) as priority,
        coalesce(
            p.group_name,
            case json_type(p.other_properties, '$.group')
                when 'null' then ''
                else json_extract(p.other_properties, '$.group')
            end
        ) as group_name,
        coalesce(
            cast(p.agent_id as text),
            case json_type(p.other_properties, '$.agent_id')
                when 'null' then ''
                else json_extract(p.other_properties, '$.agent_id')
            end
        ) as agent_id,
        coalesce(
            p.product,
            case json_type(p.other_properties, '$.product')
                when 'null' then ''
                else json_extract(p.other_properties, '$.product')
            end
        ) as product,
        coalesce(
            cast(p.source as text),
            case json_type(p.other_properties, '$.source')
                when 'null' then ''
                else json_extract(p.other_properties, '$.source')
            end
        ) as source
    from changes as p
    where
        p.priority is not null
        or p.group_name is not null
        or p.agent_id is not null
        or p.product is not null
        or p.source is not null
        or p.other_properties is not null
),

-- The value in the last place, which the largest text begins with.
last_values as (
    select
        ticket_id,
        substr(max(cast(place as text) || priority), 11) as priority,
        substr(max(cast(place as text) || group_name), 11) as group_name,
        substr(max(cast(place as text) || agent_id), 11) as agent_id,
        substr(max(cast(place as text) || product), 11) as product,
        substr(max(cast(place as text) || source), 11) as source
    from named_values
    group by ticket_id
)

select
    t.ticket_id,
    p.priority as priority_code,
    case
        when trim(v.priority) = '' then '(none)'
        else coalesce(p.name, v.priority)
    end as priority,
    case when trim(v.group_name) = '' then '(none)' else v.group_name end
        as group_name,
    case when trim(v.agent_id) = '' then '(none)' else v.agent_id end
        as agent_id,
    case when trim(v.product) = '' then '(none)' else v.product end as product,
    s.source as source_code,
    case
        when trim(v.source) = '' then '(none)'
        else coalesce(s.name, v.source)
    end as source
from tickets as t
left join last_values as v on v.ticket_id = t.ticket_id
left join priorities as p
    on cast(p.priority as text) = v.priority
    or p.name = v.priority
left join sources as s
    on cast(s.source as text) = v.source
    or s.name = v.source;

-- One row per property and each of its values (labels) that tickets have:
-- how many they are and what their metrics look like. answered: an agent has
-- responded. resolved, still open: the known status at the end of the
-- clock is, or is not, Resolved or Closed. reopened: at least once. Median and
-- 90th percentile are nearest-rank, over the tickets that have the metric: the
-- smallest value that half (nine tenths) of the values do not exceed; the mean
-- is rounded to a second. place: values first, then (none), then unknown.
create view metrics_by_property as
with labels as (
    select
        ticket_id,
        'priority' as property,
        priority_code as code,
        priority as label
    from ticket_properties
    union all
    select
        ticket_id,
        'group',
        null,
        group_name
    from ticket_properties
    union all
    select
        ticket_id,
        'agent',
        null,
        agent_id
    from ticket_properties
    union all
    select
        ticket_id,
        'product',
        null,
        product
    from ticket_properties
    union all
    select
        ticket_id,
        'source',
        source_code,
        source
    from ticket_properties
),

labelled as (
    select
        l.property,
        l.code,
        l.label,
        m.is_resolved,
        m.reopens,
        m.time_to_first_response_seconds as response_seconds,
        m.time_till_resolution_seconds as resolution_seconds
    from labels as l
    inner join ticket_metrics as m on m.ticket_id = l.ticket_id
),

-- Tickets with equal seconds in one row.
counted as (
    select
        property,
        label,
        'response' as metric,
        response_seconds as seconds,
        count(*) as tickets
    from labelled
    where response_seconds is not null
    group by property, label, response_seconds
    union all
    select
        property,
        label,
        'resolution',
        resolution_seconds,
        count(*)
    from labelled
    where resolution_seconds is not null
    group by property, label, resolution_seconds
),

ranked as (
    select
        property,
        label,
        metric,
        seconds,
        sum(tickets) over (
            partition by property, label, metric
            order by seconds
        ) as rank,
        sum(tickets) over (partition by property, label, metric) as tickets
    from counted
),

percentiles as (
    select
        property,
        label,
        metric,
        min(seconds) filter (where rank * 2 >= tickets) as median,
        min(seconds) filter (where rank * 10 >= tickets * 9) as p90
    from ranked
    group by property, label, metric
),

-- One row per value with what is counted, and one for each metric it has.
figures as (
    select
        property,
        label,
        min(code) as code,
        count(*) as tickets,
        count(response_seconds) as answered,
        count(*) filter (where is_resolved = 1) as resolved,
        count(*) filter (where reopens > 0) as reopened,
        count(*) filter (where is_resolved = 0) as still_open,
        cast(round(avg(response_seconds)) as integer) as mean_response,
        cast(round(avg(resolution_seconds)) as integer) as mean_resolution,
        null as metric,
        null as median,
        null as p90
    from labelled
    group by property, label
    union all
    select
        property,
        label,
        null,
        0,
        0,
        0,
        0,
        0,
        null,
        null,
        metric,
        median,
        p90
    from percentiles
)

select
    property,
    case
        when label is null then 3
        when label = '(none)' then 2
        else 1
    end as place,
    min(code) as code,
    label,
    sum(tickets) as tickets,
    sum(answered) as answered,
    sum(resolved) as resolved,
    sum(reopened) as reopened,
    sum(still_open) as still_open,
    max(median) filter (where metric = 'response')
        as median_time_to_first_response_seconds,
    max(p90) filter (where metric = 'response')
        as p90_time_to_first_response_seconds,
    max(mean_response) as mean_time_to_first_response_seconds,
    max(median) filter (where metric = 'resolution')
        as median_time_till_resolution_seconds,
    max(p90) filter (where metric = 'resolution')
        as p90_time_till_resolution_seconds,
    max(mean_resolution) as mean_time_till_resolution_seconds
from figures
group by property, label;
