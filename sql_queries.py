"""Answer questions about the tickets in the database: one CSV file each.

A report is a file of SQL, one `select` over the tables of `sql/schema` and the
views of `sql/views`: `sql/time_to_first_response.sql` makes

    data/outputs/time_to_first_response.csv:
        ticket_id,time_to_first_response_seconds
        600,
        704,1800

Put another `.sql` file there to get its CSV file. An empty field is unknown; 0
is known to be none. In SQL, times (columns in _at, hour, week) and durations
(columns in _seconds) are integers of seconds; readable() makes ISO 8601 of
times.
"""

from __future__ import annotations

import freshdesk  # noqa: F401 - first: it refuses an old Python

# isort: split

import argparse
import io
import os
import re
import signal
import sqlite3
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import (
    AbstractContextManager,
    ExitStack,
    closing,
    contextmanager,
)
from datetime import datetime, timedelta, timezone, tzinfo
from functools import partial
from importlib import import_module
from math import ceil
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, cast

from freshdesk import (
    DATABASE,
    DAY,
    EPOCH,
    FIRST_SECOND,
    LAST_SECOND,
    OUTPUTS_DIR,
    Failure,
    QueryError,
    complain,
    duration,
    format_timestamp,
    is_database,
    link_target,
    locked,
    plural,
    remark,
    replacing,
    run_script,
    show_progress,
    sql,
    sql_dir,
    views,
)
from freshdesk.local_time import day, own_views, time_zone
from freshdesk.settings import (
    REPORTS_NEED,
    Settings,
    hours_told,
    read_settings,
)
from freshdesk.statuses import status_alias

if TYPE_CHECKING:
    import pandas

    from freshdesk import spark

UNITS = {"seconds": 1, "minutes": 60, "hours": 3600}  # of durations
CHUNK_ROWS = 5_000  # of a result are in memory at a time

# A spreadsheet runs text as a formula if it begins with one of these.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
is_number = re.compile(r"-[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?").fullmatch

# The queries behind the terminal's lines: always, and when all reports run.
ALWAYS = ["counts"]
OVERVIEW = [
    *ALWAYS,
    "metrics",
    "last_weeks",
    "longest_waiting",
    "oldest_open",
]
PAGE = [*OVERVIEW, "longest_waiting_described"]

Row = tuple[Any, ...]
# Answers a query, some rows at a time. Raises QueryError.
Engine = Callable[[str], Iterator["pandas.DataFrame"]]


# SQLite's engine


class PercentileDisc:
    """percentile_disc(value, fraction): the smallest value that at least this
    fraction of the values do not exceed; nulls aside. As SQLite's extension
    and Spark have it.
    """

    def __init__(self) -> None:
        self.values: array[int] | list[float] = array("q")
        self.fraction = 0.0

    def step(self, value: float | None, fraction: float) -> None:
        if value is None:
            return
        self.fraction = fraction
        try:
            self.values.append(value)  # type: ignore[arg-type]
        except TypeError:  # an array of integers takes a quarter of the memory
            self.values = [*self.values, value]

    def finalize(self) -> float | None:
        from numpy import asarray, partition

        values = asarray(self.values)
        if not len(values):
            return None
        place = max(1, ceil(len(values) * self.fraction)) - 1
        found: float = partition(values, place)[place].item()
        return found


