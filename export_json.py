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
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from itertools import chain
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
    __version__,
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

READ_SIZE = 1 << 18  # bytes of a file that are read at a time
TAIL = 1 << 14  # characters of a chunk in which a record surely ends
ENDS_SIZE = 1 << 16  # bytes at both ends of a file in which metadata may stand
BATCH_ROWS = 5_000  # are sorted and inserted together, ...
BATCH_CHARACTERS = 1 << 23  # ... fewer if their records are longer than this
DEEPEST = 200  # levels of nesting; a genuine activity has about five
CACHE_KIB = 28_000  # of the database's pages in memory
OLDEST_SQLITE = (3, 37)
GZIP = b"\x1f\x8b"  # gzipped files begin so
GZIP_ERRORS = (EOFError, zlib.error, gzip.BadGzipFile)

Json = dict[str, Any]
Row = tuple[Any, ...]
Columns = tuple[str, ...]


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
        self.chunks = decoded(file)
        self.text = ""  # the chunk, ...
        self.at = 0  # ... and how much of it is used up
        self.is_fresh = False  # not yet seen by whole_elements()
        self.number = 0  # of the record that was read last
        self.characters = 0  # of all records that were read
        self.has_activities = False
        self.told_metadata: object = None

    @property
    def metadata(self) -> Metadata:
        """Return the metadata; raise Malformed if there are none."""
        if not self.has_activities:
            raise Malformed("activities_data is missing")
        return checked_metadata(self.told_metadata)

    def records(self) -> Iterator[object]:
        """Yield the elements of "activities_data"."""
        names = set()
        self.expect("{")
        separator = self.first_of("}")
        while separator == ",":
            name = self.value()
            if not isinstance(name, str):
                raise Malformed("a key is not text")
            if name in names:
                raise Malformed(f'there are two "{name}"')
            names.add(name)
            self.expect(":")
            if name == "activities_data":
                self.has_activities = True
                yield from self.elements()
            elif name == "metadata":
                self.told_metadata = self.value()
            else:
                encode([name, self.value()]).encode()  # must be JSON
            separator = self.expect(",", "}")
        if self.peek():
            raise Malformed("there is something after the end of the export")

    def elements(self) -> Iterator[object]:
        """Yield the elements of the array that comes next."""
        if self.peek() not in ("[", ""):
            raise Malformed("activities_data is not an array")
        self.expect("[")
        separator = self.first_of("]")
        while separator == ",":
            for element in self.whole_elements():
                self.number += 1
                yield element
            self.number += 1
            yield self.value()
            separator = self.expect(",", "]")
        self.number = 0  # the rest of the file belongs to no record

    def whole_elements(self) -> list[object]:
        """Parse all objects that end in the chunk, and have one behind them,
        with one call: that takes half the time.

        Where they are no JSON, none are returned: value() tells the place.
        """
        if not self.is_fresh:
            return []
        self.is_fresh = False
        tail = max(self.at, len(self.text) - TAIL)
        ends = [end.end() for end in object_ends(self.text, tail)]
        if not ends:
            return []
        text = f"[{self.text[self.at : ends[-1]]}]"
        try:
            elements, end = scan(text, 0)
        except (ValueError, StopIteration, RecursionError):
            return []
        if end < len(text):
            return []
        self.characters += len(text)
        self.at = ends[-1]
        self.expect(",")
        return cast(list[object], elements)

    def first_of(self, end: str) -> str:
        """Go past the end of an empty object or array; return what follows its
        beginning: *end*, or "," as before each of its elements.
        """
        return self.expect(end) if self.peek() == end else ","

    def peek(self) -> str:
        """Return the next character but white space, "" at the file's end."""
        while True:
            self.at = skip_white_space(self.text, self.at).end()  # type: ignore[union-attr]
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.read_more():
                return ""

    def expect(self, *characters: str) -> str:
        """Go past the next character, which must be one of these."""
        found = self.peek()
        if found not in characters or not found:
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
            try:
                value, end = scan(self.text, self.at)
            except Malformed:
                raise
            except StopIteration as stop:
                place, problem = stop.value, "a value is missing"
            except JSONDecodeError as error:
                place, problem = error.pos, error.msg
            except ValueError:  # an integer that Python refuses to convert
                raise Malformed("a number has too many digits") from None
            else:
                # A number near the end of the chunk may go on: 1 and 1.5e3
                is_whole = self.text[end - 1] in '"}]'
                if is_whole or end + 3 < len(self.text) or not self.read_more():
                    self.characters += end - self.at
                    self.at = end
                    return value
                continue
            # The rest of the file mends a value that the chunk cuts off: a
            # text, or at the very end a literal, \uXXXX. Nothing else draws
            # the whole file into memory.
            is_cut = problem.startswith("Unterminated string")
            is_cut = is_cut or place > len(self.text) - 10
            if not (is_cut and self.read_more()):
                cut_off = "" if self.read_more() else ", or cut off"
                raise Malformed(f"not JSON{cut_off}: {problem}")

    def read_more(self) -> bool:
        """Read on; return False at the end of the file.

        Reads at least as much as is still unused, so that a long value costs
        time in proportion to its length.
        """
        pieces = [self.text[self.at :]]
        read = 0
        for chunk in self.chunks:
            pieces.append(chunk)
            read += len(chunk)
            if read >= len(pieces[0]):
                break
        if read:
            self.text = "".join(pieces)
            self.at = 0
            self.is_fresh = True
        return read > 0


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
    encode(metadata).encode()  # half of a surrogate pair is no text
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


