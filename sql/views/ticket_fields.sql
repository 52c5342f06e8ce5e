-- What do the account's own fields say of each ticket?
--
-- One row per ticket and field that an activity of it named: issue_type,
-- category, and the custom fields. A property without a column that is none of
-- Freshdesk's own is a custom field. Value: the last one named, as text, lists
-- and objects as JSON; (none): the field was set to nothing. SQLite shows a
-- number that is no integer of 64 bits with 15 digits, and ends a text at a
-- NUL. Key: ticket_id, field
with named as (
    select
        a.ticket_id,
        a.performed_at,
        a.is_new_ticket,
        a.export_id,
        a.position,
        j.key as field,
        case j.type
            when 'true' then 'true'
            when 'false' then 'false'
            else coalesce(j.value || '', '')
        end as value
    from activities as a
    cross join json_each(a.other_properties) as j
    where
        a.other_properties is not null
        -- what a column could not hold exactly, and what is no field
        and j.key not in (
            'added_tags',
            'added_watcher',
            'agent_id',
            'association',
            'automation',
            'category',
            'contacted_customer',
            'deleted',
            'description',
            'due_by',
            'group',
            'internal_agent_id',
            'issue_type',
            'new_ticket',
            'note',
            'priority',
            'product',
            'removed_tags',
            'removed_watcher',
            'requester',
            'requester_id',
            'send_email',
            'send_reply_email',
            'shipment_date',
            'shipping_address',
            'sla_policy',
            'source',
            'spam',
            'status',
            'subject',
            'thank_you_note',
            'thread',
            'thread_message',
            'ticket_type'
        )
),

ordered as (
    select
        ticket_id,
        field,
        value,
        row_number() over (
            partition by ticket_id, field
            order by
                performed_at desc,
                is_new_ticket,
                export_id desc,
                position desc
        ) as place_from_the_end
    from named
),

last_values as (
    select
        ticket_id,
        field,
        value
    from ordered
    where place_from_the_end = 1
    union all
    select
        ticket_id,
        'issue_type',
        issue_type
    from last_named_values
    where issue_type is not null
    union all
    select
        ticket_id,
        'category',
        category
    from last_named_values
    where category is not null
)

select
    ticket_id,
    field,
    case when trim(value) = '' then '(none)' else value end as value
from last_values;
