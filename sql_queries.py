"""Answer questions about the tickets in the database: one CSV file each.

A report is a file of SQL, one query over the tables and views that `sql/schema`
describes: `sql/time_to_first_response.sql` makes

    data/outputs/time_to_first_response.csv:
        ticket_id,time_to_first_response_seconds
        600,
        704,1800

Whoever puts another `.sql` file there gets its CSV file. An empty field is
unknown; 0 is known to be none.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import (
    AbstractContextManager,
    ExitStack,
    contextmanager,
    suppress,
)
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol, cast

from freshdesk import (
    DATABASE,
    OUTPUTS_DIR,
    Failure,
    QueryError,
    duration,
    exit_status,
    format_timestamp,
    is_database,
    locked,
    plural,
    replacing,
    show_progress,
    sql,
    sql_dir,
)

if TYPE_CHECKING:
    from freshdesk import spark

UNITS = {"seconds": 1, "minutes": 60, "hours": 3600}

# The views that several reports and views read. Each is evaluated once a run
# that needs it, in this order, since the later ones read the earlier ones.
SHARED_VIEWS = (
    "named_statuses",
    "export_order",
    "status_intervals",
    "ticket_creations",
    "agents",
    "first_responses",
    "ticket_metrics",
    "ticket_properties",
    "metrics_by_property",
)

TERMINAL = ("metrics", "longest_waiting", "counts")  # whatever the reports

Row = tuple[Any, ...]

CHUNK_ROWS = 10_000  # of a result are in memory at a time
CACHE_KIB = 40_000  # of the database's pages

# What a spreadsheet would run as a formula begins with one of these.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


# The engines


class Cursor(Protocol):
    """A query's result, as DB-API has it."""

    @property
    def description(self) -> Any: ...

    def fetchmany(self, size: int, /) -> list[Row]: ...

    def __iter__(self) -> Iterator[Row]: ...


class Connection(Protocol):
    """What answers queries over the tables and views, as DB-API has it."""

    def execute(
        self, query: str, parameters: Mapping[str, object], /
    ) -> Cursor: ...


@dataclass
class Engine:
    """A way to a connection on which these tables and views are."""

    opened: Callable[[Sequence[str]], AbstractContextManager[Connection]]
    folders: Sequence[Path] = ()  # that it reads, and no other run may change
    # What the user should know of the exports, unless ingest has told.
    notes: Callable[[Connection], Iterable[str]] = lambda _: ()


def sqlite_engine(database: Path) -> Engine:
    """Return the engine that reads what export_json.py ingested."""
    if not is_database(database):
        raise Failure(
            f"{database}: no such database; make it with export_json.py"
        )
    return Engine(partial(opened, database), [database.parent])


def spark_engine(
    exports: Sequence[str], aliases: Sequence[tuple[str, str]]
) -> Engine:
    """Return the engine that reads the exports themselves, on Spark."""
    require("pyspark", "'pyspark>=4' sqlglot")
    require("sqlglot", "'pyspark>=4' sqlglot")
    from export_json import last_words, notes_on_all
    from freshdesk import spark

    return Engine(
        lambda queries: spark.opened(
            exports, last_words(aliases), partial(needed_views, queries)
        ),
        notes=lambda connection: notes_on_all(partial(started, connection)),
    )


def status_alias(text: str) -> tuple[str, str]:
    """Return (label, canonical status) of "Label=Status"."""
    from export_json import status_alias  # which SQLite's runs do not need

    return status_alias(text)


# SQLite's


@contextmanager
def opened(
    database: Path, queries: Iterable[str]
) -> Iterator[sqlite3.Connection]:
    """Open the database for these queries, as it is at this moment."""
    try:
        connection = connect(database, queries)
    except sqlite3.DatabaseError as error:
        raise Failure(
            f"{database}: cannot be read ({error}); check the disk and the"
            " permissions, or ingest the exports again with --replace"
        ) from error
    try:
        yield connection
    finally:
        connection.close()


def connect(database: Path, queries: Iterable[str]) -> sqlite3.Connection:
    """Return a connection that can read the database and do nothing else.

    The shared views that the queries need have been evaluated.
    """
    if database.with_name(f"{database.name}-journal").exists():
        # An ingest was killed. The first to open the database for writing
        # takes back what it had begun; where we may not, reading tells.
        with suppress(sqlite3.Error):
            writable = sqlite3.connect(database)
            writable.execute("select 1 from exports limit 1")
            writable.close()
    uri = f"{database.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    connection.execute(f"pragma cache_size = -{CACHE_KIB}")
    connection.execute("begin")  # all reports see the same moment
    definitions: dict[str, str] = dict(
        connection.execute(
            "select name, sql from sqlite_master where type = 'view'"
        )
    )
    for view in needed_views(queries, definitions):
        show_progress(f"evaluating {view}")
        evaluate(connection, view, definitions[view])
    connection.set_authorizer(only_reading)
    return connection