@contextmanager
def naming_record(export: Export) -> Iterator[None]:
    """Raise what is wrong with an export as Malformed, with the record."""
    try:
        yield
        return
    except UnicodeEncodeError:
        problem = "half of a surrogate pair is no text"
    except RecursionError:
        problem = "nested too deep"
    except Malformed as error:
        problem = str(error)
    where = f"record {export.number:,}: " if export.number else ""
    raise Malformed(f"{where}{problem}")


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


def beginning(stored_file: BinaryIO) -> bytes:
    """Return how a file begins, uncompressed if it can be."""
    stored_file.seek(0)
    with suppress(*GZIP_ERRORS), uncompressed(stored_file) as file:
        return file.read(ENDS_SIZE)
    return GZIP


def begins_as_export(head: bytes) -> bool:
    text = head.decode("utf-8-sig", "replace").lstrip()
    return text.startswith("{") and bool(EXPORTS_NAME.search(text))


@contextmanager
def recognizing(stored_file: BinaryIO) -> Iterator[None]:
    """Where a file is no export, but something known, raise Malformed that
    says what it is.
    """
    try:
        yield
    except (Malformed, *GZIP_ERRORS):
        if known := recognized(beginning(stored_file)):
            raise Malformed(*known) from None
        raise


def recognized(head: bytes) -> tuple[str, str] | None:
    """Return what a file is that begins so, and what to do about it."""
    if not head.strip():
        return "the file is empty", NEW_LINK
    for magic, kind in ARCHIVES.items():
        if head.startswith(magic):
            return f"{kind}, not an export", "unpack it first"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in head[:2]:
        return "the text is UTF-16, not UTF-8", "save it as UTF-8"
    if begins_as_export(head):
        return None
    text = head.decode("utf-8-sig", "replace").strip()
    if text.startswith("<"):
        if "expired" in text.lower():
            return "the answer that the link has expired", NEW_LINK
        return "a page or an answer in XML, not an export", NEW_LINK
    return recognized_json(text)


def recognized_json(text: str) -> tuple[str, str] | None:
    """Return what begins so, and what to do; None if it is not known."""
    try:
        value, end = scan(text, text.index("{"))
    except (ValueError, StopIteration, RecursionError):
        return None
    if "activities_data" in value:
        return None
    if "export" in value or "url" in value:
        if value.get("export", value):
            return (
                "the API's answer with the link to the export",
                "download what the link leads to",
            )
        return "the API's answer: no export for that day", "name another day"
    for name in ("message", "description", "error", "errors"):
        if name in value:
            told = encode(value[name])[:80]
            return f"an error of the API: {told}", "mend that, and ask again"
    rest = text[end:].strip()
    if text.startswith("{") and rest.startswith("{"):
        kind = "newline-delimited JSON"
    elif text.startswith("[") or {"ticket_id", "performed_at"} & value.keys():
        kind = "a connector's rows"
    else:
        return None
    return f"{kind}, not an export", "ingest the file that Freshdesk wrote"


