-- Which tickets are deleted, or spam?
--
-- One row per ticket that was last marked deleted, or last marked spam, and
-- not restored since. They count in no figure over many tickets.
-- Key: ticket_id
with marks as (
    select
        ticket_id,
        performed_at,
        is_new_ticket,
        export_id,
        position,
        'deleted' as mark,
        deleted as is_set
    from activities
    where deleted is not null
    union all
    select
        ticket_id,
        performed_at,
        is_new_ticket,
        export_id,
        position,
        'spam',
        spam
    from activities
    where spam is not null
),

ordered as (
    select
        ticket_id,
        mark,
        is_set,
        row_number() over (
            partition by ticket_id, mark
            order by
                performed_at desc,
                is_new_ticket,
                export_id desc,
                position desc
        ) as place_from_the_end
    from marks
)

select
    ticket_id,
    min(mark) as set_aside  -- deleted comes before spam
from ordered
where
    place_from_the_end = 1
    and is_set = 1
group by ticket_id;
