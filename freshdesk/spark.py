"""The engine for what outgrows one machine: the same SQL on Apache Spark.

Optional: needs pyspark and sqlglot, which nothing else does, and Java. From
export to result nothing but results leaves the workers:

    files           binaryFile; a file is a task, which reads it as export_json
                    does: the same rows, keys and refusals
    tables          those of sql/schema/tables.sql, an activity once: a ticket's
                    rows are brought together, and stay together
    views, reports  sql/schema/views.sql and sql/*.sql, translated by sqlglot

The session is taken as it is configured. Only what the meaning of the SQL
depends on is set, in a session of our own beside it.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlglot
from pyspark import SparkContext
from pyspark.errors import (
    AnalysisException,
    PySparkException,
    PySparkRuntimeError,
)
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import (
    BooleanType,
    DataType,
    DecimalType,
    LongType,
    StringType,
    StructField,
    StructType,
)
from sqlglot import exp

from export_json import create_schema, insert_aliases
from freshdesk import Failure, QueryError, show_progress, sql
from freshdesk.spark_rows import parsed

Row = tuple[Any, ...]
# Columns, rows, and whether the header comes first -> text
AsCsv = Callable[[Sequence[str], Sequence[Row], bool], str]

# What the same SQL means must not depend on how a cluster is set up.
SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",  # what cannot be computed is null
    "spark.sql.caseSensitive": "false",
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.files.maxPartitionBytes": "1",  # so that a file is a task
}

# The tables that exports fill, and what names the columns of a Batch's rows.
INSERTS = {
    "notes": "ingest/stage_note",
    "property_changes": "ingest/stage_property_change",
}
KEY = ("ticket_id", "performed_at", "content_key")
# Of the exports that an activity stands in the first one in this order counts.
EXPORT_ORDER = ("start_at", "end_at", "sha256")
# The tables of codes, and where exports name one that is not known.
CODES = {
    "priorities": ("priority", "property_changes"),
    "sources": ("source", "property_changes"),
    "note_types": ("note_type", "notes"),
}

# The parts of strftime()'s formats.
TIME_PARTS = {
    "%Y": "yyyy",
    "%m": "MM",
    "%d": "dd",
    "%H": "HH",
    "%M": "mm",
    "%S": "ss",
}
# What SQLite calls the types of JSON values, by Spark's names of them.
JSON_TYPES = {
    "VOID": "null",
    "BIGINT": "integer",
    "DECIMAL": "real",  # so is an integer of more than 64 bits
    "DOUBLE": "real",
    "STRING": "text",
    "ARRAY": "array",
    "OBJECT": "object",
}

FEW_ROWS = 10_000  # are copied to each worker that joins them, ...
MOST_EXPORTS = 10_000_000  # ... and so are two numbers of each export
CHUNK_ROWS = 10_000  # of a result are in memory at a time


# The connection


@contextmanager
def opened(
    exports: Sequence[str],
    aliases: Mapping[str, str],
    shared_views: Callable[[Mapping[str, str]], Sequence[str]],
) -> Iterator[Connection]:
    """Open a connection that reads the exports that these paths match.

    *shared_views* returns which of the views (by their definitions) are to be
    evaluated at once.
    """
    with configured() as session, ExitStack() as kept:
        ship(session.sparkContext)
        definitions = create_tables(session, exports, aliases, kept)
        shared = shared_views(definitions)
        for view, definition in definitions.items():
            frame = query(session, definition)
            if view in shared:
                show_progress(f"evaluating {view}")
                frame = evaluated(frame)
            frame.createOrReplaceTempView(view)
        yield Connection(session)


@contextmanager
def configured() -> Iterator[SparkSession]:
    """Open a session beside the active one, or beside a new one.

    It shares the other's cluster and configuration, but not its settings.
    """
    active = SparkSession.getActiveSession()
    session = active or new_session()
    session.sparkContext.setLogLevel("ERROR")
    # What is wrong with a query is said in one line.
    logging.getLogger("SQLQueryContextLogger").disabled = True
    own = session.newSession()
    for name, value in SETTINGS.items():
        own.conf.set(name, value)
    try:
        yield own
    finally:
        if active is None:
            session.stop()


def new_session() -> SparkSession:
    """Start Spark, as spark-submit, its defaults and SPARK_MASTER say."""
    builder = SparkSession.builder
    if master := os.environ.get("SPARK_MASTER"):
        builder = builder.master(master)
    if not sys.stderr.isatty():
        builder = builder.config("spark.ui.showConsoleProgress", "false")
    try:
        session = builder.getOrCreate()
    except PySparkRuntimeError as error:
        raise Failure(
            f"Spark does not start ({error}); it needs Java 17 or later, on"
            " the PATH or under JAVA_HOME"
        ) from error
    context = session.sparkContext
    if (context.master or "").startswith("local") and not (
        "PYSPARK_PYTHON" in os.environ
        or context.getConf().contains("spark.pyspark.python")
    ):
        context.pythonExec = sys.executable  # not another one on the PATH
    return session


@cache
def ship(context: SparkContext) -> TemporaryDirectory[str]:
    """Bring the scripts to the workers, which need not have them.

    They are fetched from the folder that is returned and so, with the cache,
    is kept as long as this process.
    """
    package = Path(__file__).parent
    directory = TemporaryDirectory()
    archive = Path(directory.name, "freshdesk_ticket_activities.zip")
    with zipfile.ZipFile(archive, "w") as file:
        for module in package.glob("*.py"):
            file.write(module, f"freshdesk/{module.name}")
        for name in ("export_json.py", "sql_queries.py"):
            file.write(package.parent / name, name)
    context.addPyFile(str(archive))
    return directory


class Connection:
    """Answers queries, as a connection to a database does."""

    def __init__(self, session: SparkSession) -> None:
        self.session = session

    def execute(
        self, text: str, parameters: Mapping[str, object] | None = None
    ) -> Cursor:
        """Return the cursor of a query in SQLite's dialect.

        Raises QueryError for anything else. Nothing is computed yet.
        """
        return Cursor(query(self.session, text, parameters))

    def replacing(self, folder: str) -> AbstractContextManager[str]:
        """Return a context: where to write what takes a folder's place."""
        return replacing(self.session, folder)