# Records -> rows
#
# Records repeat the same few shapes: names and types. shape() decides once how
# the records of a shape become rows. Values that SQLite refuses (an integer of
# more than 64 bits, half of a surrogate pair) are found when a row is inserted;
# then the export is read again, and check_record() says where they are.

HEAD = (
    "ticket_id",
    "performed_at",
    "export_id",
    "position",
    "performer_type",
    "performer_id",
)
FIELDS = {*HEAD[:2], *HEAD[4:], "activity"}
NOTE_COLUMNS = {"id": "note_id", "type": "note_type"}

# What must be of a type: its description, the types.
Kinds = dict[str, tuple[str, set[type]]]
INTEGER, INTEGER_OR_NULL = "an integer", "an integer or null"
FIELD_KINDS: Kinds = {
    "ticket_id": (INTEGER, {int}),
    "performer_type": ("text", {str}),
    "performer_id": (INTEGER_OR_NULL, {int, NoneType}),
    "activity": ("an object", {dict}),
}
FIELD_TYPES = {(int, str, int), (int, str, NoneType)}  # of the first three
NOTE_KINDS: Kinds = dict.fromkeys(NOTE_COLUMNS, (INTEGER, {int}))
# Who acts decides the metrics, and statuses are what they measure.
PROPERTY_KINDS: Kinds = {
    **dict.fromkeys(
        ("agent_id", "internal_agent_id", "requester_id", "requester"),
        (INTEGER_OR_NULL, {int, NoneType}),
    ),
    "status": ("text", {str, NoneType}),
    "note": ("an object", {dict}),
}

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

LEAST, MOST = -(1 << 63), (1 << 63) - 1  # the integers that SQLite can hold


@lru_cache(maxsize=1024)
def iso_date(text: str) -> str | None:
    """Return "21 Apr, 2017" as 2017-04-21, "N/A" as it is, else None."""
    if text == "N/A":
        return text
    try:
        date = datetime.strptime(text, "%d %b, %Y")
    except ValueError:
        return None
    return f"{date:%Y-%m-%d}" if f"{date:%d %b, %Y}" == text else None


def is_storable(value: object) -> bool:
    """Return whether *value* is no integer of more than 64 bits."""
    return type(value) is not int or LEAST <= value <= MOST


def integer_or_none(number: int) -> int | None:
    return number if is_storable(number) else None


def text_or_none(text: str) -> str | None:
    return text or None


def nothing(_: None) -> str:
    return ""


def utc_second(text: str) -> int | None:
    """Return "28-07-2026 23:00:00 +0000" in seconds since 1970; None for
    another offset, which a number cannot tell.
    """
    return time_or_none(text) if text.endswith("+0000") else None


def time_or_none(text: str) -> int | None:
    try:
        return parse_timestamp(text)
    except ValueError:
        return None


Store = Callable[[Any], object]
# Columns of another type than their property: its type, and how it is stored.
# None is a value that the column cannot hold, or not exactly.
STORES: dict[str, tuple[type, Store]] = {
    "is_new_ticket": (bool, {True: 1}.get),
    "priority": (int, str),
    "source": (int, str),
    "contacted_customer": (bool, int),
    "deleted": (bool, int),
    "spam": (bool, int),
    "shipment_date": (str, iso_date),
    "due_by": (str, utc_second),
}
# What a column holds of a text that it cannot hold exactly, if not the text.
INEXACT: dict[str, Store] = {"due_by": time_or_none}


class Column(NamedTuple):
    """How a column of `activities` stores a value."""

    kind: type  # of the values that it holds exactly
    store: Store | None  # None: as they are
    keeps_nothing: bool  # as ''


