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
import json
import os
import re
import select
import shutil
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import (
    AbstractContextManager,
    ExitStack,
    closing,
    contextmanager,
    nullcontext,
    suppress,
)
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    BinaryIO,
    NamedTuple,
    Protocol,
    TextIO,
    cast,
)

from freshdesk import (
    DATABASE,
    OUTPUTS_DIR,
    UNITS,
    Failure,
    QueryError,
    describe,
    duration,
    exit_status,
    followed,
    format_timestamp,
    is_database,
    locked,
    plural,
    replacing,
    show_progress,
    sql,
    sql_dir,
    without_garbage_collection,
)

if TYPE_CHECKING:
    from freshdesk import spark

# The views that several reports and views read, and what is unique in them:
# one column, which is of integers, or several. Each is evaluated once a run
# that needs it; it reads only those above it.
SHARED_VIEWS = {
    "clock": "",
    "named_statuses": "status_id",
    "distinct_statuses": "status_number",
    "status_intervals": "ticket_id, status_number, export_id, position",
    "tickets": "ticket_id",
    "ticket_statuses": "ticket_id",
    "ticket_creations": "ticket_id",
    "agents": "agent_id",
    "first_responses": "ticket_id",
    "ticket_metrics": "ticket_id",
    "waiting_tickets": "ticket_id",
    "ticket_properties": "ticket_id",
    "metrics_by_property": "",
}

# What is asked for the terminal: always, when all reports run, and for a page.
ALWAYS = ["counts"]
OVERVIEW = [*ALWAYS, "metrics", "longest_waiting"]
PAGE = [*OVERVIEW, "longest_waiting_described"]

Row = tuple[Any, ...]

PARALLEL_SIZE = 1 << 22  # bytes of a database that deserve more processes
CHUNK_ROWS = 10_000  # of a result are in memory at a time
MOST_ATTACHED = 9  # databases, besides the one that a view is evaluated from

# What a spreadsheet would run as a formula begins with one of these.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


# Work in several processes


class Task(NamedTuple):
    """Something to do, once the tasks in *needs* are done."""

    name: str
    needs: Sequence[str]
    do: Callable[[], object]


def run_tasks(tasks: Sequence[Task], processes: int) -> dict[str, Any]:
    """Do the tasks, so many at a time, each in a process of its own.

    One at a time is done in this process. The first that fails ends all.
    Returns what each one returned, which is to be small.
    """
    results: dict[str, Any] = {}
    if processes == 1:
        for task in tasks:
            show_progress(task.name)
            results[task.name] = task.do()
        return results
    waiting = list(tasks)
    running: dict[BinaryIO, tuple[Task, int]] = {}
    try:
        while waiting or running:
            ready = [t for t in waiting if set(t.needs) <= set(results)]
            if ready and len(running) < processes:
                show_progress(ready[0].name)
                waiting.remove(ready[0])
                pipe, child = started_in_child(ready[0])
                running[pipe] = ready[0], child
                continue
            # The answer first: a long one has no room in the pipe, so that its
            # process ends only when it is read.
            (pipe, *_), _, _ = select.select(running, [], [])
            with pipe:
                answer = json.loads(pipe.read() or b"{}")
            task, child = running.pop(pipe)
            _, end = os.waitpid(child, 0)
            if "failure" in answer:
                raise Failure(answer["failure"])
            if os.WIFSIGNALED(end):
                raise Failure(
                    f"{task.name}: the process that computed it was killed;"
                    " try again, with more memory if that was short"
                )
            if "result" not in answer:
                raise RuntimeError(f"{task.name}: its process ended early")
            results[task.name] = answer["result"]
    finally:
        for _, child in running.values():
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return results


def started_in_child(task: Task) -> tuple[BinaryIO, int]:
    """Start a task in a new process; return where it answers, and that."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child:
        os.close(sending)
        return os.fdopen(receiving, "rb"), child
    try:
        # Ctrl-C is for the other process, which ends this one.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            answer = {"result": task.do()}
        except (Failure, OSError) as error:
            answer = {"failure": describe(error)}
        with os.fdopen(sending, "wb") as pipe:
            pipe.write(json.dumps(answer).encode())
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


# The engines


class Cursor(Protocol):
    """A query's result, as DB-API has it."""

    @property
    def description(self) -> Any: ...

    def fetchmany(self, size: int, /) -> list[Row]: ...

    def __iter__(self) -> Iterator[Row]: ...


