"""Ingest Freshdesk ticket activity exports into a relational SQLite database.

    bytes     of an export, one file
    records   as JSON, one at a time: see freshdesk/reader.py
    rows      the columns that an activity fills
    database  rows of the table `activities`, see sql/schema/tables.sql

Each file is ingested whole or not at all. Both forms of the export are read:
the one of 2017 that Freshdesk documents, and the one it writes today.
"""

from __future__ import annotations

import freshdesk  # noqa: F401 - first: it refuses an old Python

# isort: split

import argparse
import json
import os
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import count, groupby, takewhile
from pathlib import Path
from sqlite3 import Connection
from typing import Any

from freshdesk import (
    DATABASE,
    EXPORTS_DIR,
    PRIORITIES,
    STATUSES,
    Failure,
    __version__,
    built_beside,
    complain,
    is_database,
    link_target,
    locked,
    one_line,
    plural,
    remark,
    run_script,
    show_progress,
    sql,
    utc,
    views,
    without_garbage_collection,
)
from freshdesk.reader import (
    Export,
    Metadata,
    Refused,
    Row,
    activity_columns,
    activity_rows,
    beginning,
    begins_as_export,
    first_look,
    opened,
)
from freshdesk.statuses import (
    Alias,
    change_aliases,
    label_key,
    spelling,
    status_alias,
    unknown_labels,
    users_aliases,
)

CACHE_KIB = 28_000  # of the database's pages in memory
OLDEST_SQLITE = (3, 37)
TICKETS = "select value from json_each(:tickets)"


class Damaged(Failure):
    """A file is no database any more."""


# Rows -> database


@lru_cache(maxsize=4096)
def insertion(columns: tuple[str, ...]) -> str:
    """Return the statement that inserts an activity with these columns."""
    places = ", ".join("?" * len(columns))
    return f"insert into activities ({', '.join(columns)}) values ({places})"


@cache
def removal() -> str:
    """Return the statement that removes activities that stand there already."""
    places = {"ticket_id", "performed_at", "is_new_ticket", "export_id"}
    no_content = {*places, "position", "other_fields"}
    content = [name for name in activity_columns() if name not in no_content]
    return sql("ingest/remove_repeated").format(content=", ".join(content))


def insert_labels(connection: Connection, labels: set[str]) -> None:
    """Add status labels, where they are not known yet."""
    connection.executemany(
        sql("ingest/insert_status"),
        [(label, spelling(label), label_key(label)) for label in labels],
    )


def insert_rows(connection: Connection, batch: Sequence[Row]) -> int:
    """Insert rows, but of equal activities only the first; return how many are
    repeated.

    In the order of the table, so that SQLite finds the pages of a few tickets
    in its cache.
    """
    labels = {row["status"] for row in batch if "status" in row}
    insert_labels(connection, labels)
    by_columns = defaultdict(list)
    for row in batch:
        by_columns[tuple(row)].append(tuple(row.values()))
    for columns, values in by_columns.items():
        connection.executemany(insertion(columns), sorted(values))
    seconds = [row["performed_at"] for row in batch]
    tickets = json.dumps([*{row["ticket_id"] for row in batch}])
    where = {
        "ticket_ids": tickets,
        "first_second": min(seconds),
        "last_second": max(seconds),
    }
    return connection.execute(removal(), where).rowcount


def created_twice(connection: Connection, batch: Sequence[Row]) -> list[int]:
    """Return the first tickets of some rows that another activity creates."""
    created = [row["ticket_id"] for row in batch if "is_new_ticket" in row]
    query = sql("ingest/select_created_twice").format(tickets=TICKETS)
    found = connection.execute(query, {"tickets": json.dumps(created)})
    return [ticket for (ticket,) in found]