def needed_views(
    queries: Iterable[str], definitions: Mapping[str, str]
) -> list[str]:
    """Return which of SHARED_VIEWS the queries name, and these views in turn.

    A name in a comment counts too: that costs time, and nothing else.
    """
    texts = list(queries)
    needed: list[str] = []
    for view in reversed(SHARED_VIEWS):
        if any(re.search(rf"(?i)\b{view}\b", text) for text in texts):
            needed.insert(0, view)
            texts.append(definitions[view])
    return needed


def evaluate(
    connection: sqlite3.Connection, view: str, definition: str
) -> None:
    """Put a view's rows into a temporary table that takes its name.

    Whatever reads the view from now on, in this connection, reads the table:
    the reports, and the views that are evaluated after it. All seven reports
    take a third of the time so.
    """
    query = definition.partition(" as\n")[2]
    connection.execute(f"create temp table {view} as {query}")


def only_reading(action: int, *_: object) -> int:
    """Let SQLite refuse all but queries, so that a report changes nothing."""
    allowed = {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
    }
    return sqlite3.SQLITE_OK if action in allowed else sqlite3.SQLITE_DENY


# Reports -> CSV files


def started(
    connection: Connection,
    query: str,
    parameters: Mapping[str, object] | None = None,
) -> Cursor:
    """Return the cursor of a query; meanwhile Ctrl-C waits.

    Inside only_reading() SQLite would take it for a refusal.
    """
    waiting: list[int] = []
    usual = signal.signal(
        signal.SIGINT, lambda number, _: waiting.append(number)
    )
    try:
        return connection.execute(query, parameters or {})
    finally:
        signal.signal(signal.SIGINT, usual)
        for number in waiting:
            signal.raise_signal(number)


def find_reports(directory: Path, names: Sequence[str]) -> list[Path]:
    """Return the reports' files in name order: those named, or all of them."""
    found = {
        path.stem: path
        for path in sorted(directory.glob("*.sql"))
        if not path.name.startswith(".")  # an editor's
    }
    if not found:
        raise Failure(
            f"{directory}: no .sql files there; name another --sql-dir"
        )
    for name in names:
        if name not in found:
            raise Failure(
                f"{directory / name}.sql: no such report; there are:"
                f" {', '.join(found)}"
            )
    return [found[name] for name in sorted(set(names) or found)]


@contextmanager
def blamed(report: Path) -> Iterator[None]:
    """Raise what is wrong with a report as Failure, which names it."""
    try:
        yield
    except (
        QueryError,
        sqlite3.Error,
        sqlite3.Warning,
        UnicodeDecodeError,
    ) as error:
        raise Failure(
            f"{report}: {error}; a report is one select, and only reads"
        ) from error


def result(connection: Connection, report: Path) -> tuple[list[str], Cursor]:
    """Return a report's columns, and the cursor of its rows.

    Raises Failure if it is not one query.
    """
    cursor = started(connection, report.read_text(encoding="utf-8"))
    if cursor.description is None:
        raise Failure(f"{report}: no query in it; a report is one select")
    columns = [name for name, *_ in cursor.description]
    if len(set(columns)) < len(columns):
        raise Failure(f"{report}: two columns have one name; rename one")
    return columns, cursor


def results(
    connection: Connection, report: Path
) -> Iterator[tuple[list[str], list[Row]]]:
    """Yield a report's columns, and its rows piece by piece, at least once.

    Raises Failure, naming the report, if it is not one query.
    """
    with blamed(report):
        columns, cursor = result(connection, report)
        rows = cursor.fetchmany(CHUNK_ROWS)
        while True:
            yield columns, rows
            rows = cursor.fetchmany(CHUNK_ROWS)
            if not rows:
                return


def renamed(column: str, unit: str) -> str:
    """Return a column's name, with the unit of its durations."""
    if column.endswith("_seconds"):
        return column.removesuffix("seconds") + unit
    return column


def converted(
    column: str, values: Sequence[object], unit: str
) -> Iterable[object]:
    """Return a column's values for a CSV file, durations in their unit.

    Raises TypeError if a duration is not a number.
    """
    if unit != "seconds" and column.endswith("_seconds"):
        return (in_unit(value, unit) for value in values)
    if str in set(map(type, values)):
        return map(defused, values)
    return values


def in_unit(seconds: Any, unit: str) -> float | None:
    """Return a duration in another unit, with two decimals; halves to even."""
    if seconds is None:
        return None
    hundredths: int = round(seconds * 100 / UNITS[unit])
    return hundredths / 100