class Connection(Protocol):
    """What answers queries over the tables and views, as DB-API has it."""

    def execute(self, query: str, /) -> Cursor: ...


@dataclass
class Engine:
    """What opens a connection on which the tables and views are."""

    opened: Callable[[str], AbstractContextManager[Connection]]  # for a query
    answer: Callable[[str], list[Row]]  # to a query of ours
    evaluations: Sequence[Task] = ()  # to be done before
    processes: int = 1
    # What the user should know of the exports, unless ingest has told.
    notes: Callable[[], list[str]] = list


@contextmanager
def sqlite_engine(
    database: Path, directory: Path, queries: Iterable[str]
) -> Iterator[Engine]:
    """Open the engine that reads what export_json.py ingested.

    Where that is much, several processes share what is in *directory*.
    """
    is_large = database.stat().st_size >= PARALLEL_SIZE
    processes = (os.cpu_count() or 1) if is_large else 1
    shared = directory if processes > 1 else None
    with snapshot(database, shared) as taken, without_garbage_collection():
        yield Engine(
            taken.opened, taken.answer, taken.evaluations(queries), processes
        )


@contextmanager
def spark_engine(
    exports: Sequence[str],
    aliases: Sequence[tuple[str, str]],
    queries: Iterable[str],
) -> Iterator[Engine]:
    """Open the engine that reads the exports themselves, on Spark."""
    from export_json import last_words, notes_on_all
    from freshdesk import spark

    views = partial(needed_views, list(queries))
    with spark.opened(exports, last_words(aliases), views) as connection:
        yield Engine(
            opened=lambda _: nullcontext(connection),
            answer=lambda query: list(connection.execute(query)),
            notes=lambda: list(notes_on_all(connection.execute)),
        )


def named_views(query: str) -> list[str]:
    """Return which shared views a query names.

    A name in a text counts too: that costs time, and nothing else.
    """
    words = set(re.findall(r"\w+", re.sub(r"--.*", "", query).lower()))
    return [view for view in SHARED_VIEWS if view in words]


def needed_views(
    queries: Iterable[str], definitions: Mapping[str, str]
) -> list[str]:
    """Return the shared views that queries read, and those read in turn."""
    named = {view for query in queries for view in named_views(query)}
    for view in reversed(SHARED_VIEWS):
        if view in named:
            named.update(named_views(definitions[view]))
    return [view for view in SHARED_VIEWS if view in named]


# SQLite's


def connect(database: str) -> sqlite3.Connection:
    """Return a connection to a database, named by its path or URI."""
    return sqlite3.connect(database, uri=True, isolation_level=None)