def export_number(
    connection: Connection, metadata: Metadata, digest: str
) -> int:
    """Return the number of a new export: 38 bits of its start, 25 bits of its
    SHA-256.

    Exports are numbered in the order of both. They rarely clash. Then the later
    one takes the next number, and those behind it make room.
    """

    def holder(number: int) -> Any:
        """Return the start and the SHA-256 of the export of this number."""
        found = connection.execute(sql("ingest/export_with_id"), (number,))
        return found.fetchone()

    number = (metadata.start_at << 25) + (int(digest[:7], 16) >> 3)
    while (other := holder(number)) and other < (metadata.start_at, digest):
        number += 1
    for moved in reversed([*takewhile(holder, count(number))]):
        connection.execute(sql("ingest/move_export"), (moved,))
        connection.execute(sql("ingest/move_activities"), (moved,))
    return number


@dataclass
class Ingested:
    """The result of one file."""

    name: str
    is_known: bool = False  # its bytes were there before
    activities_count: int = 0
    repeated: int = 0  # activities that stand there already
    outside_window: int = 0
    last_performed_at: int | None = None
    created_twice: list[int] = field(default_factory=list)  # some tickets

    def count(self, seconds: Sequence[int], metadata: Metadata) -> None:
        """Count some more activities, by their seconds."""
        first, last = metadata.start_at, metadata.end_at
        self.activities_count += len(seconds)
        self.outside_window += sum(not first <= s <= last for s in seconds)
        latest = max(seconds)
        if self.last_performed_at is None or latest > self.last_performed_at:
            self.last_performed_at = latest


def ingest(
    connection: Connection,
    export: Export,
    name: str,
    digest: str,
    metadata: Metadata,
) -> Ingested:
    """Write an export that has these metadata, a chunk of it at a time."""
    ingested = Ingested(name)
    export_id = export_number(connection, metadata, digest)
    rows = activity_rows(export, export_id)
    for _, chunk in groupby(rows, lambda _: export.chunk):
        batch = [*chunk]
        ingested.count([row["performed_at"] for row in batch], metadata)
        ingested.repeated += insert_rows(connection, batch)
        ingested.created_twice += created_twice(connection, batch)
        show_progress(f"{name}: {ingested.activities_count:,} activities")
    show_progress("")
    told = {"export_id": export_id, "sha256": digest, **metadata._asdict()}
    told |= {"ingested_at": int(time.time()), **vars(ingested)}
    connection.execute(sql("ingest/insert_export"), told)
    return ingested


@without_garbage_collection()
def ingest_file(connection: Connection, path: Path) -> Ingested:
    """Ingest the export at *path*, unless the same bytes are there already.

    The caller has opened the transaction, and ends it. Raises Refused, one
    line that names the file, if it cannot be.
    """
    # Its name may be any bytes.
    name = os.fsencode(path.name).decode(errors="replace")
    with opened(path) as file:
        digest, metadata = first_look(file)
        query = sql("ingest/find_export")
        if connection.execute(query, (digest,)).fetchone():
            return Ingested(name, is_known=True)
        connection.execute("savepoint before_export")
        export = Export(file)
        ingested = ingest(connection, export, name, digest, metadata)
        if export.metadata != metadata:  # the ends of the file misled
            connection.execute("rollback to before_export")
            file.seek(0)
            metadata, export = export.metadata, Export(file)
            ingested = ingest(connection, export, name, digest, metadata)
        connection.execute("release before_export")
        return ingested


# The database


def refresh_views(connection: Connection) -> None:
    """Copy the views into the database, for people with a sqlite3 shell."""
    for name, select in views().items():
        wanted = f"CREATE VIEW {name} as\n{select}"  # as SQLite keeps it
        found = connection.execute(sql("ingest/find_view"), (name,))
        if found.fetchone() != (wanted,):
            connection.execute(f"drop view if exists {name}")
            connection.execute(wanted)


