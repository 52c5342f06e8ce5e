-- Removes the activities of some tickets that stand there already: of equal
-- ones (same ticket, second, performer and content) the first in order stays.
-- {content} lists every column that is neither place nor other_fields.
delete from activities
where
    (ticket_id, performed_at, is_new_ticket, export_id, position) in (
        select
            n.ticket_id,
            n.performed_at,
            n.is_new_ticket,
            n.export_id,
            n.position
        from (
            select
                ticket_id,
                performed_at,
                is_new_ticket,
                export_id,
                position,
                row_number() over (
                    partition by
                        ticket_id,
                        performed_at,
                        is_new_ticket,
                        {content}
                    order by
                        export_id,
                        position
                ) as number
            from activities
            where
                (ticket_id, performed_at) in (
                    -- the seconds in which something is repeated: few
                    select
                        ticket_id,
                        performed_at
                    from activities
                    where
                        ticket_id in (select value from json_each(:ticket_ids))
                        and performed_at between :first_second and :last_second
                    group by
                        ticket_id,
                        performed_at,
                        is_new_ticket,
                        {content}
                    having count(*) > 1
                )
        ) as n
        where n.number > 1
    );