@cache
def activity_columns() -> dict[str, Column]:
    """Return the columns of sql/schema/tables.sql by name."""
    declarations: dict[str, tuple[type, Store | None]] = {
        "TEXT": (str, text_or_none),
        "INTEGER": (int, None),
        "ANY": (int, None),
    }
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(sql("schema/tables"))
        table = connection.execute("pragma table_info(activities)").fetchall()
    return {
        name: Column(
            *STORES.get(name, declarations[declared]), declared != "INTEGER"
        )
        for _, name, declared, *_ in table
    }


@cache
def columns_by_property() -> dict[str, str]:
    """Return the column of each property that has one."""
    names = [*activity_columns()]
    first, last = names.index("status"), names.index("other_properties")
    own = {name: name for name in names[first:last]}
    return {n: c for n, c in own.items() if n not in NO_PROPERTIES} | RENAMED


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
    check({"the record": record}, {"the record": ("an object", {dict})})
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


def nesting(value: object, depth: int = 0) -> int:
    """Return how deep *value* is nested, or only that it is too deep."""
    if depth > DEEPEST or not isinstance(value, (dict, list)):
        return depth
    values = value.values() if isinstance(value, dict) else value
    return max((nesting(v, depth + 1) for v in values), default=depth + 1)


encode = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":")
).encode


def as_json(rest: Json) -> str:
    """Return what has no column as JSON, its keys sorted."""
    if nesting(rest) > DEEPEST:
        raise Malformed("nested too deep")
    return encode(rest)


def as_text(value: object) -> str:
    """Return a value of an odd type as a text column shows it."""
    return value if isinstance(value, str) else encode(value)


def inexact(column: str, value: object) -> object:
    """Return what a column holds of a value that it cannot hold exactly."""
    if not isinstance(value, str):
        return None
    return INEXACT[column](value) if column in INEXACT else value


class Shape(NamedTuple):
    """How values with the same names and types are stored."""

    columns: Columns
    names: Sequence[str]  # of the values that have a column of their own
    stores: Sequence[tuple[int, Store]]  # place, conversion
    others: Sequence[str]  # names of values without a column


@lru_cache(maxsize=4096)
def shape(is_note: bool, *names_and_types: Any) -> Shape:
    """Return the shape of a note's values, or of an activity's properties.

    Raises TypeError if a type does not fit: check_record() says which.
    """
    middle = len(names_and_types) // 2
    names, types = names_and_types[:middle], names_and_types[middle:]
    if is_note and {*names} != {*NOTE_COLUMNS}:
        raise TypeError
    column_names = NOTE_COLUMNS if is_note else columns_by_property()
    kinds = NOTE_KINDS if is_note else PROPERTY_KINDS
    filled: dict[str, str] = {}  # column -> name
    stores: list[tuple[int, Store]] = []
    others = []
    for name, kind in sorted(
        zip(names, types, strict=True), key=lambda pair: pair[0] in OLDER
    ):
        if name in kinds and kind not in kinds[name][1]:
            raise TypeError
        column = column_names.get(name, "")
        if column in filled:
            column = SECOND_COLUMN.get(column, "")
        if not column:
            others.append(name)
            continue
        fitting, store, keeps_nothing = activity_columns()[column]
        if kind is NoneType and keeps_nothing:
            store = nothing
        elif kind is not fitting:
            others.append(name)
            if not keeps_nothing:
                continue
            store = as_text
        elif kind is int and name not in kinds:
            store = store or integer_or_none
        if store:
            stores.append((len(filled), store))
        filled[column] = name
    has_others = ["other_properties"] if others else []
    return Shape((*filled, *has_others), [*filled.values()], stores, others)


def stored(values: Json, *, is_note: bool) -> tuple[Columns, list[object]]:
    """Return the columns that a note or properties fill, and with what."""
    columns, names, stores, others = shape(
        is_note, *values, *map(type, values.values())
    )
    row = [values[name] for name in names]
    for place, store in stores:
        row[place] = store(row[place])
    if None in row:
        # What a column cannot hold exactly stands in other_properties, too.
        pairs = [*zip(columns, names, row, strict=False)]
        others = [*others, *[name for _, name, kept in pairs if kept is None]]
        held = {
            column: inexact(column, values[name]) if kept is None else kept
            for column, name, kept in pairs
        }
        held = {c: kept for c, kept in held.items() if kept is not None}
        columns, row = (*held, "other_properties"), [*held.values()]
    if others:
        row.append(as_json({name: values[name] for name in others}))
    return columns, row


