-- One row per activity, in the order of the file, which rowid keeps. Times are
-- UTC seconds since 1970.
create table activities as
with records as (
    select
        metadata.end_at as end_at,
        unnest(activities_data) as record
    from export
)

select
    epoch(strptime(end_at, '%d-%m-%Y %H:%M:%S %z'))::bigint as export_end_at,
    epoch(strptime(record.performed_at, '%d-%m-%Y %H:%M:%S %z'))::bigint
        as performed_at,
    record.ticket_id as ticket_id,
    record.performer_type as performer_type,
    record.performer_id as performer_id,
    record.activity.note.id as note_id,
    record.activity.note.type as note_type,
    record.activity.shipping_address as shipping_address,
    record.activity.shipment_date as shipment_date,
    record.activity.category as category,
    record.activity.contacted_customer as contacted_customer,
    record.activity.issue_type as issue_type,
    record.activity.source as source,
    record.activity.status as status,
    record.activity.priority as priority,
    record.activity.group as group_name,
    record.activity.agent_id as agent_id,
    record.activity.requester as requester_id,
    record.activity.product as product
from records;
