"""Ingest Freshdesk ticket activity exports into a relational SQLite database.

An export goes through four steps, which follow each other here:

    bytes     {"performed_at": "20-04-2017 11:00:00 +0000", "ticket_id": 20,
               "performer_type": "user", "performer_id": 145423,
               "activity": {"status": "Open", "priority": 1, "Region": "EMEA"}}
    records   the same as a dict, one at a time
    rows      (20, 1492686000, 0, 50..., 7, "user", 145423, "Open", "1",
               '{"Region":"EMEA"}') for the columns ticket_id, performed_at,
               is_new_ticket, export_id, position, performer_type, performer_id,
               status, priority, other_properties
    database  rows of the table `activities`, see sql/schema/tables.sql

Each file is ingested whole or not at all. Both forms of the export are read:
the one of 2017 that Freshdesk documents, and the one it writes today.
"""

from __future__ import annotations

import freshdesk  # noqa: F401 - first: it refuses an old Python

# isort: split

import argparse
import codecs
import gzip
import hashlib
import json
import os
import re
import sqlite3
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from itertools import count, groupby, takewhile
from json import JSONDecodeError
from pathlib import Path
from types import NoneType
from typing import Any, BinaryIO, NamedTuple, cast

from freshdesk import (
    AGENTS_NOTE_TYPES,
    DATABASE,
    EXPORTS_DIR,
    NOTE_TYPES,
    PRIORITIES,
    PUBLIC_NOTE_TYPES,
    SOURCES,
    STATUSES,
    Failure,
    complain,
    describe,
    format_timestamp,
    is_database,
    link_target,
    locked,
    make_part,
    one_line,
    parse_timestamp,
    part_path,
    plural,
    put_in_place,
    remark,
    run_script,
    show_progress,
    sql,
    views,
    without_garbage_collection,
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

READ_SIZE = 1 << 19  # bytes of a file that are read at a time
TAIL = 1 << 14  # characters of a chunk in which a record surely ends
ENDS_SIZE = 1 << 16  # bytes at both ends of a file in which metadata may stand
DEEPEST = 200  # levels of nesting; a genuine activity has about five
CACHE_KIB = 28_000  # of the database's pages in memory
OLDEST_SQLITE = (3, 37)
GZIP = b"\x1f\x8b"  # gzipped files begin so
GZIP_ERRORS = (EOFError, zlib.error, gzip.BadGzipFile)

Json = dict[str, Any]
Row = dict[str, Any]  # the columns that it fills


class Malformed(ValueError):
    """A file is not a ticket activity export; the text says what and where."""

    def __init__(
        self,
        problem: str,
        advice: str = "nothing of this file was kept, export it again or"
        " correct it",
    ) -> None:
        super().__init__(problem)
        self.advice = advice


class Refused(Failure):
    """A file cannot be ingested; others may."""


class Damaged(Failure):
    """A file is no database any more."""


# Bytes -> records


def decoded(file: BinaryIO) -> Iterator[str]:
    """Yield the text of a UTF-8 file, with or without a byte-order mark."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    chunk = b"?"
    while chunk:
        chunk = file.read(READ_SIZE)
        try:
            if text := decoder.decode(chunk, final=not chunk):
                yield text
        except UnicodeDecodeError as error:
            raise Malformed(f"text is not UTF-8 ({error.reason})") from None


def refuse_constant(name: str) -> None:
    raise Malformed(f"{name} is not standard JSON")


def finite(text: str) -> float:
    """Return the number in *text*, which must fit a 64-bit float."""
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise Malformed(f"the number {text:.40} is too large")
    return number


class Repetitive(Json):
    """A JSON object in which a name stands twice. The last value counts."""

    def __init__(self, pairs: Sequence[tuple[str, object]]) -> None:
        super().__init__(pairs)
        ((self.repeated, _),) = Counter(n for n, _ in pairs).most_common(1)


def json_object(pairs: Sequence[tuple[str, object]]) -> Json:
    values = dict(pairs)
    return values if len(values) == len(pairs) else Repetitive(pairs)


scan = json.JSONDecoder(
    object_pairs_hook=json_object,
    parse_float=finite,
    parse_constant=refuse_constant,
).scan_once  # type: ignore[attr-defined]
skip_white_space = re.compile(r"[ \t\n\r]*").match
object_ends = re.compile(r"\}(?=[ \t\n\r]*,[ \t\n\r]*\{)").finditer


class Export:
    """An export that is read in a stream. Holds one chunk of it in memory.

    Iterate over records() to its end; after that `metadata` is known.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.pieces = decoded(file)
        self.text = ""  # the chunk, ...
        self.at = 0  # ... and how much of it is used up
        self.chunk = 0  # its number
        self.searched_chunk = 0  # the number of the last in whole_elements()
        self.number = 0  # of the record that was read last
        self.told: Json = {}  # the names at the top; the value of "metadata"

    @property
    def metadata(self) -> Metadata:
        """Return the metadata; raise Malformed if there are none."""
        if "activities_data" not in self.told:
            raise Malformed("activities_data is missing")
        return checked_metadata(self.told.get("metadata"))

    def records(self) -> Iterator[object]:
        """Yield the elements of "activities_data"."""
        for _ in self.members("{", "}"):
            name = self.value()
            if not isinstance(name, str):
                raise Malformed("a key is not text")
            if name in self.told:
                raise Malformed(f'there are two "{name}"')
            self.told[name] = None
            self.expect(":")
            if name == "activities_data":
                yield from self.elements()
                continue
            value = self.value()
            encode(
                [name, value]
            ).encode()  # half of a surrogate pair is no text
            if name == "metadata":
                self.told[name] = value
        if self.peek():
            raise Malformed("there is something after the end of the export")

    def elements(self) -> Iterator[object]:
        """Yield the elements of the array that comes next."""
        if self.peek() not in ("[", ""):
            raise Malformed("activities_data is not an array")
        for _ in self.members("[", "]"):
            for element in self.whole_elements():
                self.number += 1
                yield element
            self.number += 1
            yield self.value()
        self.number = 0  # the rest of the file belongs to no record

    def whole_elements(self) -> list[object]:
        """Parse all objects that end in the chunk, and have one behind them,
        with one call: that takes half the time.

        Where they are no JSON, none are returned: value() tells the place.
        """
        if self.searched_chunk == self.chunk:
            return []
        self.searched_chunk = self.chunk
        tail = max(self.at, len(self.text) - TAIL)
        ends = [end.end() for end in object_ends(self.text, tail)]
        text = f"[{self.text[self.at : ends[-1]]}]" if ends else ""
        try:
            elements, end = scan(text, 0)
        except (ValueError, StopIteration, RecursionError):
            return []
        if end < len(text):
            return []
        self.at = ends[-1]
        self.expect(",")
        return cast(list[object], elements)

    def members(self, begin: str, end: str) -> Iterator[None]:
        """Go past an object or an array; yield in front of each member."""
        self.expect(begin)
        separator = self.expect(end) if self.peek() == end else ","
        while separator == ",":
            yield
            separator = self.expect(",", end)

    def peek(self) -> str:
        """Return the next character but white space, "" at the file's end."""
        while True:
            self.at = skip_white_space(self.text, self.at).end()  # type: ignore[union-attr]
            if self.at < len(self.text) or not self.read_more():
                return self.text[self.at : self.at + 1]

    def expect(self, *characters: str) -> str:
        """Go past the next character, which must be one of these."""
        found = self.peek()
        if found not in characters:
            wanted = " or ".join(characters)
            raise Malformed(
                f"expected {wanted} but found {found!a}"
                if found
                else f"the file ends where {wanted} should come"
            )
        self.at += 1
        return found

    def value(self) -> object:
        """Go past the next JSON value and return it."""
        self.peek()
        while True:
            problem = ""
            try:
                value, end = scan(self.text, self.at)
                # A number near the end of the chunk may go on: 1 and 1.5e3
                is_cut = self.text[end - 1] not in '"}]'
                is_cut = is_cut and end + 3 >= len(self.text)
            except Malformed:
                raise
            except StopIteration as stop:
                problem = "a value is missing"
                is_cut = stop.value > len(self.text) - 10
            except JSONDecodeError as error:
                # The rest of the file mends a value that the chunk cuts off:
                # a text, or at the very end a literal, \uXXXX. Nothing else
                # draws the whole file into memory.
                problem = error.msg
                is_cut = error.pos > len(self.text) - 10
                is_cut = is_cut or problem.startswith("Unterminated string")
            except ValueError:  # an integer that Python refuses to convert
                raise Malformed("a number has too many digits") from None
            if is_cut and self.read_more():
                continue
            if problem:
                cut_off = "" if self.read_more() else ", or cut off"
                raise Malformed(f"not JSON{cut_off}: {problem}")
            self.at = end
            return value

    def read_more(self) -> bool:
        """Read on; return False at the end of the file.

        Reads at least as much as is still unused, so that a long value costs
        time in proportion to its length.
        """
        pieces = [self.text[self.at :]]
        missing = len(pieces[0])
        for piece in self.pieces:
            pieces.append(piece)
            missing -= len(piece)
            if missing <= 0:
                break
        if len(pieces) == 1:
            return False
        self.text, self.at = "".join(pieces), 0
        self.chunk += 1
        return True


class Metadata(NamedTuple):
    """What an export tells of itself."""

    start_at: int  # its first second
    end_at: int  # its last second
    activities_count: int


def checked_metadata(metadata: object) -> Metadata:
    """Return the metadata; raise Malformed if they are none."""
    if metadata is None:
        raise Malformed("metadata is missing")
    if type(metadata) is not dict:
        raise refuse("metadata", "an object", metadata)
    start_at, end_at, count = (
        metadata.get(name, ...) for name in Metadata._fields
    )
    if type(count) is not int:
        raise refuse("activities_count", "an integer", count)
    window = moment("start_at", start_at), moment("end_at", end_at)
    if window[1] < window[0]:
        raise Malformed("end_at is before start_at")
    return Metadata(*window, count)


def first_look(file: BinaryIO) -> tuple[str, Metadata | None]:
    """Return the SHA-256 of *file*, and the metadata that its ends show.

    Genuine exports have their metadata at the end, those of 2017 at the
    beginning. So a file is parsed once although its rows begin with start_at.
    The parse has the last word.
    """
    digest = hashlib.sha256()
    head = tail = b""
    while chunk := file.read(READ_SIZE):
        digest.update(chunk)
        head = head or chunk[:ENDS_SIZE]
        tail = (tail + chunk)[-ENDS_SIZE:]
    file.seek(0)
    return digest.hexdigest(), shown_metadata(tail) or shown_metadata(head)


def shown_metadata(part: bytes) -> Metadata | None:
    """Return the metadata in a part of an export, if they are there."""
    text = part.decode(errors="replace")
    for match in re.finditer(r'"metadata"[ \t\n\r]*:[ \t\n\r]*', text):
        with suppress(Malformed, ValueError, StopIteration, RecursionError):
            return checked_metadata(scan(text, match.end())[0])
    return None


# What a file is that is no export

ARCHIVES = {
    b"PK": "a zip archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"7z\xbc\xaf": "a 7z archive",
}
NEW_LINK = "ask the API for a new link, and download what it leads to"
EXPORTS_NAME = re.compile(r'"(activities_data|metadata)"[ \t\n\r]*:')


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open the export at *path*, gzipped or not. See also readable()."""

    def stamp() -> tuple[int, int]:
        status = path.stat()
        return status.st_size, status.st_mtime_ns

    try:
        before = stamp()
        with path.open("rb") as stored_file:
            try:
                with readable(stored_file, path) as file:
                    yield file
            finally:  # It is still written, whatever else is wrong.
                if stamp() != before:
                    raise Refused(
                        f"{path}: changed while it was read; try again when it"
                        " is whole"
                    ) from None
    except OSError as error:
        raise Refused(
            f"{path}: {error.strerror or error}; name a file that can be read"
        ) from None


@contextmanager
def readable(stored_file: BinaryIO, path: Path | str) -> Iterator[BinaryIO]:
    """Yield a file of the uncompressed bytes of an export.

    Raises what is wrong with it as Refused, one line that names its path.
    """
    try:
        with uncompressed(stored_file) as file:
            yield file
        return
    except GZIP_ERRORS as error:
        problem = Malformed(f"not a whole gzip file ({describe(error)})")
    except Malformed as error:
        problem = error
    problem = recognized(beginning(stored_file)) or problem
    raise Refused(f"{path}: {problem}; {problem.advice}")


@contextmanager
def uncompressed(file: BinaryIO) -> Iterator[BinaryIO]:
    """Yield a file of the uncompressed bytes of *file*, gzipped or not."""
    is_gzipped = file.read(len(GZIP)) == GZIP
    file.seek(0)
    if not is_gzipped:
        yield file
        return
    with gzip.GzipFile(fileobj=file) as unzipped:
        yield cast(BinaryIO, unzipped)


def beginning(stored_file: BinaryIO) -> bytes:
    """Return how a file begins, uncompressed if it can be."""
    stored_file.seek(0)
    with suppress(*GZIP_ERRORS), uncompressed(stored_file) as file:
        return file.read(ENDS_SIZE)
    return GZIP


def begins_as_export(head: bytes) -> bool:
    text = head.decode("utf-8-sig", "replace").lstrip()
    return text.startswith("{") and bool(EXPORTS_NAME.search(text))


def recognized(head: bytes) -> Malformed | None:
    """Return what a file is that begins so, and what to do about it."""
    text = head.decode("utf-8-sig", "replace").strip()
    if not head.strip():
        return Malformed("the file is empty", NEW_LINK)
    for magic, kind in ARCHIVES.items():
        if head.startswith(magic):
            return Malformed(f"{kind}, not an export", "unpack it first")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in head[:2]:
        return Malformed("the text is UTF-16, not UTF-8", "save it as UTF-8")
    if begins_as_export(head):
        return None
    if text.startswith("<"):
        is_expired = "expired" in text.lower()
        page = "a page or an answer in XML, not an export"
        answer = "the answer that the link has expired"
        return Malformed(answer if is_expired else page, NEW_LINK)
    return recognized_json(text)


def recognized_json(text: str) -> Malformed | None:
    """Return what begins so, and what to do; None if it is not known."""
    try:
        value, end = scan(text, text.index("{"))
    except (ValueError, StopIteration, RecursionError):
        return None
    if "activities_data" in value:
        return None
    if value.keys() & {"export", "url"}:
        answer = "the API's answer"
        if value.get("export", value):
            return Malformed(
                f"{answer} with the link to the export",
                "download what the link leads to",
            )
        return Malformed(
            f"{answer}: no export for that day", "name another day"
        )
    for name in ("message", "description", "error", "errors"):
        if name in value:
            told = f"an error of the API: {encode(value[name])[:80]}"
            return Malformed(told, "mend that, and ask again")
    if text.startswith("{") and text[end:].lstrip().startswith("{"):
        kind = "newline-delimited JSON"
    elif text.startswith("[") or value.keys() & {"ticket_id", "performed_at"}:
        kind = "a connector's rows"
    else:
        return None
    advice = "ingest the file that Freshdesk wrote"
    return Malformed(f"{kind}, not an export", advice)


# Records -> rows
#
# Activities repeat the same few names and types: places() decides once where
# they stand. Values that SQLite refuses (an integer of more than 64 bits, half
# of a surrogate pair) are found when a row is inserted; then the export is read
# again, and check_record() says where they are.

Kinds = dict[str, tuple[str, set[Any]]]  # a description; the types that fit
INTEGER = "an integer", {int}
INTEGER_OR_NULL = "an integer or null", {int, NoneType}
OBJECT = "an object", {dict}

FIELD_KINDS: Kinds = {
    "ticket_id": INTEGER,
    "performer_type": ("text", {str}),
    "performer_id": INTEGER_OR_NULL,
    "activity": OBJECT,
}
FIELDS = {*FIELD_KINDS, "performed_at"}
NOTE_KINDS: Kinds = {"id": INTEGER, "type": INTEGER}
# Who acts decides the metrics, and statuses are what they measure.
PROPERTY_KINDS: Kinds = {
    "agent_id": INTEGER_OR_NULL,
    "internal_agent_id": INTEGER_OR_NULL,
    "requester_id": INTEGER_OR_NULL,
    "requester": INTEGER_OR_NULL,
    "status": ("text", {str, NoneType}),
    "note": OBJECT,
}
# The types of a record, and of the fields in FIELD_KINDS.
RECORD_TYPES = {(dict, int, str, kind, dict) for kind in (int, NoneType)}

# Properties that stand in a column of another name. The older ones give way
# where both forms' names stand in one activity.
RENAMED = {
    "new_ticket": "is_new_ticket",
    "group": "group_name",
    "ticket_type": "issue_type",
    "requester": "requester_id",
}
OLDER = {"requester", "issue_type"}
SECOND_COLUMN = {"requester_id": "other_requester_id"}
# Columns that are not named for a property.
NO_PROPERTIES = {"is_new_ticket", "group_name", "other_requester_id"}


def refuse(name: str, wanted: str, value: object) -> Malformed:
    """Return the error that a value, ... if it is missing, is not *wanted*."""
    if value is ...:
        return Malformed(f"{name} is missing")
    if isinstance(value, Repetitive):
        return Malformed(f"{name} has two {encode(value.repeated)}")
    shown = json.dumps(value)
    if len(shown) > 60:
        shown = shown[:57] + "..."
    return Malformed(f"{name} is not {wanted}: {shown}")


def check(values: Json, kinds: Kinds, whose: str = "") -> None:
    """Raise Malformed if a value is not of its types, or does not fit."""
    for name, (wanted, fitting) in kinds.items():
        value = values.get(name, ...)
        if type(value) not in fitting or not is_storable(value):
            raise refuse(f"{whose}{name}", wanted, value)


def check_record(record: Any) -> None:
    """Raise Malformed, which says what is wrong, if a record is no activity."""
    check({"the record": record}, {"the record": OBJECT})
    check({"performer_id": None, **record}, FIELD_KINDS)
    moment("performed_at", record.get("performed_at", ...))
    activity = record["activity"]
    named = PROPERTY_KINDS.keys() & activity.keys()
    check(activity, {name: PROPERTY_KINDS[name] for name in named})
    if "note" in activity:
        check(activity["note"], NOTE_KINDS, "the note's ")
    encode(record).encode()  # half of a surrogate pair is no text


def moment(name: str, text: Any) -> int:
    """Return a time in seconds since 1970; raise Malformed if it is none."""
    try:
        return parse_timestamp(text)
    except (TypeError, ValueError):
        wanted = "a time like 21-04-2017 09:33:38 +0000"
        raise refuse(name, wanted, text) from None


def is_storable(value: object) -> bool:
    """Return whether *value* is no integer of more than 64 bits."""
    return type(value) is not int or -(1 << 63) <= value < 1 << 63


encode = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":")
).encode


def as_json(rest: Json) -> str:
    """Return what has no column as JSON, its keys sorted."""
    if nesting(rest) > DEEPEST:
        raise Malformed("nested too deep")
    return encode(rest)


def nesting(value: object, depth: int = 0) -> int:
    """Return how deep *value* is nested, or only that it is too deep."""
    if depth > DEEPEST or not isinstance(value, (dict, list)):
        return depth
    values = value.values() if isinstance(value, dict) else value
    return max((nesting(v, depth + 1) for v in values), default=depth + 1)


# How a column stores a value. None: it cannot hold it, or not exactly.
Store = Callable[[Any], object]


def nowhere(_: object) -> None:
    return None


def nothing(_: None) -> str:
    return ""


def storable_integer(number: int) -> int | None:
    return number if is_storable(number) else None


def text_or_none(text: str) -> str | None:
    return text or None


def as_text(value: object) -> str:
    """Return a value of an odd type as a text column shows it."""
    return value if isinstance(value, str) else encode(value)


@lru_cache(maxsize=1024)
def iso_date(text: str) -> str | None:
    """Return "21 Apr, 2017" as 2017-04-21, "N/A" as it is, else None."""
    if text == "N/A":
        return text
    with suppress(ValueError):
        date = datetime.strptime(text, "%d %b, %Y")
        if f"{date:%d %b, %Y}" == text:
            return f"{date:%Y-%m-%d}"
    return None


def second(text: object) -> int | None:
    """Return "28-07-2026 23:00:00 +0000" in seconds since 1970."""
    with suppress(TypeError, ValueError):
        return parse_timestamp(cast(str, text))
    return None


def utc_second(text: str) -> int | None:
    """Return the same, but None for an offset, which a number cannot tell."""
    return second(text) if text.endswith("+0000") else None


# By column, or by its declaration: the type of the values that it stores
# exactly, how, and how it shows others, which stand in other_properties.
STORES: dict[str, tuple[type, Store, Store]] = {
    "TEXT": (str, text_or_none, as_text),
    "INTEGER": (int, storable_integer, nowhere),
    "is_new_ticket": (bool, {True: 1}.get, nowhere),
    "priority": (int, str, as_text),
    "source": (int, str, as_text),
    # These must fit: SQLite refuses them.
    "agent_id": (int, int, nowhere),
    "internal_agent_id": (int, int, nowhere),
    "requester_id": (int, int, nowhere),
    "other_requester_id": (int, int, nowhere),
    "contacted_customer": (bool, int, nowhere),
    "deleted": (bool, int, nowhere),
    "spam": (bool, int, nowhere),
    "shipment_date": (str, iso_date, as_text),
    "due_by": (str, utc_second, second),
}


@cache
def activity_columns() -> dict[str, str]:
    """Return the columns of the table `activities`, and their declarations."""
    columns = "select name, type from pragma_table_info('activities')"
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(sql("schema/tables"))
        return dict(connection.execute(columns).fetchall())


@cache
def columns_by_property() -> dict[str, str]:
    """Return the column of each property that has one."""
    names = [*activity_columns()]
    first, last = names.index("status"), names.index("other_properties")
    own = {*names[first:last]} - NO_PROPERTIES
    return {name: name for name in own} | RENAMED


class Place(NamedTuple):
    """Where a property is stored."""

    name: str
    column: str  # "": in other_properties alone
    store: Store
    show: Store  # if it cannot be stored exactly


@lru_cache(maxsize=4096)
def places(*names_and_types: Any) -> list[Place]:
    """Return where properties of these names, and types, are stored.

    Raises TypeError if a type does not fit: check_record() says which.
    """
    middle = len(names_and_types) // 2
    names, types = names_and_types[:middle], names_and_types[middle:]
    found: list[Place] = []
    for name, kind in sorted(
        zip(names, types, strict=True), key=lambda pair: pair[0] in OLDER
    ):
        if name in PROPERTY_KINDS and kind not in PROPERTY_KINDS[name][1]:
            raise TypeError
        column = columns_by_property().get(name, "")
        if column in {place.column for place in found}:
            column = SECOND_COLUMN.get(column, "")
        found.append(place_in(column, name, kind))
    return found


def place_in(column: str, name: str, kind: type) -> Place:
    """Return where a property of this type is stored, if that column can."""
    if column:
        declared = activity_columns()[column]
        fitting, store, show = STORES.get(column) or STORES[declared]
        if kind is NoneType and declared != "INTEGER":
            return Place(name, column, nothing, show)
        if kind is fitting:
            return Place(name, column, store, show)
        if declared == "TEXT":
            return Place(name, column, nowhere, show)
    return Place(name, "", nowhere, nowhere)


def content(activity: Json) -> Row:
    """Return the columns that a note and changes of properties fill."""
    row: Row = {}
    others: Json = {}
    for name, column, store, show in places(
        *activity, *map(type, activity.values())
    ):
        value = activity[name]
        kept = store(value)
        if kept is None:
            others[name] = value
            kept = show(value)
        if kept is not None:
            row[column] = kept
    if "note" in others:
        note = {**others.pop("note")}
        row["note_id"], row["note_type"] = note.pop("id"), note.pop("type")
        if {type(row["note_id"]), type(row["note_type"])} != {int}:
            raise TypeError
        if note:
            others["note"] = note
    if others:
        row["other_properties"] = as_json(others)
    return row


def activity_row(record: Any, export_id: int | str, position: int) -> Row:
    """Return the columns that an activity fills.

    Raises Malformed, without the record's number, if it is no activity.
    """
    try:
        row = {
            "ticket_id": record["ticket_id"],
            "performed_at": parse_timestamp(record["performed_at"]),
            "export_id": export_id,
            "position": position,
            "performer_type": record["performer_type"],
            "performer_id": record.get("performer_id"),
        }
        activity = record["activity"]
        told = row["ticket_id"], row["performer_type"], row["performer_id"]
        if (*map(type, (record, *told, activity)),) not in RECORD_TYPES:
            raise TypeError
        row |= content(activity)
    except (AttributeError, KeyError, TypeError, ValueError):
        check_record(record)
        raise
    if not record.keys() <= FIELDS:
        others = {name: record[name] for name in record.keys() - FIELDS}
        row["other_fields"] = as_json(others)
    return row


def rows(
    export: Export, export_id: int | str, *, careful: bool = False
) -> Iterator[Row]:
    """Yield the columns that each activity of an export fills.

    Raises Malformed, with the record's number, if it is no export. Only if
    *careful*, every value is known to fit the database.
    """
    position = 0
    try:
        for position, record in enumerate(export.records(), start=1):
            if careful:
                check_record(record)
            yield activity_row(record, export_id, position)
        declared = export.metadata.activities_count
        if declared == position:
            return
        problem = (
            f"activities_count is {declared:,}, but there are {position:,}"
        )
    except UnicodeEncodeError:
        problem = "half of a surrogate pair is no text"
    except RecursionError:
        problem = "nested too deep"
    except Malformed as error:
        problem = str(error)
    where = f"record {export.number:,}: " if export.number else ""
    raise Malformed(f"{where}{problem}")


# Rows -> database


@lru_cache(maxsize=4096)
def insertion(*columns: str) -> str:
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


def insert_labels(connection: sqlite3.Connection, labels: set[str]) -> None:
    """Add status labels, where they are not known yet."""
    connection.executemany(
        sql("ingest/insert_status"),
        [(label, spelling(label), label_key(label)) for label in labels],
    )


def insert_rows(connection: sqlite3.Connection, batch: Sequence[Row]) -> int:
    """Insert rows, but of equal activities only the first; return how many are
    repeated.

    In the order of the table, so that SQLite finds the pages of a few tickets
    in its cache.
    """
    labels = {row["status"] for row in batch if "status" in row}
    insert_labels(connection, labels)
    values = defaultdict(list)
    for row in batch:
        values[tuple(row)].append(tuple(row.values()))
    for columns, some in values.items():
        connection.executemany(insertion(*columns), sorted(some))
    seconds = [row["performed_at"] for row in batch]
    removed = connection.execute(
        removal(),
        {
            "ticket_ids": json.dumps([*{row["ticket_id"] for row in batch}]),
            "first_second": min(seconds),
            "last_second": max(seconds),
        },
    )
    return removed.rowcount


def export_number(
    connection: sqlite3.Connection, metadata: Metadata, digest: str
) -> int:
    """Return the number of a new export: 38 bits of its start, 25 bits of its
    SHA-256.

    Exports are numbered in the order of both. They rarely clash. Then the later
    one takes the next number, and those behind it make room.
    """

    def holder(number: int) -> tuple[int, str] | None:
        """Return the start and the SHA-256 of the export of this number."""
        found = connection.execute(sql("ingest/export_with_id"), (number,))
        holder: tuple[int, str] | None = found.fetchone()
        return holder

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

    def count(self, seconds: Sequence[int], metadata: Metadata) -> None:
        """Count some more activities, by their seconds."""
        first, last = metadata.start_at, metadata.end_at
        self.activities_count += len(seconds)
        self.outside_window += sum(not first <= s <= last for s in seconds)
        latest = max(seconds)
        if self.last_performed_at is None or latest > self.last_performed_at:
            self.last_performed_at = latest


def ingest(
    connection: sqlite3.Connection,
    export: Export,
    name: str,
    digest: str,
    metadata: Metadata,
) -> Ingested:
    """Write an export that has these metadata, a chunk of it at a time."""
    ingested = Ingested(name)
    export_id = export_number(connection, metadata, digest)
    made = rows(export, export_id)
    for _, batch in groupby(made, lambda _: export.chunk):
        some = [*batch]
        ingested.count([row["performed_at"] for row in some], metadata)
        ingested.repeated += insert_rows(connection, some)
        show_progress(f"{name}: {ingested.activities_count:,} activities")
    show_progress("")
    connection.execute(
        sql("ingest/insert_export"),
        {
            "export_id": export_id,
            "sha256": digest,
            "ingested_at": int(time.time()),
            **metadata._asdict(),
            **vars(ingested),
        },
    )
    return ingested


@without_garbage_collection()
def ingest_file(connection: sqlite3.Connection, path: Path) -> Ingested:
    """Ingest the export at *path*, unless the same bytes are there already.

    The caller has opened the transaction, and ends it. Raises Refused, one
    line that names the file, if it cannot be.
    """
    # Its name may be any bytes.
    name = os.fsencode(path.name).decode(errors="replace")
    with opened(path) as file:
        digest, shown = first_look(file)
        query = sql("ingest/find_export")
        if connection.execute(query, (digest,)).fetchone():
            return Ingested(name, is_known=True)
        if shown:
            connection.execute("savepoint before_export")
            export = Export(file)
            with suppress(OverflowError, UnicodeEncodeError):
                ingested = ingest(connection, export, name, digest, shown)
                if export.metadata == shown:
                    connection.execute("release before_export")
                    return ingested
            connection.execute("rollback to before_export")
            file.seek(0)
        # The ends misled, or SQLite refused a value: again, with care.
        export = Export(file)
        for _ in rows(export, 0, careful=True):
            pass
        file.seek(0)
        return ingest(connection, Export(file), name, digest, export.metadata)


# The database


def refresh_views(connection: sqlite3.Connection) -> None:
    """Copy the views into the database, for people with a sqlite3 shell."""
    for name, select in views().items():
        wanted = f"create view {name} as\n{select}"
        found = connection.execute(sql("ingest/find_view"), (name,))
        if found.fetchone() != (wanted.replace("create view", "CREATE VIEW"),):
            connection.execute(f"drop view if exists {name}")
            connection.execute(wanted)


def create_schema(connection: sqlite3.Connection) -> None:
    """Begin a new database, with Freshdesk's codes and statuses in it."""
    connection.executescript(f"begin; {sql('schema/tables')}")
    for table, rows in constants().items():
        places = ", ".join("?" * len(rows[0]))
        connection.executemany(f"insert into {table} values ({places})", rows)
    change_aliases(connection, [])


def constants() -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of the tables that no export fills."""
    return {
        "priorities": [(str(code), name) for code, name in PRIORITIES.items()],
        "sources": [(str(code), name) for code, name in SOURCES.items()],
        "note_types": [
            (code, name, code in PUBLIC_NOTE_TYPES, code in AGENTS_NOTE_TYPES)
            for code, name in NOTE_TYPES.items()
        ],
        "canonical_statuses": [*STATUSES.items()],
    }


@contextmanager
def connected(
    path: Path, *, stands_for: Path | None = None
) -> Iterator[sqlite3.Connection]:
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
        connection = sqlite3.connect(
            path.absolute(), timeout=30, isolation_level=None
        )
        try:
            connection.execute("pragma temp_store = file")
            connection.execute(f"pragma cache_size = -{CACHE_KIB}")
            yield connection
        finally:
            connection.close()
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise
    except sqlite3.DatabaseError as error:
        if not isinstance(error, sqlite3.OperationalError):
            raise Damaged(
                f"{named}: {error}; it is damaged, make a new one of all"
                " exports with --replace"
            ) from error
        raise Failure(
            f"{named}: {error}; it is as it was before, make room or"
            " check the disk, the permissions and who else uses it"
        ) from error


def discard_leftovers(path: Path) -> None:
    """Remove what SQLite keeps beside the database at *path*."""
    for suffix in ("-journal", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


@contextmanager
def built(path: Path) -> Iterator[sqlite3.Connection]:
    """Build a new database; when all went well it takes the place of *path*.

    Nobody has a transaction of the old one open, or left one half done.
    """
    part = part_path(path)
    try:
        discard_leftovers(part)
        make_part(path)
        with connected(part, stands_for=path) as connection:
            # Nobody sees the file until it is whole and on the disk.
            connection.execute("pragma synchronous = off")
            create_schema(connection)
            yield connection
            connection.execute("commit")
            # An eighth smaller, quicker to read. It needs as much room again;
            # without that room the database stays as it is.
            with suppress(sqlite3.OperationalError):
                connection.execute("vacuum")
        discard_leftovers(path)
        put_in_place(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def changing(
    path: Path, *, aliases: Sequence[Alias], replace: bool = False
) -> Iterator[sqlite3.Connection]:
    """One change of the database at *path*: all of it or, on errors, nothing.

    A database that is missing is built; so is one to *replace*, which passes
    on its aliases.
    """
    with locked(path.parent):
        exists = is_database(path, to_replace=replace)
        inherited = inherited_aliases(path) if exists and replace else []
        kept = exists and not replace
        with connected(path) if kept else built(path) as connection:
            if kept:
                connection.execute("begin immediate")
            refresh_views(connection)
            if changes := [*inherited, *aliases]:
                change_aliases(connection, changes)
            yield connection
            if kept:
                connection.execute("commit")


def inherited_aliases(path: Path) -> list[Alias]:
    """Return the mappings in a database that is to be replaced.

    A damaged one may have lost them: that is told. If a killed run left it half
    changed, this completes it, so that its journal is not taken for the new
    one's.
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
) -> Iterator[str]:
    """Yield what the user should know of all exports, by the answers to SQL."""
    for gap in execute(sql("ingest/select_gaps")):
        first, last = map(format_timestamp, gap)
        yield f"no export covers {first} to {last}"
    for query, note in NOTES.items():
        if values := [value for (value,) in execute(sql(query))]:
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
    with locked(shared=[database.parent]), connected(database) as connection:
        yield from [*notes_on_all(connection.execute)]
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
    try:
        with file.open("rb") as stored_file:
            return begins_as_export(beginning(stored_file))
    except OSError:
        return True  # which says why it cannot be read