def content(activity: Json) -> tuple[Columns, list[object]]:
    """Return the columns that an activity fills, and with what."""
    if "note" not in activity:
        return stored(activity, is_note=False)
    note = activity["note"]
    if type(note) is not dict:
        raise TypeError
    if len(activity) == 1 and len(note) == len(NOTE_COLUMNS):
        return stored(note, is_note=True)
    # More than a note's own two values, or changes beside it.
    more = {name: note[name] for name in note if name not in NOTE_COLUMNS}
    changes = {**activity, "note": more}
    if not more:
        del changes["note"]
    note_columns, note_values = stored(
        {name: note[name] for name in NOTE_COLUMNS}, is_note=True
    )
    columns, values = stored(changes, is_note=False)
    return note_columns + columns, note_values + values


def activity_row(
    record: Any, export_id: int, position: int
) -> tuple[Columns, Row]:
    """Return the columns beyond HEAD that an activity fills, and its row.

    Raises Malformed, without its number, if the record is no activity.
    """
    try:
        activity = record["activity"]
        if type(record) is not dict or type(activity) is not dict:
            raise TypeError
        columns, values = content(activity)
        row = (
            record["ticket_id"],
            parse_timestamp(record["performed_at"]),
            export_id,
            position,
            record["performer_type"],
            record.get("performer_id"),
        )
        if (type(row[0]), type(row[4]), type(row[5])) not in FIELD_TYPES:
            raise TypeError
    except (AttributeError, KeyError, TypeError, ValueError):
        check_record(record)
        raise
    if not record.keys() <= FIELDS:
        columns = (*columns, "other_fields")
        others = [name for name in record if name not in FIELDS]
        values.append(as_json({name: record[name] for name in others}))
    return columns, (*row, *values)


def rows(
    export: Export, export_id: Any, *, careful: bool = False
) -> Iterator[tuple[Columns, Row]]:
    """Yield the columns and the row of each activity of an export.

    Raises Malformed, with the record's number, if it is no export. Only if
    *careful*, every value is known to fit the database.
    """
    position = 0
    with naming_record(export):
        for position, record in enumerate(export.records(), start=1):
            if careful:
                check_record(record)
            yield activity_row(record, export_id, position)
        declared = export.metadata.activities_count
        if declared != position:
            raise Malformed(
                f"activities_count is {declared:,}, but there are {position:,}"
            )


# Rows -> database


@lru_cache(maxsize=4096)
def insertion(columns: Columns) -> str:
    """Return the statement that inserts an activity with these columns."""
    columns = HEAD + columns
    places = ", ".join("?" * len(columns))
    return f"insert into activities ({', '.join(columns)}) values ({places})"


@cache
def removal() -> str:
    """Return the statement that removes activities that stand there already."""
    places = {"ticket_id", "performed_at", "is_new_ticket", "export_id"}
    no_content = {*places, "position", "other_fields"}
    content = [name for name in activity_columns() if name not in no_content]
    return sql("ingest/remove_repeated").format(content=", ".join(content))


def remove_repeated(connection: sqlite3.Connection, rows: Sequence[Row]) -> int:
    """Keep the first of equal activities of some rows' tickets and seconds;
    return how many are removed.
    """
    seconds = [row[1] for row in rows]
    removed = connection.execute(
        removal(),
        {
            "ticket_ids": json.dumps([*{row[0] for row in rows}]),
            "first_second": min(seconds),
            "last_second": max(seconds),
        },
    )
    return removed.rowcount


