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
import signal
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from freshdesk import (
    DATABASE,
    OUTPUTS_DIR,
    Failure,
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
    import pandas as pd

UNITS = {"seconds": 1, "minutes": 60, "hours": 3600}

# The views that several reports and views read. Each is evaluated once a run,
# in this order, since the later ones read the earlier ones.
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

CHUNK_ROWS = 50_000  # of a result are in memory at a time
CACHE_KIB = 40_000  # of the database's pages

# What a spreadsheet would run as a formula begins with one of these.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


# The database


@contextmanager
def opened(database: Path) -> Iterator[sqlite3.Connection]:
    """Open the database for reading only, as it is at this moment."""
    try:
        connection = connect(database)
    except sqlite3.DatabaseError as error:
        raise Failure(
            f"{database}: cannot be read ({error}); check the disk and the"
            " permissions, or ingest the exports again with --replace"
        ) from error
    try:
        yield connection
    finally:
        connection.close()


def connect(database: Path) -> sqlite3.Connection:
    """Return a connection that can read the database and do nothing else."""
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
    for view in SHARED_VIEWS:
        show_progress(f"evaluating {view}")
        evaluate(connection, view)
    connection.set_authorizer(only_reading)
    return connection


def evaluate(connection: sqlite3.Connection, view: str) -> None:
    """Put a view's rows into a temporary table that takes its name.

    Whatever reads the view from now on, in this connection, reads the table:
    the reports, and the views that are evaluated after it. All seven reports
    take a third of the time so.
    """
    ((definition,),) = connection.execute(
        "select sql from main.sqlite_master where type = 'view' and name = ?",
        (view,),
    )
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


def started(connection: sqlite3.Connection, query: str) -> sqlite3.Cursor:
    """Return the cursor of a query; meanwhile Ctrl-C waits.

    Inside only_reading() SQLite would take it for a refusal.
    """
    waiting: list[int] = []
    usual = signal.signal(
        signal.SIGINT, lambda number, _: waiting.append(number)
    )
    try:
        return connection.execute(query)
    finally:
        signal.signal(signal.SIGINT, usual)
        for number in waiting:
            signal.raise_signal(number)


# Reports -> CSV files


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


def frames(
    connection: sqlite3.Connection, report: Path
) -> Iterator[pd.DataFrame]:
    """Yield a report's result piece by piece, the first one even if empty.

    Raises Failure, naming the report, if it is not one query.
    """
    import pandas as pd

    try:
        cursor = started(connection, report.read_text(encoding="utf-8"))
        if cursor.description is None:
            raise Failure(f"{report}: no query in it; a report is one select")
        columns = [name for name, *_ in cursor.description]
        if len(set(columns)) < len(columns):
            raise Failure(f"{report}: two columns have one name; rename one")
        rows = cursor.fetchmany(CHUNK_ROWS)
        while True:
            # Objects as SQLite gave them: integers stay integers beside nulls.
            yield pd.DataFrame(rows, columns=columns, dtype=object)
            rows = cursor.fetchmany(CHUNK_ROWS)
            if not rows:
                return
    except (sqlite3.Error, sqlite3.Warning, UnicodeDecodeError) as error:
        raise Failure(
            f"{report}: {error}; a report is one select, and only reads"
        ) from error


def converted(frame: pd.DataFrame, unit: str) -> pd.DataFrame:
    """Return *frame* with its columns of seconds in another unit."""
    if unit == "seconds":
        return frame
    in_unit = {
        name: f"{name.removesuffix('seconds')}{unit}"
        for name in frame.columns
        if name.endswith("_seconds")
    }
    durations = frame[list(in_unit)].astype("Float64") / UNITS[unit]
    return frame.assign(**durations.round(2)).rename(columns=in_unit)


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
    connection: sqlite3.Connection, report: Path, unit: str, file: IO[str]
) -> None:
    """Write a report's result to *file*; see frames() for what may be wrong."""
    import pandas as pd
    from pandas.api.types import infer_dtype

    for number, frame in enumerate(frames(connection, report)):
        for name in frame.columns:
            if infer_dtype(frame[name]) not in ("integer", "floating"):
                frame[name] = pd.Series(map(defused, frame[name]), dtype=object)
        try:
            frame = converted(frame, unit)
        except (TypeError, ValueError) as error:
            raise Failure(
                f"{report}: a column of seconds is not of numbers ({error});"
                " correct the report, or leave out --unit"
            ) from error
        frame.to_csv(file, index=False, header=number == 0, lineterminator="\n")


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


def overview(connection: sqlite3.Connection) -> list[list[str]]:
    """Return what was computed: a header, and a row per metric."""
    rows = [["", "tickets", "median", "90 % within", "maximum"]]
    for metric, tickets, *durations in started(
        connection, sql("terminal/metrics")
    ):
        rows.append([metric, f"{tickets:,}", *map(duration, durations)])
    return rows


def longest(waiting: Sequence[Sequence[Any]]) -> str:
    """Return the three tickets that have waited longest, as one line."""
    tickets = [f"{row[0]} for {duration(row[1])}" for row in waiting[:3]]
    return f"Longest without a response: {', '.join(tickets) or 'none'}"


# The script


def sql_queries(
    names: Sequence[str],
    database: Path,
    output_dir: Path,
    directory: Path,
    unit: str,
    plot: bool,
) -> None:
    """Run the reports of *directory*, all of them unless *names* has some.

    All results are computed before the first file is replaced. The pictures
    are drawn from these files.
    """
    require("pandas", "pandas")
    if plot:
        require("matplotlib", "matplotlib jinja2")
        require("jinja2", "matplotlib jinja2")
    reports = find_reports(directory, names)
    if plot:
        check_plottable(directory, reports)
    if not is_database(database):
        raise Failure(
            f"{database}: no such database; make it with export_json.py"
        )
    with locked(output_dir, shared=[database.parent]):
        with opened(database) as connection, ExitStack() as files:
            for report in reports:
                show_progress(f"running {report.name}")
                target = output_dir / f"{report.stem}.csv"
                file = files.enter_context(replacing(target))
                write_csv(connection, report, unit, file)
                file.flush()
            show_progress("")
            metrics = overview(connection)
            waiting = list(started(connection, sql("terminal/longest_waiting")))
            ((tickets, as_of),) = started(connection, sql("terminal/counts"))
        if plot:
            from freshdesk import pictures

            show_progress("drawing the pictures")
            texts = {
                report.stem: report.read_text("utf-8") for report in reports
            }
            run = pictures.Run(tickets, as_of, metrics, waiting, texts)
            pictures.publish(output_dir, unit, run)
            show_progress("")
    until = f" as of {format_timestamp(as_of)}" if as_of is not None else ""
    page = f"; look at {output_dir / 'index.html'}" if plot else ""
    print(table(metrics))
    print(longest(waiting))
    print(
        f"{output_dir}: {plural(len(reports), 'report')}"
        f" of {plural(tickets, 'ticket')}{until}{page}"
    )


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
      one's own exports and reports""",
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
        type=Path,
        default=OUTPUTS_DIR,
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
    args = parser.parse_args(argv)
    return exit_status(
        lambda: sql_queries(
            args.reports,
            args.database,
            args.output_dir,
            args.sql_dir,
            args.unit,
            args.plot,
        )
    )


if __name__ == "__main__":
    raise SystemExit(main())
