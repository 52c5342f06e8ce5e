-- Removes the activities of some tickets that stand there already: of equal
-- ones (same ticket, second, performer and content) the first in order stays.
-- {content} and {same_content} list every column that is neither place nor
-- other_fields, of a and of b.
delete from activities as a
where
    (a.ticket_id, a.performed_at) in (
        select
            s.ticket_id,
            s.performed_at
        from activities as s
        where
            s.ticket_id in (select value from json_each(:ticket_ids))
            and s.performed_at between :first_second and :last_second
        group by
            s.ticket_id,
            s.performed_at
        having count(*) > 1
    )
    and exists (
        select 1
        from activities as b
        where
            b.ticket_id = a.ticket_id
            and b.performed_at = a.performed_at
            and b.is_new_ticket = a.is_new_ticket
            and (b.export_id, b.position) < (a.export_id, a.position)
            and ({content}) is ({same_content})
    );