def create_schema(connection: Connection) -> None:
    """Begin a new database, with Freshdesk's priorities and statuses in it."""
    connection.executescript(f"begin; {sql('schema/tables')}")
    fill = connection.executemany
    fill("insert into priorities values (?, ?)", PRIORITIES.items())
    fill("insert into canonical_statuses values (?, ?)", STATUSES.items())
    change_aliases(connection, [])


@contextmanager
def connected(
    path: Path, *, stands_for: Path | None = None
) -> Iterator[Connection]:
    """Open the database at *path* for writing; close it in the end.

    What SQLite cannot do (a full disk, a damaged file) is raised as Failure,
    which names the database that it *stands_for*.
    """
    named = stands_for or path
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise Failure(
            f"{named}: SQLite {sqlite3.sqlite_version} cannot make it; use a"
            f" Python with SQLite {'.'.join(map(str, OLDEST_SQLITE))} or later"
        )
    try:
        # Our own runs wait for each other elsewhere: see locked(). A path from
        # the root is never taken for a URI, or for ":memory:".
        with closing(
            sqlite3.connect(path.absolute(), timeout=30, isolation_level=None)
        ) as connection:
            connection.execute("pragma temp_store = file")
            connection.execute(f"pragma cache_size = -{CACHE_KIB}")
            yield connection
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise
    except sqlite3.OperationalError as error:
        raise Failure(
            f"{named}: {error}; it is as it was before, make room or"
            " check the disk, the permissions and who else uses it"
        ) from error
    except sqlite3.DatabaseError as error:
        raise Damaged(
            f"{named}: {error}; it is damaged, make a new one of all"
            " exports with --replace"
        ) from error