def insert_labels(connection: sqlite3.Connection, labels: set[str]) -> None:
    """Add status labels, where they are not known yet."""
    connection.executemany(
        sql("ingest/insert_status"),
        [(label, spelling(label), label_key(label)) for label in labels],
    )


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
        """Count some more activities, by their seconds in order."""
        before = bisect_left(seconds, metadata.start_at)
        after = len(seconds) - bisect_right(seconds, metadata.end_at)
        self.activities_count += len(seconds)
        self.outside_window += before + after
        latest = seconds[-1]
        if self.last_performed_at is None or latest > self.last_performed_at:
            self.last_performed_at = latest


Batch = dict[Columns, list[Row]]  # rows by the columns beyond HEAD


def batches(
    rows: Iterable[tuple[Columns, Row]], export: Export
) -> Iterator[Batch]:
    """Yield the rows of an export, some at a time."""
    batch: Batch = defaultdict(list)
    most_characters = BATCH_CHARACTERS
    for number, (columns, row) in enumerate(rows, start=1):
        batch[columns].append(row)
        if number % BATCH_ROWS == 0 or export.characters > most_characters:
            yield batch
            batch.clear()
            most_characters = export.characters + BATCH_CHARACTERS
    if batch:
        yield batch


def insert_batch(connection: sqlite3.Connection, batch: Batch) -> int:
    """Insert rows; return how many are repeated.

    In the order of the table, so that SQLite finds the pages of a few tickets
    in its cache.
    """
    for columns, rows in batch.items():
        if "status" in columns:
            place = len(HEAD) + columns.index("status")
            insert_labels(connection, {row[place] for row in rows})
        connection.executemany(insertion(columns), sorted(rows))
    return remove_repeated(connection, [*chain(*batch.values())])


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

    own = metadata.start_at, digest
    number = (metadata.start_at << 25) + (int(digest[:7], 16) >> 3)
    while (other := holder(number)) and other < own:
        number += 1
    free = number
    while holder(free):
        free += 1
    for moved in range(free - 1, number - 1, -1):
        connection.execute(sql("ingest/move_export"), (moved,))
        connection.execute(sql("ingest/move_activities"), (moved,))
    return number


def ingest(
    connection: sqlite3.Connection,
    export: Export,
    name: str,
    digest: str,
    metadata: Metadata,
    *,
    careful: bool,
) -> Ingested:
    """Write an export that has these metadata; see rows()."""
    export_id = export_number(connection, metadata, digest)
    ingested = Ingested(name)
    made = rows(export, export_id, careful=careful)
    for batch in batches(made, export):
        seconds = sorted(row[1] for row in chain(*batch.values()))
        ingested.count(seconds, metadata)
        ingested.repeated += insert_batch(connection, batch)
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


def ingest_new(
    connection: sqlite3.Connection,
    file: BinaryIO,
    name: str,
    digest: str,
    shown: Metadata | None,
) -> Ingested:
    """Ingest an export that is not there yet, and whose ends show metadata.

    If the ends misled, or SQLite refuses a value, all is done again, with care.
    """
    if shown:
        connection.execute("savepoint before_export")
        export = Export(file)
        with suppress(OverflowError, UnicodeEncodeError):
            ingested = ingest(
                connection, export, name, digest, shown, careful=False
            )
            if export.metadata == shown:
                connection.execute("release before_export")
                return ingested
        connection.execute("rollback to before_export")
        file.seek(0)
    export = Export(file)
    with naming_record(export):
        for _ in export.records():
            pass
        metadata = export.metadata
    file.seek(0)
    again = Export(file)
    return ingest(connection, again, name, digest, metadata, careful=True)


def ingest_file(connection: sqlite3.Connection, path: Path) -> Ingested:
    """Ingest the export at *path*, unless the same bytes are there already.

    The caller has opened the transaction, and ends it. Raises Refused, one
    line that names the file, if it cannot be.
    """
    # Its name may be any bytes.
    name = os.fsencode(path.name).decode(errors="replace")
    with naming_file(path), unchanged(path), path.open("rb") as stored_file:
        return ingest_stored(connection, stored_file, name)


