-- What the reports share, each definition once: activities -> intervals ->
-- metrics. Times are UTC seconds, durations are seconds.

-- One row: the moment up to which the exports tell what happened. A status
-- that has not ended runs to here; the wall clock is never read.
create view clock as
select max(max(end_at, coalesce(last_performed_at, end_at))) as as_of
from exports;

-- One row per status label: the status that it means.
create view named_statuses as
select
    s.status_id,
    coalesce(a.status, s.spelling) as status,
    coalesce(c.is_resolved, 0) as is_resolved
from statuses as s
left join status_aliases as a on a.label_key = s.label_key
left join canonical_statuses as c on c.status = a.status;

-- One row per export: its place in the order of all exports, which is the
-- order of their activities within a second.
create view export_order as
select
    export_id,
    row_number() over (order by start_at, end_at, sha256) as export_place
from exports;

-- One row per activity that sets a status: the interval up to the next one of
-- the ticket, or to the end of the clock. Neighbours may have the same status
-- (every activity of the 2017 form repeats it): a visit to a status begins
-- where begins_visit is 1. Of several in one second the last one stands, the
-- others last 0 seconds.
create view status_intervals as
with ordered_changes as (
    select
        p.ticket_id,
        s.status,
        s.is_resolved,
        p.performed_at as started_at,
        lead(p.performed_at) over ticket_order as next_started_at,
        lag(s.status) over ticket_order as previous_status,
        lag(s.is_resolved) over ticket_order as previous_is_resolved
    from property_changes as p
    inner join activities as a
        on a.ticket_id = p.ticket_id
        and a.performed_at = p.performed_at
        and a.content_key = p.content_key
    inner join export_order as e on e.export_id = a.export_id
    inner join named_statuses as s on s.status_id = p.status_id
    window ticket_order as (
        partition by p.ticket_id
        order by
            p.performed_at,
            p.is_new_ticket desc,
            e.export_place,
            a.position
    )
)

select
    o.ticket_id,
    o.status,
    o.previous_status,
    o.is_resolved,
    coalesce(o.previous_is_resolved, 0) as previous_is_resolved,
    o.started_at,
    coalesce(o.next_started_at, c.as_of) as ended_at,
    coalesce(o.next_started_at, c.as_of) - o.started_at as seconds,
    case
        when o.previous_status is null or o.previous_status <> o.status then 1
        else 0
    end as begins_visit,
    case when o.next_started_at is null then 1 else 0 end as is_current
from ordered_changes as o
cross join clock as c;

-- One row per ticket whose creation was seen: when, and by whom. The earliest
-- activity marked new_ticket; where none is marked, the first of the ticket's
-- first second that sets Open and names a requester or a source.
create view ticket_creations as
with candidates as (
    select
        p.ticket_id,
        p.performed_at,
        a.performer_type,
        a.performer_id,
        row_number() over (
            partition by p.ticket_id
            order by
                p.is_new_ticket desc,
                p.performed_at,
                e.export_place,
                a.position
        ) as place
    from property_changes as p
    inner join activities as a
        on a.ticket_id = p.ticket_id
        and a.performed_at = p.performed_at
        and a.content_key = p.content_key
    inner join export_order as e on e.export_id = a.export_id
    left join named_statuses as s on s.status_id = p.status_id
    where
        p.is_new_ticket = 1
        or (
            s.status = 'Open'
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
            and p.performed_at = (
                select min(f.performed_at)
                from activities as f
                where f.ticket_id = p.ticket_id
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
select a.performer_id
from notes as n
inner join note_types as t on t.note_type = n.note_type
inner join activities as a
    on a.ticket_id = n.ticket_id
    and a.performed_at = n.performed_at
    and a.content_key = n.content_key
where
    t.is_agents_only = 1
    and a.performer_type = 'user'
    and a.performer_id is not null;

-- One row per ticket with a response: when an agent first wrote a public
-- note, at or after the creation. The ticket's customer (a requester who is
-- not assigned to it) is no agent here, whatever they do on other tickets.
-- What the creator writes in the creation's second is the ticket's body.
create view first_responses as
select
    n.ticket_id,
    min(n.performed_at) as responded_at
from ticket_creations as c
inner join notes as n on n.ticket_id = c.ticket_id
inner join note_types as t on t.note_type = n.note_type
inner join activities as a
    on a.ticket_id = n.ticket_id
    and a.performed_at = n.performed_at
    and a.content_key = n.content_key
where
    t.is_public = 1
    and n.performed_at >= c.created_at
    and a.performer_type = 'user'
    and a.performer_id in (select g.agent_id from agents as g)
    and not (
        n.performed_at = c.created_at
        and c.creator_id is not null
        and a.performer_id = c.creator_id
    )
    and (
        not exists (
            select 1
            from property_changes as r
            where r.ticket_id = n.ticket_id and r.requester_id = a.performer_id
        )
        or exists (
            select 1
            from property_changes as r
            where
                r.ticket_id = n.ticket_id
                and (
                    r.agent_id = a.performer_id
                    or r.internal_agent_id = a.performer_id
                )
        )
    )
group by n.ticket_id;

-- One row per ticket ever seen: its metrics. Null is unknown, 0 is known to
-- be none. Time per status counts all that was seen; the metrics that start
-- at the creation are null where it was not seen.
create view ticket_metrics as
with tickets as (
    select ticket_id
    from activities
    group by ticket_id
),

status_times as (
    select
        ticket_id,
        sum(case when status = 'Open' then seconds else 0 end) as open_seconds,
        sum(case when status = 'Waiting on Customer' then seconds else 0 end)
            as waiting_on_customer_seconds,
        sum(case when status = 'Pending' then seconds else 0 end)
            as pending_seconds,
        sum(
            case
                when previous_is_resolved = 1 and is_resolved = 0 then 1
                else 0
            end
        ) as reopens,
        max(case when is_current = 1 then status end) as current_status,
        max(is_current * is_resolved) as is_resolved,
        min(case when is_resolved = 1 then started_at end)
            as first_resolved_at,
        -- where the last unbroken run of Resolved and Closed starts
        max(
            case
                when is_resolved = 1 and previous_is_resolved = 0
                    then started_at
            end
        ) as last_resolved_at
    from status_intervals
    group by ticket_id
)

select
    t.ticket_id,
    s.open_seconds as time_spent_open_seconds,
    s.waiting_on_customer_seconds as time_spent_waiting_on_customer_seconds,
    s.pending_seconds as time_spent_waiting_for_response_seconds,
    case
        when s.is_resolved = 0 then null
        when s.last_resolved_at < c.created_at then 0
        else s.last_resolved_at - c.created_at
    end as time_till_resolution_seconds,
    r.responded_at - c.created_at as time_to_first_response_seconds,
    case
        when s.first_resolved_at < c.created_at then 0
        else s.first_resolved_at - c.created_at
    end as time_till_first_resolution_seconds,
    s.reopens,
    s.current_status,
    strftime('%Y-%m-%dT%H:%M:%SZ', c.created_at, 'unixepoch') as created_at
from tickets as t
left join status_times as s on s.ticket_id = t.ticket_id
left join ticket_creations as c on c.ticket_id = t.ticket_id
left join first_responses as r on r.ticket_id = t.ticket_id;
