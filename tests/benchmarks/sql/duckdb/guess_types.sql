-- The export as DuckDB reads it by itself. Variables: export, its path, and
-- size, its bytes, since all of it is one JSON object.
create temp view export as
select metadata, activities_data
from read_json(
    getvariable('export'),
    maximum_object_size = getvariable('size')
);