@contextmanager
def sqlite_engine(
    database: Path,
    queries: Sequence[str],
    own: Mapping[str, str] | None = None,
    settings: Settings | None = None,
) -> Iterator[Engine]:
    """Open the engine that reads what export_json.py ingested, as it is at one
    moment. It evaluates the views that *queries* need, *own* ones in place of
    the project's, fills those that the settings tell, and can only read.
    """
    import pandas

    def engine(query: str) -> Iterator[pandas.DataFrame]:
        with refused(interrupts):
            yield from pandas.read_sql_query(
                query,
                connection,
                chunksize=CHUNK_ROWS,
                dtype_backend="numpy_nullable",
            )

    uri = f"{database.absolute().as_uri()}?mode=rw"  # to undo a killed ingest
    connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    with closing(connection), noted_interrupts() as interrupts:
        # SQLite looks in here now and then: Ctrl-C ends any query.
        connection.set_progress_handler(lambda: None, 1_000_000)
        connection.create_aggregate("percentile_disc", 2, PercentileDisc)  # type: ignore[arg-type]
        try:
            with refused(interrupts):
                connection.execute("pragma temp_store = file")
                connection.execute("begin")
                filled: Mapping[str, Iterable[Row]] = {}
                if settings:
                    time = connection.execute(views()["known_time"]).fetchone()
                    filled = settings.rows(*time)
                for view, query in needed_views(queries, own).items():
                    show_progress(view)
                    evaluate(connection, view, query, filled.get(view, ()))
        except QueryError as error:
            raise Failure(
                f"{database}: cannot be read ({error}); check the disk, the"
                " permissions, and the room for temporary files (TMPDIR)"
            ) from error
        connection.set_authorizer(only_reading)
        yield engine