@without_garbage_collection()
def ingest_stored(
    connection: sqlite3.Connection, stored_file: BinaryIO, name: str
) -> Ingested:
    """Ingest an export, gzipped or not, unless it is there already."""
    with recognizing(stored_file), uncompressed(stored_file) as file:
        digest, shown = first_look(file)
        query = sql("ingest/find_export"), (digest,)
        if connection.execute(*query).fetchone():
            return Ingested(name, is_known=True)
        return ingest_new(connection, file, name, digest, shown)


@contextmanager
def unchanged(path: Path) -> Iterator[None]:
    """Raise Malformed if a file is still written, whatever else is wrong."""
    before = path.stat()
    try:
        yield
    finally:
        after = path.stat()
        if (before.st_size, before.st_mtime_ns) != (
            after.st_size,
            after.st_mtime_ns,
        ):
            raise Malformed(
                "changed while it was read", "try again when it is whole"
            ) from None


@contextmanager
def naming_file(path: Path | str) -> Iterator[None]:
    """Raise what is wrong with the export at *path* as Refused, one line."""
    try:
        yield
        return
    except GZIP_ERRORS as error:
        problem = Malformed(f"not a whole gzip file ({describe(error)})")
    except Malformed as error:
        problem = error
    except OSError as error:
        raise Refused(
            f"{path}: {error.strerror or error}; name a file that can be read"
        ) from None
    raise Refused(f"{path}: {problem}; {problem.advice}")


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
    """Make a new database, with Freshdesk's codes and statuses in it."""
    connection.executescript(sql("schema/tables"))
    connection.execute("begin")
    for table, rows in constants().items():
        for row in rows:
            places = ", ".join("?" * len(row))
            connection.execute(f"insert into {table} values ({places})", row)
    change_aliases(connection, [])
    connection.execute("commit")


def constants() -> dict[str, list[Row]]:
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
    """Build a new database; when all went well it takes the place of *path*."""
    part = part_path(path)
    try:
        discard_leftovers(part)
        make_part(path)
        with connected(part, stands_for=path) as connection:
            # Nobody sees the file until it is whole and on the disk.
            connection.execute("pragma synchronous = off")
            create_schema(connection)
            connection.execute("begin")
            refresh_views(connection)
            yield connection
            connection.execute("commit")
            # An eighth smaller, quicker to read. It needs as much room again;
            # without that room the database stays as it is.
            with suppress(sqlite3.OperationalError):
                connection.execute("vacuum")
        if is_database(path, to_replace=True):
            # A run that was killed may have left the old database half
            # changed, and a journal that would be taken for the new one's.
            # Opening it completes it, until the very moment it is replaced.
            with suppress(Failure), connected(path) as old:
                old.execute("select 1 from exports limit 1")
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
        if exists and not replace:
            with connected(path) as connection:
                connection.execute("begin immediate")
                try:
                    refresh_views(connection)
                    if aliases:
                        change_aliases(connection, aliases)
                    yield connection
                    connection.execute("commit")
                except BaseException:
                    with suppress(sqlite3.Error):
                        connection.execute("rollback")
                    raise
        else:
            inherited = inherited_aliases(path) if exists else []
            with built(path) as connection:
                change_aliases(connection, [*inherited, *aliases])
                yield connection


