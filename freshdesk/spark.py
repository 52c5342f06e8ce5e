"""The engine for what outgrows one machine: the same SQL on Apache Spark.

Optional: needs pyspark, and Java. Only results leave the workers:

    files        a file is a task, which reads it as export_json.py does: the
                 same rows, and the same line if it is malformed
    activities   equal ones count once; those of a ticket are in one partition
    results      of the same SQL that SQLite's engine runs, see in_spark()

The session is taken as it is configured. The engine sets only what the meaning
of the SQL depends on, in a session of its own beside it.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import sys
import time
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from itertools import chain, islice
from pathlib import Path
from shutil import make_archive
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JJavaError
from pyspark import SparkContext, errors
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import StructType

import export_json
from freshdesk import (
    FIRST_SECOND,
    Failure,
    QueryError,
    needed_views,
    show_progress,
    sql_dir,
    views,
)
from freshdesk.reader import Export, activity_rows, first_look, readable
from freshdesk.settings import Row, Settings
from freshdesk.sqlite import CHUNK_ROWS
from freshdesk.statuses import Alias, change_aliases
from freshdesk.writers import Output, csv_text

if TYPE_CHECKING:
    import pandas

SETTINGS = {
    "spark.sql.ansi.enabled": "true",  # refuse numbers that do not fit
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.files.maxPartitionBytes": "1",  # so that a file is a task
}
FEW_ROWS = 10_000  # are copied to each worker that joins them
# The types of numbers in Spark, and in pandas; all else is text.
DTYPES = {
    **dict.fromkeys(("boolean", "byte", "short", "integer", "long"), "Int64"),
    **dict.fromkeys(("float", "double", "decimal"), "float64"),
}


# The session


@contextmanager
def opened(
    exports: Sequence[str],
    aliases: Sequence[Alias],
    queries: Sequence[str],
    own: Mapping[str, str] | None = None,
    settings: Settings | None = None,
) -> Iterator[Engine]:
    """Open the engine that reads the exports that these paths match. It
    evaluates the views that *queries* need, *own* ones in place of the
    project's, and fills those that the settings tell.
    """
    with configured() as session:
        ship(session.sparkContext)
        show_progress("reading the exports")
        create_tables(session, exports, aliases)
        filled: Mapping[str, Iterable[Row]] = {}
        if settings:
            (time,) = session.sql(in_spark(views()["known_time"])).collect()
            filled = settings.rows(*time)
        for view, query in needed_views(queries, own).items():
            show_progress(view)
            frame = session.sql(in_spark(query))
            if view in filled:
                more = session.createDataFrame([*filled[view]], frame.schema)
                frame = frame.union(more)
            evaluated(frame).createOrReplaceTempView(view)
        yield Engine(session)


@contextmanager
def configured() -> Iterator[SparkSession]:
    """Open a session beside the active one, or beside a new one."""
    active = SparkSession.getActiveSession()
    session = active or new_session()
    session.sparkContext.setLogLevel("ERROR")
    # It prints many lines about a query that is refused.
    logging.getLogger("SQLQueryContextLogger").disabled = True
    own = session.newSession()
    for name, value in SETTINGS.items():
        own.conf.set(name, value)
    try:
        yield own
    finally:
        if active is None:
            session.stop()
        else:  # The session that made a frame last is the active one.
            active.createDataFrame([], "nothing int")


def new_session() -> SparkSession:
    """Start Spark, as spark-submit, its defaults and SPARK_MASTER say."""
    builder = SparkSession.builder
    if not sys.stderr.isatty():
        builder = builder.config("spark.ui.showConsoleProgress", "false")
    if master := os.environ.get("SPARK_MASTER"):
        builder = builder.master(master)
    try:
        session = builder.getOrCreate()
    except errors.PySparkRuntimeError as error:
        raise Failure(
            f"Spark does not start ({error}); it needs Java 17 or later, on"
            " the PATH or under JAVA_HOME"
        ) from error
    context = session.sparkContext
    if context.master.startswith("local"):  # Workers run on this Python.
        context.pythonExec = os.environ.get("PYSPARK_PYTHON", sys.executable)
    return session


@cache
def ship(context: SparkContext) -> TemporaryDirectory[str]:
    """Bring the scripts and their SQL to the workers, which need not have them.

    Workers fetch them from the folder that is returned. The cache keeps it.
    """
    directory = TemporaryDirectory()
    for folder in (Path(__file__).parent, sql_dir()):
        archive = make_archive(f"{directory.name}/{folder.name}", "zip", folder)
        context.addArchive(f"{archive}#{folder.name}")
    context.addPyFile(str(export_json.__file__))
    return directory


# Exports -> tables


def create_tables(
    session: SparkSession,
    paths: Sequence[str],
    aliases: Sequence[Alias],
) -> None:
    """Make the tables of sql/schema/tables.sql from the exports."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as blank:
        export_json.create_schema(blank)
        change_aliases(blank, aliases)
        schemas = table_schemas(blank)
        read = evaluated(read_exports(session, paths, schemas))
        ((malformed,),) = read.agg(F.min("malformed")).collect()
        if malformed:
            raise Failure(malformed.problem)
        same = read.where("export is not null").groupBy("export.sha256")
        first = same.agg(F.min("export").alias("first"))
        exports = evaluated(first.select("first.*"))
        activities = evaluated(counted_once(read, exports))
        labels = activities.select("status").distinct().dropna().collect()
        export_json.insert_labels(blank, {label for (label,) in labels})
        for table, schema in schemas.items():
            rows = blank.execute(f"select * from {table}").fetchall()
            constant = F.broadcast(session.createDataFrame(rows, schema))
            constant.createOrReplaceTempView(table)
    exports.createOrReplaceTempView("exports")
    activities.createOrReplaceTempView("activities")


