-- The export with all its types declared, which spares DuckDB to guess them.
-- Variables: export, its path, and size, its bytes.
create temp view export as
select metadata, activities_data
from read_json(
    getvariable('export'),
    maximum_object_size = getvariable('size'),
    columns = {
        metadata: 'struct(
            start_at varchar, end_at varchar, activities_count bigint
        )',
        activities_data: 'struct(
            performed_at varchar,
            ticket_id bigint,
            performer_type varchar,
            performer_id bigint,
            activity struct(
                note struct(id bigint, "type" bigint),
                shipping_address varchar,
                shipment_date varchar,
                category varchar,
                contacted_customer boolean,
                issue_type varchar,
                source bigint,
                status varchar,
                priority bigint,
                "group" varchar,
                agent_id bigint,
                requester bigint,
                product varchar
            )
        )[]'
    }
);