class Snapshot:
    """The database as it is at one moment, and what is made of it in a run.

    Each shared view that is needed is evaluated once: into a temporary table
    of its name, which hides it. Where there is a *directory*, into a file of
    its own there; whoever names the view reads that file, so that several
    processes can evaluate, and write the reports, side by side.
    """

    def __init__(self, database: Path, directory: Path | None) -> None:
        self.database = database
        self.uri = f"{database.absolute().as_uri()}?mode=ro"
        self.directory = directory
        with self.readable():
            self.connection = connect(self.uri)
            self.connection.execute("begin")  # nobody changes it meanwhile
            self.definitions: dict[str, str] = dict(
                self.connection.execute(
                    "select name, sql from sqlite_master where type = 'view'"
                )
            )

    def opened(self, query: str) -> AbstractContextManager[sqlite3.Connection]:
        """Open the database for a query, which can do nothing but read."""
        if self.directory is None:
            self.connection.set_authorizer(only_reading)
            return nullcontext(self.connection)
        connection = connect(self.uri)
        self.attach_views(connection, query)
        connection.set_authorizer(only_reading)
        return closing(connection)

    def attach_views(self, connection: sqlite3.Connection, query: str) -> None:
        """Let the shared views that a query names stand for their rows.

        If these are more than SQLite attaches, the first ones, which cost
        least, are evaluated once more.
        """
        for view in named_views(query)[-MOST_ATTACHED:]:
            file = f"file_of_{view}"
            connection.execute(f"attach ? as {file}", (self.file_of(view),))
            connection.execute(
                f"create temp view {view} as select * from {file}.{view}"
            )

    def file_of(self, view: str) -> str:
        """Return the URI of where a view's rows are."""
        assert self.directory is not None
        return (self.directory.absolute() / f"{view}.db").as_uri()

    def evaluate(self, view: str) -> None:
        """Put a view's rows into a table of its name."""
        query = self.definitions[view].partition(" as\n")[2]
        if self.directory is None:
            with self.readable():
                self.fill(self.connection, f"temp.{view}", query)
            return
        with self.readable(), closing(connect(self.file_of(view))) as made:
            made.execute("pragma journal_mode = off")
            made.execute("pragma synchronous = off")
            made.execute("attach ? as database", (self.uri,))
            self.attach_views(made, query)
            made.execute("begin")
            self.fill(made, f"main.{view}", query)
            made.execute("commit")

    def fill(
        self, connection: sqlite3.Connection, table: str, query: str
    ) -> None:
        """Make a table of a view's rows, in the order of the view's key."""
        # Not from the view itself, in which all views below were looked at.
        connection.execute(f"create temp view described as {query}")
        described = connection.execute("pragma temp.table_info(described)")
        kinds = {name: kind for _, name, kind, *_ in described}
        connection.execute("drop view temp.described")
        key = SHARED_VIEWS[table.partition(".")[2]]
        if key in kinds:
            # The row's number, by which SQLite finds it sooner: the reports
            # per ticket take a fifteenth less time.
            kinds[key] = "integer primary key"
        columns = [f"{name} {kind}" for name, kind in kinds.items()]
        rowid = ""
        if key and key not in kinds:
            columns.append(f"primary key ({key})")
            rowid = " without rowid"
        connection.execute(
            f"create table {table} ({', '.join(columns)}){rowid}"
        )
        connection.execute(f"insert into {table} {query}")

    def evaluations(self, queries: Iterable[str]) -> list[Task]:
        """Return what evaluates the shared views that queries read."""
        return [
            Task(
                view,
                [v for v in named_views(self.definitions[view]) if v != view],
                partial(self.evaluate, view),
            )
            for view in needed_views(queries, self.definitions)
        ]

    def answer(self, query: str) -> list[Row]:
        """Return the rows of a query."""
        with self.readable(), self.opened(query) as connection:
            return list(started(connection, query))

    @contextmanager
    def readable(self) -> Iterator[None]:
        """Raise what is wrong with the database as Failure."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            if "full" in str(error):  # what is only read cannot be
                raise Failure(
                    f"{self.directory or 'temporary files'}: {error}; make room"
                    " there and for temporary files, or let TMPDIR name another"
                    " folder"
                ) from error
            raise Failure(
                f"{self.database}: cannot be read ({error}); check the disk and"
                " the permissions, or ingest the exports again with --replace"
            ) from error


@contextmanager
def snapshot(
    database: Path, directory: Path | None = None
) -> Iterator[Snapshot]:
    """Take a snapshot; a *directory* is made, and removed in the end."""
    if database.with_name(f"{database.name}-journal").exists():
        # An ingest was killed. The first to open the database for writing
        # takes back what it had begun; where we may not, reading tells.
        with suppress(sqlite3.Error):
            writable = sqlite3.connect(database)
            writable.execute("select 1 from exports limit 1")
            writable.close()
    if directory:
        shutil.rmtree(directory, ignore_errors=True)  # a killed run's
        directory.mkdir()
    try:
        taken = Snapshot(database, directory)
        with closing(taken.connection):
            yield taken
    finally:
        if directory:
            shutil.rmtree(directory, ignore_errors=True)


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


def started(connection: Connection, query: str) -> Cursor:
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


def pieces(cursor: Cursor) -> Iterator[list[Row]]:
    """Yield the rows of a result piece by piece, at least once."""
    rows = cursor.fetchmany(CHUNK_ROWS)
    while True:
        yield rows
        rows = cursor.fetchmany(CHUNK_ROWS)
        if not rows:
            return


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
    return map(defused, values)


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
    engine: Engine, report: Path, query: str, unit: str, file: TextIO
) -> None:
    """Write a report's result to *file*.

    Raises Failure, naming the report, if it is not one query. With pandas it
    would take three times as long, its import not counted.
    """
    with blamed(report), engine.opened(query) as connection:
        columns, cursor = result(connection, report)
        for number, rows in enumerate(pieces(cursor)):
            try:
                file.write(csv_text(unit, columns, rows, number == 0))
            except TypeError as error:
                raise Failure(
                    f"{report}: a column of seconds is not of numbers"
                    f" ({error}); correct the report, or leave out --unit"
                ) from error
    file.flush()


def csv_text(
    unit: str, columns: Sequence[str], rows: Sequence[Row], with_header: bool
) -> str:
    """Return rows as a CSV file has them; raise TypeError as converted()."""
    text = ""
    if unit == "seconds":
        with suppress(csv.Error):  # Python 3.10 writes no NUL
            text = written(rows)
    if not text or not is_harmless(text):
        fields = [
            converted(name, values, unit)
            for name, values in zip(
                columns, zip(*rows, strict=True), strict=bool(rows)
            )
        ]
        text = written(zip(*fields, strict=True))
    if with_header:
        names = [defused(renamed(name, unit)) for name in columns]
        text = written([names]) + text
    return text


def written(rows: Iterable[Iterable[object]]) -> str:
    """Return rows as CSV."""
    rows = list(rows)
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\n").writerows(rows)
    text = file.getvalue()
    if "\r" in text:
        # Until Python 3.13 a carriage return is quoted only if lines end in it.
        file = EndedByNewline(newline="")
        csv.writer(file, lineterminator="\r\n").writerows(rows)
        text = file.getvalue()
    return text


class EndedByNewline(io.StringIO):
    """Has each row, written as one text, end in a newline alone."""

    def write(self, row: str) -> int:
        return super().write(row.removesuffix("\r\n") + "\n")


def is_harmless(text: str) -> bool:
    """Return whether defused() would change no field of this CSV.

    It takes quoted text for harmful rather than miss some. To look at each
    field would take a tenth of the time that the reports take.
    """
    text = f"\n{text}"
    return "\0" not in text and not any(
        f"{before}{start}" in text
        for start in FORMULA_STARTS
        if start in text
        for before in '\n,"'
    )


def write_parts(
    engine: Engine, report: Path, query: str, unit: str, folder: str
) -> None:
    """Write a report's result as a folder of CSV files, where it is computed.

    Raises Failure as write_csv() does.
    """
    with blamed(report), engine.opened(query) as connection:
        _, cursor = result(connection, report)
        cast("spark.Cursor", cursor).write(folder, partial(csv_text, unit))


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


def described(metrics: Sequence[Row]) -> list[list[str]]:
    """Return what was computed: a header, and a row per metric."""
    rows = [["", "tickets", "median", "90 % within", "maximum"]]
    for metric, tickets, *durations in metrics:
        rows.append([metric, f"{tickets:,}", *map(duration, durations)])
    return rows


def longest(waiting: Sequence[Sequence[Any]]) -> str:
    """Return the tickets that have waited longest, as one line."""
    tickets = [f"{ticket} for {duration(waited)}" for ticket, waited in waiting]
    return f"Longest without a response: {', '.join(tickets) or 'none'}"


# The script


def sql_queries(
    names: Sequence[str],
    output_dir: str,
    directory: Path,
    unit: str,
    plot: bool,
    *,
    database: Path | None = None,
    exports: Sequence[str] = (),
    aliases: Sequence[tuple[str, str]] = (),
    partitioned: bool = False,
) -> None:
    """Run the reports of *directory*, all of them unless *names* has some.

    They are about a database, or about *exports* that Spark reads. All results
    are computed before the first file is replaced. The pictures are drawn from
    these files.
    """
    if plot:
        # Files are drawn, not windows: what Jupyter asks for would fail.
        os.environ["MPLBACKEND"] = "agg"
        require("pandas", "pandas")
        require("matplotlib", "matplotlib jinja2")
        require("jinja2", "matplotlib jinja2")
    reports = find_reports(directory, names)
    if plot:
        check_plottable(directory, reports)
    folder = Path(output_dir)
    written = [] if is_url(output_dir) else [folder]
    open_engine: Callable[[Iterable[str]], AbstractContextManager[Engine]]
    if database is None:
        require("pyspark", "'pyspark>=4' sqlglot")
        require("sqlglot", "'pyspark>=4' sqlglot")
        read: list[Path] = []
        open_engine = partial(spark_engine, exports, aliases)
    else:
        if not is_database(database):
            raise Failure(
                f"{database}: no such database; make it with export_json.py"
            )
        database = followed(database)
        read = [database.parent]
        open_engine = partial(sqlite_engine, database, folder / ".shared_views")
    with locked(*written, shared=read):
        asked = PAGE if plot else ALWAYS if names else OVERVIEW
        done = run_reports(
            open_engine, reports, asked, output_dir, unit, partitioned
        )
        ((tickets, as_of),) = done["counts"]
        if plot:
            from freshdesk import pictures

            show_progress("drawing the pictures")
            texts = {
                report.stem: report.read_text("utf-8") for report in reports
            }
            waiting = done["longest_waiting_described"]
            metrics = described(done["metrics"])
            run = pictures.Run(tickets, as_of, metrics, waiting, texts)
            pictures.publish(folder, unit, run)
        show_progress("")
    until = f" as of {format_timestamp(as_of)}" if as_of is not None else ""
    page = f"; look at {folder / 'index.html'}" if plot else ""
    shown = output_dir if is_url(output_dir) else folder
    if "metrics" in done:
        print(table(described(done["metrics"])))
        print(longest(done["longest_waiting"]))
    print(
        f"{shown}: {plural(len(reports), 'report')}"
        f" of {plural(tickets, 'ticket')}{until}{page}"
    )
    for note in done["notes"]:
        print(f"note: {note}", file=sys.stderr)


def run_reports(
    open_engine: Callable[[Iterable[str]], AbstractContextManager[Engine]],
    reports: Sequence[Path],
    asked: Sequence[str],
    output_dir: str,
    unit: str,
    partitioned: bool,
) -> dict[str, Any]:
    """Write the reports' files; return the rows of what is asked besides.

    All are computed before the first file is replaced.
    """
    answers = {name: sql(f"terminal/{name}") for name in asked}
    queries = {
        report: report.read_text("utf-8", "replace") for report in reports
    }
    with (
        open_engine([*answers.values(), *queries.values()]) as engine,
        ExitStack() as files,
    ):
        tasks = [
            *engine.evaluations,
            *(
                Task(name, named_views(query), partial(engine.answer, query))
                for name, query in answers.items()
            ),
        ]
        for report, query in queries.items():
            target = f"{output_dir}/{report.stem}.csv"
            do: Callable[[], None]
            if partitioned:
                with engine.opened(query) as connection:
                    replacing_parts = cast(
                        "spark.Connection", connection
                    ).replacing
                part = files.enter_context(replacing_parts(target))
                do = partial(write_parts, engine, report, query, unit, part)
            else:
                file = files.enter_context(replacing(Path(target)))
                do = partial(write_csv, engine, report, query, unit, file)
            tasks.append(Task(report.name, named_views(query), do))
        return {**run_tasks(tasks, engine.processes), "notes": engine.notes()}


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


def status_alias(text: str) -> tuple[str, str]:
    """Return (label, canonical status) of "Label=Status"."""
    from export_json import status_alias  # which SQLite's runs do not need

    return status_alias(text)


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
        "--plot",
        action="store_true",
        help="draw pictures and a page, index.html, from the reports, too",
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


def main(argv: Sequence[str] | None = None) -> int:
    return exit_status(lambda: query_as_told(argv))


def query_as_told(argv: Sequence[str] | None) -> None:
    parser = argument_parser()
    args = parser.parse_args(argv)
    if problem := wrong_usage(args):
        parser.error(problem)
    sql_queries(
        args.reports,
        args.output_dir,
        args.sql_dir,
        args.unit,
        args.plot,
        database=args.database if args.engine == "sqlite" else None,
        exports=args.exports,
        aliases=args.status_alias,
        partitioned=args.partitioned,
    )


if __name__ == "__main__":
    raise SystemExit(main())