def table_schemas(database: sqlite3.Connection) -> dict[str, StructType]:
    """Return the columns of each table, as Spark has them."""
    schemas: defaultdict[str, StructType] = defaultdict(StructType)
    for table, column, kind in database.execute(
        """
        select t.name, c.name, c.type
        from sqlite_master as t, pragma_table_info(t.name) as c
        where t.type = 'table'
        """
    ):
        is_integer = kind == "INTEGER" and column != "export_id"
        schemas[table].add(column, "long" if is_integer else "string")
    return schemas


def read_exports(
    session: SparkSession,
    paths: Sequence[str],
    schemas: dict[str, StructType],
) -> DataFrame:
    """Return what read_export() yields for all files that these paths match."""
    try:
        files = session.read.load(
            [*paths], format="binaryFile", recursiveFileLookup=True
        )
        contents = files.select("path", "content").rdd
        is_empty = not contents.getNumPartitions()
    except errors.AnalysisException:  # A path leads nowhere.
        is_empty = True
    if is_empty:
        raise Failure(
            f"{', '.join(paths)}: no such exports; name exports that are there"
        )
    problem = StructType().add("path", "string").add("problem", "string")
    return session.createDataFrame(
        contents.flatMap(lambda file: read_export(file.path, file.content)),
        StructType()
        .add("malformed", problem)
        .add("export", schemas["exports"])
        .add("activity", schemas["activities"]),
        verifySchema=False,
    )


def read_export(path: str, content: bytes) -> Iterator[dict[str, Any]]:
    """Yield the activities of an export, then the export, or its problem.

    The id of an export sorts by its start, then by its SHA-256. The start may
    stand behind the activities: until then, their export_id is the SHA-256.
    """
    path = re.sub("^file:(//(?=/))?", "", path)
    ingested = export_json.Ingested(Path(path).name)
    seconds = array("q")
    try:
        with readable(BytesIO(content), path) as file:
            digest, _ = first_look(file)
            export = Export(file)
            for row in activity_rows(export, digest):
                seconds.append(row["performed_at"])
                yield {"activity": {"is_new_ticket": 0, **row}}
            metadata = export.metadata
    except Failure as failure:
        yield {"malformed": {"path": path, "problem": str(failure)}}
        return
    if seconds:
        ingested.count(seconds, metadata)
    yield {
        "export": {
            "export_id": f"{metadata.start_at - FIRST_SECOND:012}{digest}",
            "sha256": digest,
            "ingested_at": int(time.time()),
            **metadata._asdict(),
            **vars(ingested),
        }
    }


def counted_once(read: DataFrame, exports: DataFrame) -> DataFrame:
    """Return the activities; of equal activities, the first. Those of a ticket
    are brought together once, in one partition.
    """
    ids = exports.select("export_id", F.col("sha256").alias("digest"))
    activities = (
        read.where("activity is not null")
        .select("activity.*")
        .withColumnRenamed("export_id", "digest")
        .join(F.broadcast(ids), "digest")
        .drop("digest")
        .repartition("ticket_id")
    )
    place = ["export_id", "position", "other_fields"]
    content = [name for name in activities.columns if name not in place]
    first = F.min(F.struct(*place)).alias("first")
    return activities.groupBy(*content).agg(first).select(*content, "first.*")


def evaluated(frame: DataFrame) -> DataFrame:
    """Return the rows of *frame*, computed once and kept on the workers.

    If they are few, each worker that joins them gets a copy.
    """
    rows = frame.localCheckpoint()
    return F.broadcast(rows) if rows.count() <= FEW_ROWS else rows


# Queries -> results


