-- Of which time do the exports tell?
--
-- One row: the second of the first activity, and the end of the clock. Null:
-- there is no activity, or no export.
select
    (
        select min(performed_at)
        from activities
    ) as first_second,
    (
        select max(
            case
                when last_performed_at > end_at then last_performed_at
                else end_at
            end
        )
        from exports
    ) as last_second;