def defused(value: object) -> object:
    """Return *value*, with a ' before text that a spreadsheet would run.

    A NUL, which many readers of CSV refuse (and Python's own writer before
    3.11), becomes the replacement character.
    """
    if not isinstance(value, str):
        return value
    value = value.replace("\0", "\ufffd")
    return f"'{value}" if value.startswith(FORMULA_STARTS) else value


def write_csv(
    connection: Connection, report: Path, unit: str, file: IO[str]
) -> None:
    """Write a report's result to *file*; see results() for what may be wrong.

    With pandas it would take three times as long, its import not counted.
    """
    for number, (columns, rows) in enumerate(results(connection, report)):
        try:
            write_rows(columns, rows, number == 0, unit, file)
        except TypeError as error:
            raise Failure(
                f"{report}: a column of seconds is not of numbers ({error});"
                " correct the report, or leave out --unit"
            ) from error


def write_rows(
    columns: Sequence[str],
    rows: Sequence[Row],
    with_header: bool,
    unit: str,
    file: IO[str],
) -> None:
    """Write rows to a CSV file; raise TypeError as converted() does."""
    writer = csv.writer(file, lineterminator="\n")
    if with_header:
        writer.writerow(defused(renamed(name, unit)) for name in columns)
    # a piece without rows has no columns, either
    by_column = zip(*rows, strict=True) if rows else [()] * len(columns)
    fields = [
        converted(name, values, unit)
        for name, values in zip(columns, by_column, strict=True)
    ]
    writer.writerows(zip(*fields, strict=True))


def write_parts(
    connection: spark.Connection, report: Path, unit: str, folder: str
) -> None:
    """Write a report's result as a folder of CSV files, where it is computed.

    See results() for what may be wrong.
    """
    with blamed(report):
        _, cursor = result(connection, report)
        cast("spark.Cursor", cursor).write(folder, partial(as_csv, unit))


def as_csv(
    unit: str, columns: Sequence[str], rows: Sequence[Row], with_header: bool
) -> str:
    """Return what write_rows() writes."""
    file = io.StringIO(newline="")
    write_rows(columns, rows, with_header, unit, file)
    return file.getvalue()


# The terminal


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return *rows* in columns, all but the first one aligned to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def overview(connection: Connection) -> list[list[str]]:
    """Return what was computed: a header, and a row per metric."""
    rows = [["", "tickets", "median", "90 % within", "maximum"]]
    for metric, tickets, *durations in started(
        connection, sql("terminal/metrics")
    ):
        rows.append([metric, f"{tickets:,}", *map(duration, durations)])
    return rows


def properties(connection: Connection, ticket_id: int) -> Row:
    """Return a ticket's priority, group and agent."""
    (row,) = started(
        connection,
        sql("terminal/properties_of_ticket"),
        {"ticket_id": ticket_id},
    )
    return row


def longest(waiting: Sequence[Sequence[Any]]) -> str:
    """Return the three tickets that have waited longest, as one line."""
    tickets = [f"{row[0]} for {duration(row[1])}" for row in waiting[:3]]
    return f"Longest without a response: {', '.join(tickets) or 'none'}"


# The script


def sql_queries(
    names: Sequence[str],
    engine: Engine,
    output_dir: str,
    directory: Path,
    unit: str,
    plot: bool,
    partitioned: bool,
) -> None:
    """Run the reports of *directory*, all of them unless *names* has some.

    All results are computed before the first file is replaced. The pictures
    are drawn from these files.
    """
    folder = Path(output_dir)
    if plot:
        require("pandas", "pandas")
        require("matplotlib", "matplotlib jinja2")
        require("jinja2", "matplotlib jinja2")
    reports = find_reports(directory, names)
    if plot:
        check_plottable(directory, reports)
    with locked(
        *([] if is_url(output_dir) else [folder]), shared=engine.folders
    ):
        queries = [
            *(report.read_text("utf-8", "replace") for report in reports),
            *(sql(f"terminal/{name}") for name in TERMINAL),
        ]
        if plot:
            queries.append(sql("terminal/properties_of_ticket"))
        with engine.opened(queries) as connection, ExitStack() as files:
            for report in reports:
                show_progress(f"running {report.name}")
                name = f"{report.stem}.csv"
                if partitioned:
                    cluster = cast("spark.Connection", connection)
                    parts = cluster.replacing(f"{output_dir}/{name}")
                    part = files.enter_context(parts)
                    write_parts(cluster, report, unit, part)
                    continue
                file = files.enter_context(replacing(folder / name))
                write_csv(connection, report, unit, file)
                file.flush()
            show_progress("")
            metrics = overview(connection)
            waiting = list(started(connection, sql("terminal/longest_waiting")))
            if plot:
                waiting = [
                    (*row, *properties(connection, row[0])) for row in waiting
                ]
            ((tickets, as_of),) = started(connection, sql("terminal/counts"))
            notes = list(engine.notes(connection))
        if plot:
            from freshdesk import pictures

            show_progress("drawing the pictures")
            texts = {
                report.stem: report.read_text("utf-8") for report in reports
            }
            run = pictures.Run(tickets, as_of, metrics, waiting, texts)
            pictures.publish(folder, unit, run)
            show_progress("")
    until = f" as of {format_timestamp(as_of)}" if as_of is not None else ""
    page = f"; look at {folder / 'index.html'}" if plot else ""
    shown = output_dir if is_url(output_dir) else folder
    print(table(metrics))
    print(longest(waiting))
    print(
        f"{shown}: {plural(len(reports), 'report')}"
        f" of {plural(tickets, 'ticket')}{until}{page}"
    )
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