def needed_views(
    queries: Sequence[str], own: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the views that queries name, and the views those name, in an order
    in which each can be evaluated. *Own* ones take the place of the project's.

    A name in a text counts, too: that costs time, and nothing else.
    """
    known = {**views(), **(own or {})}
    needed: dict[str, str] = {}

    def need(query: str) -> None:
        words = set(re.findall(r"\w+", re.sub(r"--.*", "", query).lower()))
        for view in sorted(words & known.keys() - needed.keys()):
            need(known[view])
            needed.setdefault(view, known[view])

    for query in queries:
        need(query)
    return needed


def evaluate(
    connection: sqlite3.Connection,
    view: str,
    query: str,
    more: Iterable[Row] = (),
) -> None:
    """Put the rows of a view, and *more*, into a temporary table of its name.

    The table hides the database's own copy of the view. Its primary key is the
    one in the head comment of the view, so that joins and windows are quick.
    """
    described = connection.execute(f"select * from ({query}) limit 0")
    columns = [name for name, *_ in described.description]
    values = ", ".join("?" for _ in columns)
    rowid = ""
    if key := re.search(r"^--.*\bKey: ([a-z_, ]+)$", query, re.MULTILINE):
        columns.append(f"primary key ({key[1]})")
        rowid = "without rowid"
    connection.execute(
        f"create temp table {view} ({', '.join(columns)}) {rowid}"
    )
    connection.execute(f"insert into temp.{view} {query}")
    connection.executemany(f"insert into temp.{view} values ({values})", more)


def only_reading(action: int, *_: object) -> int:
    """Let SQLite refuse all but queries, so that a report changes nothing."""
    allowed = {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
    }
    return sqlite3.SQLITE_OK if action in allowed else sqlite3.SQLITE_DENY


@contextmanager
def noted_interrupts() -> Iterator[list[int]]:
    """Yield a list that each Ctrl-C is added to.

    Where Ctrl-C is raised in a function that SQLite calls, SQLite reports an
    error of that function instead.
    """
    noted: list[int] = []
    usual = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)
        signal.default_int_handler(number, frame)

    if usual is signal.default_int_handler:
        signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        if usual is signal.default_int_handler:
            signal.signal(signal.SIGINT, usual)


@contextmanager
def refused(interrupts: Sequence[int]) -> Iterator[None]:
    """Raise what SQLite finds wrong with a query as QueryError."""
    from pandas.errors import DatabaseError

    try:
        yield
    except (DatabaseError, sqlite3.Error, sqlite3.Warning) as error:
        if interrupts:
            raise KeyboardInterrupt from None
        cause = error.__cause__ or error
        cause = cause.__context__ or cause  # pandas was refused a rollback
        raise QueryError(str(cause)) from error
    except TypeError as error:  # there is no result to iterate over
        raise QueryError(f"no query in it ({error})") from error


# Results -> CSV files


class Faulty(Failure):
    """A report cannot be written; others may."""


def find_reports(
    directory: Path, names: Sequence[str], folders: Sequence[str] = ()
) -> list[Path]:
    """Return the reports' files in name order: those named, or all of them.
    Reports that need settings stand in the *folders* that exist with them.
    """
    found = reports_in(directory, ["", *folders])
    if not found:
        raise Failure(
            f"{directory}: no .sql files there; name another --sql-dir"
        )
    for name in names:
        for folder, file in REPORTS_NEED.items():
            if name not in found and name in reports_in(directory, [folder]):
                raise Failure(
                    f"{directory / folder / name}.sql: needs a folder with"
                    f" {file}; name it with --settings"
                )
        if name not in found:
            raise Failure(
                f"{directory / name}.sql: no such report; there are:"
                f" {', '.join(found)}"
            )
    return [found[name] for name in sorted(set(names) or found)]


def reports_in(directory: Path, folders: Iterable[str]) -> dict[str, Path]:
    """Return the reports' files by their names."""
    return {
        path.stem: path
        for folder in folders
        for path in sorted((directory / folder).glob("*.sql"))
        if not path.name.startswith(".")  # an editor's
    }


@contextmanager
def naming_report(report: Path) -> Iterator[None]:
    """Raise what is wrong with a report as Faulty, which names it."""
    try:
        yield
    except (QueryError, UnicodeDecodeError) as error:
        raise Faulty(
            f"{report}: {error}; a report is one select, and only reads"
        ) from error


def write_csv(
    engine: Engine,
    query: str,
    files: ExitStack,
    target: str,
    unit: str,
    zone: tzinfo,
) -> None:
    """Write a result to a file, which takes its place when *files* close."""
    file = files.enter_context(replacing(Path(target)))
    for number, frame in enumerate(engine(query)):
        file.write(csv_text(frame, unit, zone, with_header=number == 0))
    file.flush()


def csv_text(
    frame: pandas.DataFrame,
    unit: str,
    zone: tzinfo = timezone.utc,
    *,
    with_header: bool,
) -> str:
    """Return a result as a CSV file has it."""
    shown = readable(frame, unit, zone)
    text: str = shown.to_csv(
        index=False, header=with_header, lineterminator="\n"
    )
    if "\r" in text:
        # Until Python 3.13 a carriage return is quoted only if lines end in it.
        file = EndingInNewline()
        shown.to_csv(
            file, index=False, header=with_header, lineterminator="\r\n"
        )
        text = file.getvalue()
    return text


class EndingInNewline(io.StringIO):
    """Has each row, written as one text, end in a newline alone."""

    def __init__(self) -> None:
        super().__init__(newline="")

    def write(self, row: str) -> int:
        return super().write(row.removesuffix("\r\n") + "\n")


def readable(
    frame: pandas.DataFrame, unit: str, zone: tzinfo
) -> pandas.DataFrame:
    """Return a result as people read it: times in ISO 8601, hours of their time
    zone, durations in their unit, text that no spreadsheet runs.

    Raises QueryError if a duration is not a number, or two columns have one
    name.
    """
    from pandas.api.types import is_integer_dtype, is_numeric_dtype

    if not frame.columns.is_unique:
        raise QueryError("two columns have one name; rename one")
    shown = frame.copy(deep=False)
    for name, column in frame.items():
        is_number = is_numeric_dtype(column)
        if str(name).endswith("_seconds") and unit != "seconds":
            if not is_number and column.notna().any():
                raise QueryError(f"{name} is not of numbers; leave out --unit")
            if is_number:
                shown[name] = (column * 100 / UNITS[unit]).round() / 100
        elif is_integer_dtype(column) and name == "hour":
            shown[name] = local_time(column, zone)
        elif is_integer_dtype(column) and name == "week":
            shown[name] = iso_8601(column).str.removesuffix("T00:00:00Z")
        elif is_integer_dtype(column) and is_time(str(name)):
            shown[name] = iso_8601(column)
        elif not is_number:
            texts = {text: defused(text) for text in column.dropna().unique()}
            shown[name] = column.map(texts)
    return shown.set_axis(
        [defused(renamed(str(name), unit)) for name in frame.columns], axis=1
    )


def is_time(name: str) -> bool:
    return name == "timestamp" or name.endswith("_at")


def renamed(column: str, unit: str) -> str:
    """Return a column's name, with the unit of its durations."""
    if column.endswith("_seconds"):
        return column.removesuffix("seconds") + unit
    return column


def iso_8601(seconds: pandas.Series[Any]) -> pandas.Series[Any]:
    """Return seconds since 1970 as 2017-04-20T10:00:00Z; unknown ones stay."""
    from numpy import datetime_as_string

    moments = seconds.to_numpy("int64", na_value=0).astype("datetime64[s]")
    texts = seconds.astype(object)
    texts[:] = datetime_as_string(moments, unit="s")
    return (texts + "Z").where(seconds.notna())


def local_time(seconds: pandas.Series[Any], zone: tzinfo) -> pandas.Series[Any]:
    """Return seconds since 1970 as 2017-04-20T12:00:00+02:00; UTC has a Z."""
    if zone is timezone.utc:
        return iso_8601(seconds)

    def name(second: int) -> str:
        # The years 1 to 9999 in UTC may be other years there.
        near = min(max(second, FIRST_SECOND + DAY), LAST_SECOND - DAY)
        return datetime.fromtimestamp(near, zone).isoformat()

    names = seconds.astype(object)
    names[:] = [name(s) for s in seconds.to_numpy("int64", na_value=0).tolist()]
    return names.where(seconds.notna())


def defused(value: Any) -> Any:
    """Return *value*, with a ' before text that a spreadsheet would run.

    A NUL, which many readers of CSV refuse (and Python's own writer before
    3.11), becomes the replacement character.
    """
    if not isinstance(value, str):
        return value
    value = value.replace("\0", "\ufffd")
    is_formula = value.startswith(FORMULA_STARTS) and not is_number(value)
    return f"'{value}" if is_formula else value


# The terminal


def rows(engine: Engine, query: str) -> list[Row]:
    """Return the rows of a query's result; unknown values are None."""
    frames = (frame.astype(object) for frame in engine(query))
    return [
        row
        for frame in frames
        for row in frame.where(frame.notna(), None).itertuples(
            index=False, name=None
        )
    ]


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


def described(metrics: Sequence[Row]) -> list[list[str]]:
    """Return the table of all metrics: a header, and a row per metric."""
    rows = [["", "tickets", "median", "90 % within", "maximum"]]
    for metric, tickets, *durations in metrics:
        rows.append([metric, f"{tickets:,}", *map(duration, durations)])
    return rows


def longest(what: str, rows: Sequence[Row]) -> str:
    """Return tickets, how long each has been so, and of how many, as one line:
    "Oldest open tickets (3 of 46): 879 for 21h 16m, ..."
    """
    tickets = [
        f"{ticket}" if seconds is None else f"{ticket} for {duration(seconds)}"
        for ticket, seconds, _ in rows
    ]
    is_cut = rows and len(rows) < rows[0][-1]
    cut = f" ({len(rows)} of {rows[0][-1]:,})" if is_cut else ""
    return f"{what}{cut}: {', '.join(tickets) or 'none'}"


def trend(weeks: Sequence[Row]) -> str:
    """Return the last whole week, and the one before if it is known, as one
    line: "Week of 2026-02-23 (the one before): created 412 (380), ..."
    """
    week, *counts = weeks[0]
    figures = [f"{count:,}" for count in counts]
    told = f"Week of {EPOCH + timedelta(seconds=week):%Y-%m-%d}"
    if len(weeks) == 2 and weeks[1][0] == week - 7 * DAY:
        told += " (the one before)"
        for place, count in enumerate(weeks[1][1:]):
            figures[place] += f" ({count:,})"
    created, resolved, backlog = figures
    return f"{told}: created {created}, resolved {resolved}, backlog {backlog}"


# The script


def sql_queries(
    open_engine: Callable[[Sequence[str]], AbstractContextManager[Engine]],
    reports: Sequence[Path],
    output_dir: str,
    unit: str,
    asked: Sequence[str],
    *,
    read: Sequence[Path] = (),
    zone: tzinfo = timezone.utc,
    plot: bool = False,
    partitioned: bool = False,
    quiet: bool = False,
    notes_on: Callable[[Engine], Iterable[str]] = lambda _: [],
    stale: Iterable[str] = (),
    hours: str = "",
) -> None:
    """Run the reports, and print the lines that are *asked* for. Remove the
    files of *stale* ones, of an earlier run.

    All results are computed before the first file is replaced. Meanwhile
    nobody changes the folders that are *read* or written.
    """
    texts = {path: path.read_text("utf-8", "replace") for path in reports}
    queries = {name: sql(f"terminal/{name}") for name in asked}
    folder = Path(output_dir)
    written = [] if is_url(output_dir) else [folder]
    needed = [*queries.values(), *texts.values()]
    with locked(*written, shared=read), open_engine(needed) as engine:
        answers = {name: rows(engine, queries[name]) for name in asked}
        notes = [*notes_on(engine)]
        write, remove = partial(write_csv, engine), remove_file
        if partitioned:
            on_spark = cast("spark.Engine", engine)
            write, remove = partial(on_spark.write), on_spark.remove
        write = partial(write, unit=unit, zone=zone)
        faulty = write_reports(write, texts, output_dir)
        for name in stale:
            remove(f"{output_dir}/{name}.csv")
        if plot:
            from freshdesk import pictures

            show_progress("drawing the pictures")
            ((tickets, _, as_of),) = answers["counts"]
            metrics = described(answers["metrics"])
            waiting = answers["longest_waiting_described"]
            by_name = {path.stem: text for path, text in texts.items()}
            run = pictures.Run(tickets, as_of, metrics, waiting, by_name, hours)
            pictures.publish(folder, engine, run)
        show_progress("")
    if not quiet:
        place = output_dir if is_url(output_dir) else str(folder)
        print_overview(answers, place, len(reports) - faulty, plot=plot)
        for note in notes:
            remark(note)
    if faulty:
        raise Failure(
            f"{faulty} of {plural(len(reports), 'report')} faulty; the lines"
            " above say why"
        )


def write_reports(
    write: Callable[..., None], texts: Mapping[Path, str], output_dir: str
) -> int:
    """Let *write* write the result of each report; return how many are faulty.

    A faulty one is named at once, and leaves its file as it was.
    """
    faulty = 0
    with ExitStack() as files:
        for report, text in texts.items():
            show_progress(report.name)
            target = f"{output_dir}/{report.stem}.csv"
            try:
                with ExitStack() as own, naming_report(report):
                    report.read_text("utf-8")  # it must be UTF-8
                    write(text, own, target)
                    files.push(own.pop_all())
            except Faulty as error:
                if len(texts) == 1:
                    raise
                complain(error)
                faulty += 1
    return faulty


def remove_file(target: str) -> None:
    if (path := Path(target)).is_file():
        path.unlink()


def print_overview(
    answers: Mapping[str, Sequence[Row]],
    place: str,
    reports: int,
    *,
    plot: bool,
) -> None:
    """Print what the reports amount to, and where they are."""
    ((tickets, set_aside, as_of),) = answers["counts"]
    if "metrics" in answers:
        print(table(described(answers["metrics"])))
        if answers["last_weeks"]:
            print(trend(answers["last_weeks"]))
        waiting, oldest = answers["longest_waiting"], answers["oldest_open"]
        print(longest("Longest without a response", waiting))
        print(longest("Oldest open tickets", oldest))
    if set_aside:
        print(
            f"{plural(set_aside, 'ticket')} set aside (deleted or spam),"
            " counted in no figure over many tickets"
        )
    until = f" as of {format_timestamp(as_of)}" if as_of is not None else ""
    page = f"; look at {place}/index.html" if plot else ""
    told = f"{plural(reports, 'report')} of {plural(tickets, 'ticket')}"
    print(f"{place}: {told}{until}{page}")


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


def argument_parser() -> argparse.ArgumentParser:
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
        "--timezone",
        type=time_zone,
        default="UTC",
        metavar="ZONE",
        help="of hours and weeks, and of the days of --since and --until, as"
        " Europe/Berlin; default: %(default)s",
    )
    parser.add_argument(
        "--since",
        type=day,
        metavar="YYYY-MM-DD",
        help="count only tickets created on this day or later; reports with a"
        " row for each ticket stay whole",
    )
    parser.add_argument(
        "--until",
        type=day,
        metavar="YYYY-MM-DD",
        help="count only tickets created on this day or earlier",
    )
    parser.add_argument(
        "--settings",
        type=Path,
        metavar="FOLDER",
        help="with business_hours.json, sla_policies.json, agents.json, as"
        " Freshdesk's API answers, or some of them: working hours, targets and"
        " names",
    )
    parser.add_argument(
        "--plot",
        action="store_true",
        help="draw pictures and a page, index.html, from the reports, too",
    )
    parser.add_argument(
        "-q", "--quiet", action="store_true", help="print nothing but errors"
    )
    add_engines(parser)
    return parser


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
        help="LABEL means STATUS, one of Freshdesk's or another label; may be"
        " repeated",
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
    if args.since and args.until and args.since > args.until:
        return f"--since {args.since} is after --until {args.until}"
    if args.partitioned and args.plot:
        return "--plot draws files, and --partitioned writes folders"
    if is_url(args.output_dir) and not args.partitioned:
        return f"--output-dir {args.output_dir} needs --partitioned"
    return None