def discard_leftovers(path: Path) -> None:
    """Remove what SQLite keeps beside the database at *path*."""
    for suffix in ("-journal", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


@contextmanager
def built(path: Path) -> Iterator[Connection]:
    """Build a new database; when all went well it takes the place of *path*.

    The caller ends the transaction that begins it, and has seen to it that the
    old database needs its journal no more.
    """
    with built_beside(path) as part:
        discard_leftovers(part)
        with connected(part, stands_for=path) as connection:
            # Nobody sees the file until it is whole and on the disk.
            connection.execute("pragma synchronous = off")
            create_schema(connection)
            yield connection
            # An eighth smaller, quicker to read. It needs as much room again;
            # without that room the database stays as it is.
            with suppress(sqlite3.OperationalError):
                connection.execute("vacuum")
        discard_leftovers(path)


@contextmanager
def changing(
    path: Path, *, aliases: Sequence[Alias], replace: bool = False
) -> Iterator[Connection]:
    """One change of the database at *path*: all of it or, on errors, nothing.

    A database that is missing is built; so is one to *replace*, which passes
    on its aliases.
    """
    with locked(path.parent):
        exists = is_database(path, to_replace=replace)
        inherited = inherited_aliases(path) if exists and replace else []
        is_new = replace or not exists
        with built(path) if is_new else connected(path) as connection:
            if not is_new:
                connection.execute("begin immediate")
            refresh_views(connection)
            if changes := [*inherited, *aliases]:
                change_aliases(connection, changes)
            yield connection
            connection.execute("commit")


def inherited_aliases(path: Path) -> list[Alias]:
    """Return the mappings in a database that is to be replaced.

    A damaged one may have lost them: that is told. If a killed run left it half
    changed, opening it completes it, so that its journal is needed no more.
    """
    try:
        with connected(path) as old:
            return users_aliases(old)
    except Damaged:
        remark(f"{path} is damaged: what labels meant is lost, map them again")
        return []


# The script


def summary(database: Path, results: Sequence[Ingested]) -> str:
    """Return what came of some files in one line."""
    new = [result for result in results if not result.is_known]
    told = f"{database}: {plural(len(new), 'export')} ingested"
    if new:
        names = first_three([result.name for result in new])
        activities = sum(result.activities_count for result in new)
        repeated = sum(result.repeated for result in new)
        told += f" ({names}) with {plural(activities, 'activity')},"
        told += f" {repeated:,} of them already there"
    if known := len(results) - len(new):
        told += f"; {plural(known, 'export')} already there"
    return one_line(told)


def first_three(names: Sequence[str]) -> str:
    """Return three names, and how many there are besides."""
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def quoted(values: Iterable[object]) -> str:
    return ", ".join(json.dumps(value, ensure_ascii=False) for value in values)


# What the user should know of all exports: queries, and what their rows tell.
NOTES = {
    "ingest/select_unmapped_statuses": "not mapped to a canonical status (see"
    " --status-alias): {}",
    "ingest/select_created_twice": "created twice: ticket {}; exports of two"
    " accounts belong into two databases",
    "ingest/select_unknown_agents": "no agent is known, so nothing counts as a"
    " response; ingest exports in which a ticket is assigned",
}
NOTE_QUERIES = ("ingest/select_gaps", *NOTES)


def notes_on_all(
    execute: Callable[[str], Iterable[tuple[Any, ...]]],
    tickets: str = "select ticket_id from activities",
) -> Iterator[str]:
    """Yield what the user should know of all exports, by the answers to SQL.

    Of the *tickets* alone, a select, whether they were created twice.
    """
    for gap in execute(sql("ingest/select_gaps")):
        first, last = map(utc, gap)
        yield f"no export covers {first} to {last}"
    for query, note in NOTES.items():
        rows = execute(sql(query).format(tickets=tickets))
        if values := [value for (value,) in rows]:
            yield note.format(quoted(values))


def notes(
    database: Path,
    results: Sequence[Ingested],
    others: Sequence[Path],
    aliases: Sequence[Alias],
) -> Iterator[str]:
    """Yield what the user should know of the files, and of all exports.

    Of the exports only where something is new.
    """
    if others:
        names = first_three([file.name for file in others])
        yield f"not taken for exports: {names}"
    if all(result.is_known for result in results) and not aliases:
        return
    for result in results:
        if result.outside_window:
            outside = plural(result.outside_window, "activity")
            yield f"{result.name}: {outside} outside its window, kept"
    created = [ticket for result in results for ticket in result.created_twice]
    told = {"tickets": json.dumps(created)}
    with locked(shared=[database.parent]), connected(database) as connection:
        execute = connection.execute
        yield from [*notes_on_all(lambda query: execute(query, told), TICKETS)]
        if unknown := unknown_labels(connection, aliases):
            yield f"no export has the status: {quoted(unknown)}"


def found_exports(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return the exports that *paths* name, and what else is in their folders.

    In a folder, what has .json in its name is taken for an export, and what
    begins as one. Hidden files are neither.
    """
    exports: list[Path] = []
    others: list[Path] = []
    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112, no name is too long
            for file in sorted(path.iterdir()):
                if not file.name.startswith("."):
                    (exports if is_taken(file) else others).append(file)
        elif path != EXPORTS_DIR:
            exports.append(path)
    if not exports:
        folders = ", ".join(map(str, paths))
        among = f" among {plural(len(others), 'file')}" if others else ""
        raise Failure(
            f"{folders}: no export there{among}; name the exports to ingest,"
            " or make one with ticket_gen.py"
        )
    return exports, others


def is_taken(file: Path) -> bool:
    """Return whether a file of a folder is to be ingested."""
    if not file.is_file():
        return file.is_symlink() and not file.exists()
    if ".json" in file.name.lower():
        return True
    with suppress(OSError), file.open("rb") as stored_file:
        return begins_as_export(beginning(stored_file)) is not None
    return True  # opening it says why it cannot be read


def ingest_each(
    database: Path, paths: Sequence[Path], aliases: Sequence[Alias]
) -> tuple[list[Ingested], Failure | None]:
    """Ingest exports, each in a transaction of its own; return the results,
    and what went wrong in the end.

    One that is refused is named at once, and the others go in. A database that
    fails ends it.
    """
    results: list[Ingested] = []
    for path in paths:
        try:
            # The first transaction that succeeds has mapped the labels.
            new_aliases = [] if results else aliases
            with changing(database, aliases=new_aliases) as connection:
                ingested = ingest_file(connection, path)
            results.append(ingested)
        except Failure as error:
            if len(paths) == 1 or not isinstance(error, Refused):
                return results, error
            complain(error)
    if not (refused := len(paths) - len(results)):
        return results, None
    exports = plural(len(paths), "export")
    return results, Failure(
        f"{refused:,} of {exports} refused; the lines above say why"
    )


def export_json(
    paths: Sequence[Path],
    database: Path,
    *,
    replace: bool = False,
    aliases: Sequence[Alias] = (),
    quiet: bool = False,
) -> None:
    """Ingest the exports at *paths*, which may be folders.

    Each is one transaction; with *replace* all of them are one, and make a new
    database. *aliases* alone, without paths, are just remembered.
    """
    exports, others = found_exports(paths) if paths else ([], [])
    database = link_target(database)
    failure = None
    if exports and not replace:
        results, failure = ingest_each(database, exports, aliases)
    else:
        with changing(database, replace=replace, aliases=aliases) as connection:
            results = [ingest_file(connection, path) for path in exports]
    if not quiet and (results or not failure):
        print(summary(database, results))
        for note in notes(database, results, others, aliases):
            remark(note)
    if failure:
        raise failure


def list_aliases(database: Path) -> None:
    """Print the user's mappings, each as --status-alias takes it."""
    if not is_database(database):
        raise Failure(f"{database}: no such database")
    with locked(shared=[database.parent]), connected(database) as connection:
        aliases = users_aliases(connection)
    for label, meaning in aliases:
        print(one_line(f"{label}={meaning}"))


def argument_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="export_json",
        description=(
            "Ingest Freshdesk ticket activity exports into a SQLite database."
        ),
        epilog="""examples:
  %(prog)s
      ingest what is in data/json
  %(prog)s activities_*.json.gz -d data/database/exports.db
      add these exports; what is there already is not doubled
  %(prog)s --replace data/json/ticket_activities.json
      a new database of just this export takes the old one's place
  %(prog)s --status-alias "Esperando por cliente=Waiting on Customer"
      let a label mean a status, for what is ingested already, too""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # fmt: off
    add = parser.add_argument
    add("exports", nargs="*", metavar="EXPORT", type=Path,
        help=f"a file, or a folder of them; default: {EXPORTS_DIR}")
    add("-d", "--database", type=Path, default=DATABASE,
        help="default: %(default)s")
    add("--replace", action="store_true",
        help="build a new database from just these files, all or nothing")
    add("-q", "--quiet", action="store_true", help="print nothing but errors")
    add("--status-alias", action="append", default=[], metavar="LABEL=STATUS",
        type=status_alias,
        help="remember that LABEL means STATUS, one of Freshdesk's or another"
             " label; LABEL= takes it back; may be repeated")
    add("--list-aliases", action="store_true", help="list the mapped labels")
    add("--version", action="version", version=f"%(prog)s {__version__}")
    # fmt: on
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run_script(lambda: ingest_as_told(argv))


def ingest_as_told(argv: Sequence[str] | None) -> None:
    parser = argument_parser()
    args = parser.parse_args(argv)
    if args.replace and not args.exports:
        parser.error("--replace needs the exports to be named")
    is_about_aliases = args.status_alias or args.list_aliases
    paths = args.exports or ([] if is_about_aliases else [EXPORTS_DIR])
    if paths or args.status_alias:
        export_json(
            paths,
            args.database,
            replace=args.replace,
            aliases=args.status_alias,
            quiet=args.quiet,
        )
    if args.list_aliases:
        list_aliases(args.database)


if __name__ == "__main__":
    raise SystemExit(main())