@contextmanager
def replacing(session: SparkSession, folder: str) -> Iterator[str]:
    """Yield a folder beside this one, which takes its place in the end.

    It does when all else went well, and is any that Spark writes to.
    """
    java: Any = session.sparkContext._jvm
    as_path = java.org.apache.hadoop.fs.Path
    path = as_path(folder)
    part, old = (
        as_path(path.getParent(), f".{path.getName()}.{kind}")
        for kind in ("part", "old")
    )
    files = path.getFileSystem(
        session._jsparkSession.sessionState().newHadoopConf()
    )

    def rename(source: Any, target: Any) -> None:
        if not files.rename(source, target):
            raise OSError(f"{source}: cannot be renamed to {target}")

    try:
        files.delete(part, True)
        yield str(part)
        for file in files.globStatus(as_path(part, "part-*.txt")):
            name = file.getPath().getName().removesuffix("txt")
            rename(file.getPath(), as_path(part, f"{name}csv"))
        if files.exists(path):
            files.delete(old, True)
            rename(path, old)
        rename(part, path)
        files.delete(old, True)
    finally:
        files.delete(part, True)


class Cursor:
    """A query's result, computed when it is read or written."""

    def __init__(self, frame: DataFrame) -> None:
        self.frame = frame
        self.description = [(name, *[None] * 6) for name in frame.columns]
        self.rows = answered(frame)

    def __iter__(self) -> Iterator[Row]:
        return self.rows

    def fetchmany(self, size: int) -> list[Row]:
        """Return the next rows, in a piece of this size."""
        return list(islice(self.rows, size))

    def write(self, folder: str, as_csv: AsCsv) -> None:
        """Write the result to a folder, in parts, where it was computed."""
        columns = self.frame.columns

        def pieces(rows: Iterable[Row]) -> Iterator[tuple[str]]:
            rest = iter(rows)
            for number in count():
                piece = list(islice(rest, CHUNK_ROWS))
                if not piece and number:
                    return
                text = as_csv(columns, piece, number == 0)
                yield (text.removesuffix("\n"),)  # which is written behind it

        with refused():
            session = self.frame.sparkSession
            parts = self.frame.rdd.mapPartitions(pieces)
            if not parts.getNumPartitions():  # nothing, but with a header
                parts = session.sparkContext.parallelize([()], 1).mapPartitions(
                    lambda _: pieces(iter(()))
                )
            lines = session.createDataFrame(
                parts, "line string", verifySchema=False
            )
            lines.write.text(folder, lineSep="\n")


def answered(frame: DataFrame) -> Iterator[Row]:
    """Yield a result's rows; only a part of it is in memory at a time."""
    with refused():
        yield from frame.toLocalIterator(prefetchPartitions=True)