def inherited_aliases(path: Path) -> list[Alias]:
    """Return the mappings in a database that is to be replaced.

    A damaged one may have lost them: that is told.
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
    activities = sum(result.activities_count for result in new)
    repeated = sum(result.repeated for result in new)
    names = ", ".join(result.name for result in new[:3]) + and_more(new)
    parts = [f"{database}: {plural(len(new), 'export')} ingested"]
    if new:
        parts.append(f"({names}) with {plural(activities, 'activity')},")
        parts.append(f"{repeated:,} of them already there")
    if len(new) < len(results):
        known = plural(len(results) - len(new), "export")
        parts.append(f"; {known} already there")
    return one_line(" ".join(parts).replace(" ;", ";"))


def and_more(things: Sequence[object]) -> str:
    """Return how many things there are beside the three that were named."""
    return f" and {len(things) - 3:,} more" if len(things) > 3 else ""


def quoted(labels: Sequence[str]) -> str:
    return ", ".join(json.dumps(label, ensure_ascii=False) for label in labels)


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
        names = ", ".join(file.name for file in others[:3])
        yield f"not taken for exports: {names}{and_more(others)}"
    if all(result.is_known for result in results) and not aliases:
        return
    for result in results:
        if result.outside_window:
            outside = plural(result.outside_window, "activity")
            yield f"{result.name}: {outside} outside its window, kept"
    with locked(shared=[database.parent]), connected(database) as connection:
        on_all = list(notes_on_all(connection.execute))
        unknown = unknown_labels(connection, aliases)
    yield from on_all
    if unknown:
        yield f"no export has the status: {quoted(unknown)}"


NOTE_QUERIES = (
    "ingest/select_gaps",
    "ingest/select_unmapped_statuses",
    "ingest/select_created_twice",
    "ingest/select_unknown_agents",
)


def notes_on_all(
    execute: Callable[[str], Iterable[Row]],
) -> Iterator[str]:
    """Yield what the user should know of all exports, by the answers to SQL."""
    gaps, unmapped, created_twice, unknown_agents = (
        [*execute(sql(query))] for query in NOTE_QUERIES
    )
    for first, last in gaps:
        yield (
            f"no export covers {format_timestamp(first)}"
            f" to {format_timestamp(last)}"
        )
    if unmapped:
        labels = quoted([label for (label,) in unmapped])
        yield f"not mapped to a canonical status (see --status-alias): {labels}"
    if created_twice:
        tickets = ", ".join(str(ticket) for (ticket,) in created_twice)
        yield (
            f"created twice: ticket {tickets}; exports of two accounts belong"
            " into two databases"
        )
    if unknown_agents:
        yield (
            "no agent is known, so nothing counts as a response; ingest"
            " exports in which a ticket is assigned"
        )


def found_exports(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return the exports that *paths* name, and what else is in their folders.

    In a folder, what has .json in its name is taken for an export, and what
    begins as one. Hidden files are neither.
    """
    exports: list[Path] = []
    others: list[Path] = []
    for path in paths:
        is_folder = os.path.isdir(path)  # noqa: PTH112, no name is too long
        if not is_folder and path != EXPORTS_DIR:
            exports.append(path)
        for file in sorted(path.iterdir()) if is_folder else []:
            if not file.name.startswith("."):
                (exports if is_taken(file) else others).append(file)
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
    failure: Failure | None = None
    for number, path in enumerate(paths, start=1):
        try:
            # The first transaction that succeeds has mapped the labels.
            new_aliases = [] if results else aliases
            with changing(database, aliases=new_aliases) as connection:
                ingested = ingest_file(connection, path)
            results.append(ingested)
        except Refused as error:
            if len(paths) == 1:
                return results, error
            complain(error)
            refused = number - len(results)
            failure = Failure(
                f"{refused:,} of {plural(len(paths), 'export')} refused; the"
                " lines above say why"
            )
        except Failure as error:
            return results, error
    return results, failure


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
    if replace or not exports:
        failure = None
        with changing(database, replace=replace, aliases=aliases) as connection:
            results = [ingest_file(connection, path) for path in exports]
    else:
        results, failure = ingest_each(database, exports, aliases)
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
    parser.add_argument(
        "exports",
        nargs="*",
        metavar="EXPORT",
        type=Path,
        help=f"a file, or a folder of them; default: {EXPORTS_DIR}",
    )
    parser.add_argument(
        "-d",
        "--database",
        type=Path,
        default=DATABASE,
        help="default: %(default)s",
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        help="build a new database from just these files, all or nothing",
    )
    parser.add_argument(
        "-q",
        "--quiet",
        action="store_true",
        help="print nothing but errors",
    )
    parser.add_argument(
        "--status-alias",
        action="append",
        default=[],
        metavar="LABEL=STATUS",
        type=status_alias,
        help="remember that LABEL means STATUS, one of Freshdesk's or another"
        " label; LABEL= takes it back; may be repeated",
    )
    parser.add_argument(
        "--list-aliases",
        action="store_true",
        help="print what labels were mapped to",
    )
    parser.add_argument(
        "--version", action="version", version=f"%(prog)s {__version__}"
    )
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