def is_url(folder: str) -> bool:
    """Return whether a folder is not one of this machine's."""
    return "://" in folder


def require(package: str, installed_with: str) -> None:
    """Raise Failure where a package is missing."""
    try:
        import_module(package)
    except ImportError as error:
        raise Failure(
            f"{error.name} is missing; install it with:"
            f" python -m pip install {installed_with}"
        ) from None


def check_plottable(directory: Path, reports: Sequence[Path]) -> None:
    """Raise Failure unless all that the pictures show is to be written."""
    from freshdesk import pictures

    written = {report.stem for report in reports}
    for name in pictures.REPORTS:
        if name not in written:
            raise Failure(
                f"{directory / name}.sql: not among the reports that run, and"
                " --plot draws from it; run all reports of the project"
            )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="sql_queries",
        description="Write a CSV file for each report on the tickets.",
        epilog="""examples:
  %(prog)s
      run all reports, into data/outputs
  %(prog)s time_to_first_response --unit hours
      run one of them
  %(prog)s --plot
      and draw them: open data/outputs/index.html
  %(prog)s -d data/database/exports.db -o weekly --sql-dir my_reports
      one's own exports and reports
  %(prog)s --engine spark --exports 's3a://bucket/exports/*.json.gz'
      no database: read the exports, and compute all of it, on Spark""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "reports",
        nargs="*",
        metavar="REPORT",
        help="name of a .sql file, without its ending; default: all",
    )
    parser.add_argument(
        "-d",
        "--database",
        type=Path,
        default=DATABASE,
        help="default: %(default)s",
    )
    parser.add_argument(
        "-o",
        "--output-dir",
        default=str(OUTPUTS_DIR),
        help="default: %(default)s",
    )
    parser.add_argument(
        "--sql-dir",
        type=Path,
        default=sql_dir(),
        help="where the reports are; default: %(default)s",
    )
    parser.add_argument(
        "--unit",
        choices=UNITS,
        default="seconds",
        help="of the durations; default: %(default)s",
    )
    parser.add_argument(
        "--plot",
        action="store_true",
        help="draw pictures and a page, index.html, from the reports, too",
    )
    add_engines(parser)
    args = parser.parse_args(argv)
    if problem := wrong_usage(args):
        parser.error(problem)

    def engine() -> Engine:
        if args.engine == "sqlite":
            return sqlite_engine(args.database)
        return spark_engine(args.exports, args.status_alias)

    return exit_status(
        lambda: sql_queries(
            args.reports,
            engine(),
            args.output_dir,
            args.sql_dir,
            args.unit,
            args.plot,
            args.partitioned,
        )
    )


def add_engines(parser: argparse.ArgumentParser) -> None:
    """Add the options of what computes."""
    parser.add_argument(
        "--engine",
        choices=["sqlite", "spark"],
        default="sqlite",
        help="what reads and computes; default: %(default)s",
    )
    spark = parser.add_argument_group("with --engine spark")
    spark.add_argument(
        "--exports",
        nargs="+",
        action="extend",
        default=[],
        metavar="PATH",
        help="what to read instead of a database: files, folders or patterns",
    )
    spark.add_argument(
        "--status-alias",
        action="append",
        default=[],
        metavar="LABEL=STATUS",
        type=status_alias,
        help="LABEL means STATUS; may be repeated",
    )
    spark.add_argument(
        "--partitioned",
        action="store_true",
        help="write each report as a folder of parts, where it was computed",
    )


def wrong_usage(args: argparse.Namespace) -> str | None:
    """Return which options do not go together, if any."""
    if args.engine == "sqlite":
        for option in ("exports", "status_alias", "partitioned"):
            if getattr(args, option):
                return f"--{option.replace('_', '-')} needs --engine spark"
    elif not args.exports:
        return "--engine spark needs --exports"
    elif args.database != DATABASE:
        return "--engine spark reads --exports, and no --database"
    if args.partitioned and args.plot:
        return "--plot draws files, and --partitioned writes folders"
    if is_url(args.output_dir) and not args.partitioned:
        return f"--output-dir {args.output_dir} needs --partitioned"
    return None


if __name__ == "__main__":
    raise SystemExit(main())