@contextmanager
def refused() -> Iterator[None]:
    """Raise what Spark finds wrong with a query as QueryError."""
    try:
        yield
    except PySparkException as error:
        lines = str(error).strip().splitlines()
        is_python = any(line.startswith("Traceback") for line in lines)
        raise QueryError(lines[-1 if is_python else 0]) from error


# SQLite's dialect -> Spark's


def query(
    session: SparkSession,
    text: str,
    parameters: Mapping[str, object] | None = None,
) -> DataFrame:
    """Return what a query in SQLite's dialect selects, as plain values."""
    with refused():
        frame = session.sql(translated(text), dict(parameters or {}))
        return frame.select([plain(frame, field) for field in frame.schema])


def plain(frame: DataFrame, field: StructField) -> Any:
    """Return a column as the type of value that it has in SQLite."""
    column = frame[f"`{field.name.replace('`', '``')}`"]
    kinds: dict[type[DataType], str] = {
        BooleanType: "bigint",
        DecimalType: "double",
    }
    kind = kinds.get(type(field.dataType))
    return column.cast(kind).alias(field.name) if kind else column


def translated(text: str) -> str:
    """Return a query, or a view's, in Spark's dialect.

    Raises QueryError if *text* is not one query.
    """
    try:
        first, *others = sqlglot.parse(text, read="sqlite")
    except sqlglot.errors.SqlglotError as error:
        raise QueryError(str(error).splitlines()[0]) from error
    if isinstance(first, exp.Create):
        first = first.expression
    if any(others) or not isinstance(first, exp.Query):
        raise QueryError("not one query")
    in_spark: str = first.transform(as_in_spark).sql("spark", comments=False)
    return in_spark


def as_in_spark(node: exp.Expression) -> exp.Expression:
    """Return what sqlglot leaves as it is in SQLite, as Spark has it."""
    if isinstance(node, exp.DataType) and node.is_type("int"):
        return exp.DataType.build("bigint")  # integers have 64 bits
    if isinstance(node, exp.Literal) and node.is_int and is_value(node):
        return exp.cast(node, "bigint")
    if isinstance(node, exp.Anonymous) and node.name.lower() == "strftime":
        return formatted_time(node)
    if isinstance(node, (exp.JSONExtract, exp.JSONExtractScalar)):
        return json_value(node)
    if isinstance(node, exp.JSONType):
        return json_type(node)
    return node


def is_value(literal: exp.Literal) -> bool:
    """Return whether a number is computed with, and not part of a clause."""
    parent = literal.parent
    return not isinstance(
        parent,
        (
            exp.Limit,
            exp.Offset,
            exp.Ordered,
            exp.Group,
            exp.WindowSpec,
            exp.Cast,
            exp.DataTypeParam,
        ),
    )


def formatted_time(call: exp.Anonymous) -> exp.Expression:
    """Return strftime(format, seconds, 'unixepoch') as Spark has it."""
    arguments = call.expressions
    if len(arguments) != 3 or arguments[2].name != "unixepoch":
        raise QueryError("strftime() is for seconds since 1970, 'unixepoch'")
    parts = re.split(r"(%.)", arguments[0].name)
    try:
        parts[1::2] = [TIME_PARTS[part] for part in parts[1::2]]
    except KeyError as error:
        raise QueryError(f"strftime() without {error} on Spark") from None
    parts[::2] = [
        "'{}'".format(text.replace("'", "''")) if text else ""
        for text in parts[::2]
    ]
    moment = exp.Anonymous(this="timestamp_seconds", expressions=[arguments[1]])
    pattern = exp.Literal.string("".join(parts))
    return exp.Anonymous(this="date_format", expressions=[moment, pattern])


def json_value(
    call: exp.JSONExtract | exp.JSONExtractScalar,
) -> exp.Expression:
    """Return json_extract() as Spark has it, true and false as 1 and 0."""
    text = call.sql("spark")
    kind = variant_kind(call)
    number = exp.case().when(f"{text} = 'true'", "'1'").else_("'0'")
    is_boolean = exp.and_(f"{text} in ('true', 'false')", kind.eq("BOOLEAN"))
    return exp.case().when(is_boolean, number).else_(text)