def ingest_each(
    database: Path, paths: Sequence[Path], aliases: Sequence[Alias]
) -> tuple[list[Ingested], Failure | None]:
    """Ingest exports, each in a transaction of its own; return the results,
    and what went wrong in the end.

    One that is refused is named at once, and the others go in. A database that
    fails ends it.
    """
    results: list[Ingested] = []
    refused = 0
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
            refused += 1
    if not refused:
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
    option = parser.add_argument
    option(
        "exports",
        nargs="*",
        metavar="EXPORT",
        type=Path,
        help=f"a file, or a folder of them; default: {EXPORTS_DIR}",
    )
    database = "default: %(default)s"
    option("-d", "--database", type=Path, default=DATABASE, help=database)
    replace = "build a new database from just these files, all or nothing"
    option("--replace", action="store_true", help=replace)
    quiet = "print nothing but errors"
    option("-q", "--quiet", action="store_true", help=quiet)
    option(
        "--status-alias",
        action="append",
        default=[],
        metavar="LABEL=STATUS",
        type=status_alias,
        help="remember that LABEL means STATUS, one of Freshdesk's or another"
        " label; LABEL= takes it back; may be repeated",
    )
    listing = "print what labels were mapped to"
    option("--list-aliases", action="store_true", help=listing)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run_script(lambda: ingest_as_told(argv))


def ingest_as_told(argv: Sequence[str] | None) -> None:
    parser = argument_parser()
    args = parser.parse_args(argv)
    if args.replace and not args.exports:
        parser.error("--replace needs the exports to be named")
    is_about_aliases = args.status_alias or args.list_aliases
    if args.exports or args.status_alias or not args.list_aliases:
        export_json(
            args.exports or ([] if is_about_aliases else [EXPORTS_DIR]),
            args.database,
            replace=args.replace,
            aliases=args.status_alias,
            quiet=args.quiet,
        )
    if args.list_aliases:
        list_aliases(args.database)


if __name__ == "__main__":
    raise SystemExit(main())