def in_spark(query: str) -> str:
    """Return a query as Spark takes it; Spark refuses all but a query.

    A backslash is no escape. The values of percentile_disc() are integers:
    Spark refuses "| 0" after others. A map has the texts of json_each().
    """
    query = query.rstrip().removesuffix(";").replace("\\", r"\\")
    query = re.sub(
        r"\bpercentile_disc\((.+?),\s*(\d*\.\d+)\s*\)",
        r"cast(percentile_disc(\2) within group (order by (\1) | 0) as bigint)",
        query,
        flags=re.IGNORECASE | re.DOTALL,
    )
    query = re.sub(
        r"\bcross join json_each\((.+?)\) as (\w+)",
        r"lateral view inline(transform("
        r"map_entries(from_json(\1, 'map<string, string>')), e -> named_struct("
        r"'key', e.key, 'value', e.value, 'type', 'text')))"
        r" \2 as key, value, type",
        query,
        flags=re.IGNORECASE,
    )
    return f"select * from (\n{query}\n)"


@dataclass
class Engine:
    """Answers queries. Raises QueryError, one line."""

    session: SparkSession

    def __call__(self, query: str) -> Iterator[pandas.DataFrame]:
        """Yield a query's result, some rows at a time."""
        with refused():
            result = self.session.sql(in_spark(query))
            yield from frames(result.toLocalIterator(True), result.schema)

    def write(
        self, output: Output, report: str, query: str, files: ExitStack
    ) -> None:
        """Write a query's result to a folder, in parts, where it is computed.

        The folder takes its place when *files* are closed.
        """
        target = f"{output.folder}/{report}.csv"
        unit, zone = output.unit, output.zone

        def texts(rows: Iterable[Row]) -> Iterator[tuple[str]]:
            for number, frame in enumerate(frames(rows, schema)):
                text = csv_text(frame, unit, zone, with_header=not number)
                yield (text.removesuffix("\n"),)  # Spark adds the newline.

        folder = files.enter_context(replacing(self.session, target))
        with refused():
            result = self.session.sql(in_spark(query))
            schema, rows = result.schema, result.rdd
            if not rows.getNumPartitions():  # The header needs one.
                rows = self.session.sparkContext.parallelize([], 1)
            lines = self.session.createDataFrame(
                rows.mapPartitions(texts), "line string", verifySchema=False
            )
            lines.write.text(folder, lineSep="\n")

    def remove(self, target: str) -> None:
        """Remove the folder of a report that an earlier run wrote."""
        path, files = hadoop_path(self.session, target)
        files.delete(path, True)


def frames(
    rows: Iterable[Row], schema: StructType
) -> Iterator[pandas.DataFrame]:
    """Yield rows as SQLite's engine does: in one frame or more."""
    import pandas

    kinds = [field.dataType.typeName() for field in schema]
    dtypes = {n: DTYPES.get(kind, "string") for n, kind in enumerate(kinds)}
    left = iter(rows)
    chunks = iter(lambda: [*islice(left, CHUNK_ROWS)], [])
    for some in chain([next(chunks, [])], chunks):
        frame = pandas.DataFrame(some, columns=range(len(kinds)), dtype=object)
        yield frame.astype(dtypes).set_axis(schema.names, axis=1)


def hadoop_path(session: SparkSession, target: str) -> tuple[Any, Any]:
    """Return a path on any file system that Spark writes to, and that."""
    path = session.sparkContext._jvm.org.apache.hadoop.fs.Path(target)
    configuration = session._jsparkSession.sessionState().newHadoopConf()
    return path, path.getFileSystem(configuration)


@contextmanager
def replacing(session: SparkSession, target: str) -> Iterator[str]:
    """Yield a folder that takes the place of *target* when all went well."""
    path_of = session.sparkContext._jvm.org.apache.hadoop.fs.Path
    path, files = hadoop_path(session, target)
    part = path_of(path.getParent(), f".{path.getName()}.part")
    old = path_of(path.getParent(), f".{path.getName()}.old")

    def rename(source: Any, target: Any) -> None:
        if not files.rename(source, target):
            raise OSError(f"{source}: cannot be renamed to {target}")

    try:
        files.delete(part, True)
        yield part.toString()
        for file in files.globStatus(path_of(part, "part-*.txt")):
            name = file.getPath().getName().removesuffix("txt") + "csv"
            rename(file.getPath(), path_of(part, name))
        if files.exists(path):
            files.delete(old, True)
            rename(path, old)
        rename(part, path)
        files.delete(old, True)
    finally:
        files.delete(part, True)


@contextmanager
def refused() -> Iterator[None]:
    """Raise what Spark finds wrong with a query as QueryError, one line."""
    try:
        yield
    except (errors.PySparkException, Py4JJavaError) as error:
        text = str(error)
        problem = re.search(r"(?<=QueryError: ).*", text) or re.search(
            r"\[(?!PYTHON_)[A-Z_.]+\] .*", text
        )
        if problem is None:  # It is an error in the program.
            raise
        raise QueryError(problem[0]) from error
