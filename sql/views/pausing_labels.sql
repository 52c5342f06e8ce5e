-- In which statuses does the time to resolve a ticket stand still?
--
-- One row per label, by what its spellings share, with the status that it means
-- unless it is mapped. This has no rows; sql_queries.py puts those of
-- sla_policies.json in their place. Key: label_key
select
    cast(null as varchar(9)) as label_key,
    cast(null as varchar(9)) as status
where 1 = 0;
