"""The engine that reports run on by default: SQLite.

An engine answers a query with pandas' frames, some rows at a time. Spark has
another one, in spark.py.
"""

from __future__ import annotations

import re
import signal
import sqlite3
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from math import ceil
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from freshdesk import Failure, QueryError, needed_views, show_progress, views
from freshdesk.settings import Row, Settings

if TYPE_CHECKING:
    import pandas

CHUNK_ROWS = 5_000  # of a result are in memory at a time

# Answers a query, some rows at a time. Raises QueryError.
Engine = Callable[[str], Iterator["pandas.DataFrame"]]


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


def evaluate(
    connection: sqlite3.Connection, view: str, query: str, more: Iterable[Row]
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