def json_type(call: exp.JSONType) -> exp.Expression:
    """Return json_type() as Spark has it."""
    value = exp.JSONExtractScalar(this=call.this, expression=call.expression)
    kind = exp.case(variant_kind(call)).when("'BOOLEAN'", value.sql("spark"))
    for spark_name, name in JSON_TYPES.items():
        kind = kind.when(f"'{spark_name}'", f"'{name}'")
    return kind


def variant_kind(call: exp.Binary | exp.JSONType) -> exp.Expression:
    """Return the type of what a function of JSON looks up, as Spark has it."""
    document = exp.Anonymous(this="parse_json", expressions=[call.this])
    value = exp.Anonymous(
        this="variant_get", expressions=[document, call.expression]
    )
    kind = exp.Anonymous(this="schema_of_variant", expressions=[value])
    name = exp.Literal.string("^([A-Z]+)")  # of ARRAY<...>, DECIMAL(20,0)
    return exp.Anonymous(this="regexp_extract", expressions=[kind, name])


# Exports -> tables


def create_tables(
    session: SparkSession,
    exports: Sequence[str],
    aliases: Mapping[str, str],
    kept: ExitStack,
) -> dict[str, str]:
    """Make the tables of the exports; return the views' definitions."""
    with blank_database(aliases) as database:
        columns = columns_of_tables(database)
        parsed = cached(read(session, exports, columns), kept)
        refuse_malformed(parsed)
        known = numbered(known_once(parsed, columns["exports"]))
        numbers = evaluated(known, few=MOST_EXPORTS)
        tables = {
            "exports": numbers,
            **{
                table: cached(
                    counted_once(parsed, numbers, table, columns[table]), kept
                )
                for table in INSERTS
            },
        }
        changes = tables["property_changes"]
        tables["statuses"] = statuses(parsed, columns["statuses"])
        tables["property_changes"] = changes.withColumn(
            "status_id", status_id(changes["status_id"])
        )
        for table, names in columns.items():
            if table not in tables:
                tables[table] = constant(session, database, table, names)
        for table, (code, named_in) in CODES.items():
            tables[table] = with_unknown(tables[table], tables[named_in], code)
        for table in ("statuses", *CODES):
            tables[table] = evaluated(tables[table])
        for table, frame in tables.items():
            frame.createOrReplaceTempView(table)
        return dict(
            database.execute(
                "select name, sql from sqlite_master where type = 'view'"
            )
        )


@contextmanager
def blank_database(
    aliases: Mapping[str, str],
) -> Iterator[sqlite3.Connection]:
    """Open a database as export_json makes it, before the first export."""
    database = sqlite3.connect(":memory:", isolation_level=None)
    try:
        create_schema(database)
        insert_aliases(database, aliases)
        yield database
    finally:
        database.close()


Columns = dict[str, DataType]


def columns_of_tables(database: sqlite3.Connection) -> dict[str, Columns]:
    """Return {table: {column: type}}."""
    tables = database.execute(
        "select name from sqlite_master where type = 'table'"
    ).fetchall()
    types: dict[str, DataType] = {
        "INTEGER": LongType(),
        "TEXT": StringType(),
    }
    return {
        table: {
            name: types[kind]
            for _, name, kind, *_ in database.execute(
                f"pragma table_info({table})"
            )
        }
        for (table,) in tables
    }


def read(
    session: SparkSession,
    exports: Sequence[str],
    columns: Mapping[str, Columns],
) -> DataFrame:
    """Return what stands in the exports, a row for each that a table gets.

    That row is in the column that is named for its table, see shape().
    """
    try:
        found = (
            session.read.format("binaryFile")
            .option("recursiveFileLookup", "true")
            .load(list(exports))
        )
        files = found.select("path", "content").rdd
    except AnalysisException as error:
        raise Failure(
            f"{', '.join(exports)}: {str(error).splitlines()[0]};"
            " name exports that are there"
        ) from None
    if not files.getNumPartitions():
        raise Failure(
            f"{', '.join(exports)}: no such export; name exports that are there"
        )
    tables = tuple(INSERTS)
    label = inserted("property_changes").index("status_id")
    rows = files.flatMap(lambda file: parsed(file[0], file[1], tables, label))
    return session.createDataFrame(rows, shape(columns), verifySchema=False)


def shape(columns: Mapping[str, Columns]) -> StructType:
    """Return the type of what parsed() yields."""

    def struct(table: str, names: Iterable[str]) -> StructField:
        kinds = columns[table] | {"status_id": StringType()}  # its label, yet
        return StructField(
            table,
            StructType([StructField(name, kinds[name]) for name in names]),
        )

    return StructType(
        [
            StructField("path", StringType()),
            StructField("problem", StringType()),
            StructField("start_at", LongType()),
            StructField("end_at", LongType()),
            StructField("sha256", StringType()),
            struct("exports", columns["exports"]),
            struct("statuses", ("label", "spelling", "label_key")),
            *(struct(table, inserted(table)) for table in INSERTS),
        ]
    )


