-- Removes the activities of some tickets that stand there already: of equal
-- ones (same ticket, second, performer and content) the first in order stays.
-- {content} lists every column that is neither place nor other_fields.
delete from activities
where
    (ticket_id, performed_at, is_new_ticket, export_id, position) in (
        -- seconds of more than one activity: one in seven
        with shared_seconds as (
            select
                ticket_id,
                performed_at
            from activities
            where
                ticket_id in (select value from json_each(:ticket_ids))
                and performed_at between :first_second and :last_second
            group by
                ticket_id,
                performed_at
            having count(*) > 1
        ),

        numbered as (
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
            where (ticket_id, performed_at) in (select * from shared_seconds)
        )

        select
            ticket_id,
            performed_at,
            is_new_ticket,
            export_id,
            position
        from numbered
        where number > 1
    );