def main(argv: Sequence[str] | None = None) -> int:
    return run_script(lambda: query_as_told(argv))


def query_as_told(argv: Sequence[str] | None) -> None:
    parser = argument_parser()
    args = parser.parse_args(argv)
    if problem := wrong_usage(args):
        parser.error(problem)
    require("pandas", "pandas")
    asked = PAGE if args.plot else ALWAYS if args.reports else OVERVIEW
    settings = read_settings(args.settings) if args.settings else None
    folders = settings.report_folders if settings else []
    reports = find_reports(args.sql_dir, args.reports, folders)
    unused = [folder for folder in REPORTS_NEED if folder not in folders]
    stale = reports_in(args.sql_dir, unused).keys() - {r.stem for r in reports}
    run = partial(
        sql_queries,
        reports=reports,
        output_dir=args.output_dir,
        unit=args.unit,
        asked=asked,
        zone=args.timezone,
        plot=args.plot,
        quiet=args.quiet,
        stale=[] if args.reports else stale,
        hours=hours_told(settings) if settings else "",
    )
    own = own_views(args.timezone, args.since, args.until)
    if args.plot:
        # Jupyter's backend, if the environment names one, draws no files.
        os.environ["MPLBACKEND"] = "agg"
        require("matplotlib", "matplotlib jinja2")
        require("jinja2", "matplotlib jinja2")
        check_plottable(args.sql_dir, reports)
    if args.engine == "spark":
        require("pyspark", "'pyspark>=4'")
        from export_json import NOTE_QUERIES, notes_on_all
        from freshdesk import spark

        run(
            lambda queries: spark.opened(
                args.exports,
                args.status_alias,
                [*queries, *map(sql, NOTE_QUERIES)],
                own,
                settings,
            ),
            partitioned=args.partitioned,
            notes_on=lambda engine: notes_on_all(partial(rows, engine)),
        )
        return
    if not is_database(args.database):
        raise Failure(
            f"{args.database}: no such database; make it with export_json.py"
        )
    database = link_target(args.database)
    run(
        partial(sqlite_engine, database, own=own, settings=settings),
        read=[database.parent],
    )


if __name__ == "__main__":
    raise SystemExit(main())