def inserted(table: str) -> list[str]:
    """Return the columns of a table that a Batch knows, in its order."""
    insert = sqlglot.parse_one(sql(INSERTS[table]), read="sqlite")
    return [column.name for column in insert.this.expressions]


def refuse_malformed(parsed: DataFrame) -> None:
    """Raise Failure if a file is no export."""
    first = parsed.agg(
        F.min_by("problem", F.when(F.col("problem").isNotNull(), F.col("path")))
    ).first()
    if first and first[0]:
        raise Failure(first[0])


def known_once(parsed: DataFrame, columns: Columns) -> DataFrame:
    """Return the exports; the same file twice is one."""
    exports = parsed.where("exports is not null").select("exports.*")
    return (
        exports.groupBy("sha256")
        .agg(F.min_by(F.struct(*columns), "name").alias("first"))
        .select("first.*")
    )


def numbered(exports: DataFrame) -> DataFrame:
    """Return the exports, with numbers that grow in their order."""
    in_order = exports.orderBy(*EXPORT_ORDER)
    return in_order.withColumn("export_id", F.monotonically_increasing_id())


def counted_once(
    parsed: DataFrame, exports: DataFrame, table: str, columns: Columns
) -> DataFrame:
    """Return a table's rows, each activity's from the first of its exports.

    A ticket's rows are in one partition, and stay there.
    """
    rows = parsed.where(F.col(table).isNotNull()).select(
        f"{table}.*", *EXPORT_ORDER
    )
    order = [*EXPORT_ORDER, *({"position"} & set(columns))]
    others = [name for name in columns if name not in (*KEY, "export_id")]
    first = F.min_by(F.struct(*others, "sha256"), F.struct(*order))
    return (
        rows.repartition("ticket_id")
        .groupBy(*KEY)
        .agg(first.alias("first"))
        .select(*KEY, "first.*")
        .join(F.broadcast(exports.select("sha256", "export_id")), "sha256")
        .select(*columns)
    )


def status_id(label: Column) -> Column:
    """Return the number that stands for a label, without asking anyone."""
    return F.xxhash64(label)


def statuses(parsed: DataFrame, columns: Columns) -> DataFrame:
    """Return the labels that the exports use."""
    labels = parsed.where("statuses is not null").select("statuses.*")
    return (
        labels.distinct()
        .withColumn("status_id", status_id(F.col("label")))
        .select(*columns)
    )


def constant(
    session: SparkSession,
    database: sqlite3.Connection,
    table: str,
    columns: Columns,
) -> DataFrame:
    """Return a table that no export fills, as it is in the blank database."""
    rows = database.execute(f"select * from {table}").fetchall()
    if not rows:
        kinds = [StructField(name, kind) for name, kind in columns.items()]
        return session.createDataFrame([], StructType(kinds))
    values = exp.values(rows, alias="constant", columns=[*columns])
    selected = exp.select(*columns).from_(values)
    return session.sql(selected.transform(as_in_spark).sql("spark"))


def with_unknown(known: DataFrame, named: DataFrame, code: str) -> DataFrame:
    """Return the codes, with those that are named besides, by number."""
    unknown = (
        named.select(code, F.col(code).cast("string").alias("name"))
        .where(F.col(code).isNotNull())
        .distinct()
        .join(known.hint("broadcast"), code, "left_anti")
    )
    others = [name for name in known.columns if name not in unknown.columns]
    no = F.lit(0).cast("bigint")
    return known.unionByName(unknown.withColumns(dict.fromkeys(others, no)))


def cached(frame: DataFrame, kept: ExitStack) -> DataFrame:
    """Return *frame*, whose columns are kept on the workers once computed."""
    kept.callback(frame.persist().unpersist)
    return frame


def evaluated(frame: DataFrame, few: int = FEW_ROWS) -> DataFrame:
    """Return the rows of *frame*, which are on the workers from now on.

    What reads them does not see the plan they were made by, which would grow
    with each view. Where they are few each worker gets a copy of them.
    """
    rows = frame.localCheckpoint()
    return rows.hint("broadcast") if rows.count() <= few else rows
