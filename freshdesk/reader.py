"""An export: its bytes, its records, and the rows that they become.

    bytes     {"performed_at": "20-04-2017 11:00:00 +0000", "ticket_id": 20,
               "performer_type": "user", "performer_id": 145423,
               "activity": {"status": "Open", "priority": 1, "Region": "EMEA"}}
    records   the same as a dict, one at a time
    rows      {"ticket_id": 20, "performed_at": 1492686000, "export_id": 50...,
               "position": 7, "performer_type": "user", "performer_id": 145423,
               "status": "Open", "priority": "1",
               "other_properties": '{"Region":"EMEA"}'}

The keys of a row are columns of the table `activities`, see
sql/schema/tables.sql.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import json
import re
import sqlite3
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import (
    AbstractContextManager,
    closing,
    contextmanager,
    nullcontext,
    suppress,
)
from datetime import datetime
from functools import cache, lru_cache
from json import JSONDecodeError
from math import isinf
from operator import attrgetter
from pathlib import Path
from types import NoneType
from typing import Any, BinaryIO, NamedTuple

from freshdesk import Failure, describe, parse_timestamp, sql

READ_SIZE = 1 << 19  # bytes of a file that are read at a time
TAIL = 1 << 14  # characters of a chunk in which a record surely ends
ENDS_SIZE = 1 << 16  # bytes at both ends of a file in which metadata may stand
DEEPEST = 200  # levels of nesting; a genuine activity has about five
GZIP = b"\x1f\x8b"  # gzipped files begin so
GZIP_ERRORS = (EOFError, zlib.error, gzip.BadGzipFile)

Json = dict[str, Any]
Row = dict[str, Any]  # the columns that it fills


class Malformed(ValueError):
    """A file is not a ticket activity export; the text says what and where."""


class Refused(Failure):
    """A file cannot be ingested; others may."""


# Bytes -> records


def decoded(file: BinaryIO) -> Iterator[str]:
    """Yield the text of a UTF-8 file, with or without a byte-order mark."""
    pieces = iter(lambda: file.read(READ_SIZE), b"")
    try:
        yield from codecs.iterdecode(pieces, "utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(f"text is not UTF-8 ({error.reason})") from None


def refuse_constant(name: str) -> None:
    raise Malformed(f"{name} is not standard JSON")


def finite(text: str) -> float:
    """Return the number in *text*, which must fit a 64-bit float."""
    number = float(text)
    if isinf(number):
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
encode = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":")
).encode
escaped_surrogate = re.compile(r"\\u[dD][89a-fA-F]").search
skip_white_space = re.compile(r"[ \t\n\r]*").match
object_ends = re.compile(r"\}(?=[ \t\n\r]*,[ \t\n\r]*\{)").finditer


def parsed(text: str, at: int) -> tuple[Any, int]:
    """Return the JSON value that stands *at* this place, and where it ends.

    Half of a surrogate pair is no text: SQLite could not store it.
    """
    value, end = scan(text, at)
    if escaped_surrogate(text, at, end):
        try:
            encode(value).encode()
        except UnicodeEncodeError:
            raise Malformed("half of a surrogate pair is no text") from None
    return value, end


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

    def whole_elements(self) -> list[Any]:
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
            elements, end = parsed(text, 0)
        except (ValueError, StopIteration, RecursionError):
            return []
        if end < len(text):
            return []
        self.at = ends[-1]
        self.expect(",")
        return [*elements]

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
            value, problem = None, ""
            try:
                value, end = parsed(self.text, self.at)
            except Malformed:
                raise
            except StopIteration as stop:
                problem, end = "a value is missing", stop.value
            except JSONDecodeError as error:
                problem, end = error.msg, error.pos
            except ValueError:  # an integer that Python refuses to convert
                raise Malformed("a number has too many digits") from None
            # The rest of the file mends a value that the chunk cuts off: a
            # text, or at the very end a number, a literal, \uXXXX. Nothing
            # else draws the whole file into memory.
            is_whole = not problem and self.text[end - 1] in '"}]'
            is_cut = problem.startswith("Unterminated string")
            is_cut = is_cut or end > len(self.text) - 10
            if is_whole or not is_cut or not self.read_more():
                break
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


def checked_metadata(metadata: Any) -> Metadata:
    """Return the metadata; raise Malformed if they are none."""
    if metadata is None:
        raise Malformed("metadata is missing")
    check({"metadata": metadata}, {"metadata": OBJECT})
    activities_count = metadata.get("activities_count", ...)
    if type(activities_count) is not int:
        raise refuse("activities_count", "an integer", activities_count)
    start_at, end_at = moment(metadata, "start_at"), moment(metadata, "end_at")
    if end_at < start_at:
        raise Malformed("end_at is before start_at")
    return Metadata(start_at, end_at, activities_count)


def first_look(file: BinaryIO) -> tuple[str, Metadata]:
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
    for end in (tail, head):
        text = end.decode(errors="replace")
        for match in re.finditer(r'"metadata"[ \t\n\r]*:[ \t\n\r]*', text):
            with suppress(ValueError, StopIteration, RecursionError):
                metadata = checked_metadata(scan(text, match.end())[0])
                return digest.hexdigest(), metadata
    return digest.hexdigest(), Metadata(0, 0, 0)


# What a file is that is no export

NEW_LINK = "ask the API for a new link, and download what it leads to"
UNPACK = "not an export; unpack it first"
# How it begins, what it is, and what to do.
STRANGERS = {
    rb"\s*\Z": f"the file is empty; {NEW_LINK}",
    rb"PK": f"a zip archive, {UNPACK}",
    rb"\x28\xb5\x2f\xfd": f"a zstd archive, {UNPACK}",
    rb"BZh": f"a bzip2 archive, {UNPACK}",
    rb"\xfd7zXZ": f"an xz archive, {UNPACK}",
    rb"7z\xbc\xaf": f"a 7z archive, {UNPACK}",
    rb"\xff\xfe|\xfe\xff|.?\0": "the text is UTF-16, not UTF-8; save it as"
    " UTF-8",
    rb"(\xef\xbb\xbf)?\s*<(?i:.*expired)": "the answer that the link has"
    f" expired; {NEW_LINK}",
    rb"(\xef\xbb\xbf)?\s*<": "a page or an answer in XML, not an export;"
    f" {NEW_LINK}",
}
begins_as_export = re.compile(
    rb'(\xef\xbb\xbf)?\s*\{.*"(activities_data|metadata)"\s*:', re.DOTALL
).match

stamp = attrgetter("st_size", "st_mtime_ns")


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open the export at *path*, gzipped or not. See also readable()."""
    try:
        before = stamp(path.stat())
        with path.open("rb") as stored_file:
            try:
                with readable(stored_file, path) as file:
                    yield file
            finally:
                if stamp(path.stat()) != before:
                    problem = "changed while it was read"
                    advice = "try again when it is whole"
                    raise Refused(f"{path}: {problem}; {advice}") from None
    except OSError as error:
        problem = error.strerror or str(error)
        advice = "name a file that can be read"
        raise Refused(f"{path}: {problem}; {advice}") from None


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
        problem = f"not a whole gzip file ({describe(error)})"
    except Malformed as error:
        problem = str(error)
    problem += "; nothing of this file was kept, export it again or correct it"
    raise Refused(f"{path}: {recognized(beginning(stored_file)) or problem}")


def uncompressed(file: BinaryIO) -> AbstractContextManager[Any]:
    """Open *file* for its uncompressed bytes, gzipped or not."""
    is_gzipped = file.read(len(GZIP)) == GZIP
    file.seek(0)
    return gzip.GzipFile(fileobj=file) if is_gzipped else nullcontext(file)


def beginning(stored_file: BinaryIO) -> bytes:
    """Return how a file begins, uncompressed if it can be."""
    stored_file.seek(0)
    with suppress(*GZIP_ERRORS), uncompressed(stored_file) as file:
        return bytes(file.read(ENDS_SIZE))
    return GZIP


def recognized(head: bytes) -> str:
    """Return what a file is that begins so, and what to do; "" if unknown."""
    for pattern, told in STRANGERS.items():
        if re.match(pattern, head, re.DOTALL):
            return told
    text = head.decode("utf-8-sig", "replace").strip()
    try:
        value, end = scan(text, text.index("{"))
    except (ValueError, StopIteration, RecursionError):
        return ""
    if begins_as_export(head) or "activities_data" in value:
        return ""
    if value.keys() & {"export", "url"}:
        if value.get("export", value):
            answer = "the API's answer with the link to the export"
            return f"{answer}; download what the link leads to"
        return "the API's answer: no export for that day; name another day"
    for name in ("message", "description", "error", "errors"):
        if name in value:
            told = encode(value[name])[:80]
            return f"an error of the API: {told}; mend that, and ask again"
    advice = "not an export; ingest the file that Freshdesk wrote"
    if text.startswith("{") and text[end:].lstrip().startswith("{"):
        return f"newline-delimited JSON, {advice}"
    if text.startswith("[") or value.keys() & {"ticket_id", "performed_at"}:
        return f"a connector's rows, {advice}"
    return ""


# Records -> rows
#
# Activities repeat the same few names and types: places() decides once where
# they stand. If anything does not fit, check_record() says what.

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

# The properties that stand in a column of another name, or (other_properties
# alone tells them) in none.
RENAMED = {
    "new_ticket": "is_new_ticket",
    "group": "group_name",
    "group_name": "",
    "ticket_type": "issue_type",
    "requester": "requester_id",
    "other_requester_id": "",
}


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
    moment(record, "performed_at")
    activity = record["activity"]
    named = [name for name in PROPERTY_KINDS if name in activity]
    check(activity, {name: PROPERTY_KINDS[name] for name in named})
    if "note" in activity:
        check(activity["note"], NOTE_KINDS, "the note's ")


def moment(values: Json, name: str) -> int:
    """Return a time in seconds since 1970; raise Malformed if it is none."""
    text = values.get(name, ...)
    try:
        return parse_timestamp(text)
    except (TypeError, ValueError):
        wanted = "a time like 21-04-2017 09:33:38 +0000"
        raise refuse(name, wanted, text) from None


def is_storable(value: object) -> bool:
    """Return whether *value* is no integer of more than 64 bits."""
    return type(value) is not int or -(1 << 63) <= value < 1 << 63


def as_json(rest: Json) -> str:
    """Return what has no column as JSON, its keys sorted."""
    text = encode(rest)
    brackets = text.count("[") + text.count("{")  # mostly fewer: a quick look
    if brackets > DEEPEST and nesting(rest) > DEEPEST:
        raise Malformed("nested too deep")
    return text


def nesting(value: object, depth: int = 0) -> int:
    """Return how deep *value* is nested, or only that it is too deep."""
    if depth > DEEPEST or not isinstance(value, (dict, list)):
        return depth
    values = value.values() if isinstance(value, dict) else value
    return max((nesting(v, depth + 1) for v in values), default=depth + 1)


# How a column stores a value. None: it cannot, or not exactly.
Store = Callable[[Any], object]


def nowhere(_: object) -> None:
    return None


def integer(number: int) -> int | None:
    return number if -(1 << 63) <= number < 1 << 63 else None


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


def second(text: str) -> int | None:
    """Return "28-07-2026 23:00:00 +0000" in seconds since 1970."""
    with suppress(ValueError):
        return parse_timestamp(text)
    return None


def utc_second(text: str) -> int | None:
    """Return the same, but None for an offset, which a number cannot tell."""
    return second(text) if text.endswith("+0000") else None


# By column, or by its declaration: the type of the values that it stores
# exactly, how, and how it shows others, which stand in other_properties.
STORES: dict[str, tuple[type, Store, Store]] = {
    "TEXT": (str, lambda text: text or None, as_text),
    "INTEGER": (int, integer, nowhere),
    "ANY": (int, integer, nowhere),
    "": (object, nowhere, nowhere),  # no column
    "is_new_ticket": (bool, {True: 1}.get, nowhere),
    "priority": (int, str, as_text),
    "source": (int, str, as_text),
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
    own = names[names.index("status") : names.index("other_properties")]
    return dict(zip(own, own, strict=True)) | RENAMED


# Where a property is stored: its name, its column ("": in other_properties
# alone), how the column stores it exactly, and how it shows it otherwise.
Place = tuple[str, str, Store, Store]


@lru_cache(maxsize=4096)
def places(*names_and_types: Any) -> list[Place]:
    """Return where properties of these names, and types, are stored.

    Raises TypeError if a type does not fit.
    """
    middle = len(names_and_types) // 2
    names, types = names_and_types[:middle], names_and_types[middle:]
    found: list[Place] = []
    # Z before A, so that where both forms' names stand in one activity, today's
    # (ticket_type, requester_id) take the column.
    for name, kind in sorted(zip(names, types, strict=True), reverse=True):
        if name in PROPERTY_KINDS and kind not in PROPERTY_KINDS[name][1]:
            raise TypeError
        column = columns_by_property().get(name, "")
        if column in {column for _, column, *_ in found}:
            column = "other_requester_id" if name == "requester" else ""
        declared = activity_columns().get(column, "")
        fitting, store, show = STORES.get(column) or STORES[declared]
        if kind is NoneType and declared in ("TEXT", "ANY"):
            store = {None: ""}.get
        elif kind is not fitting:
            store = nowhere
            column = column if declared == "TEXT" else ""
        found.append((name, column, store, show if column else nowhere))
    return found


def content(activity: Json) -> Row:
    """Return the columns that a note and changes of properties fill.

    Raises TypeError if it is not of PROPERTY_KINDS and NOTE_KINDS.
    """
    row: Row = {}
    others: Json = {}
    for name, column, store, show in places(
        *activity, *map(type, activity.values())
    ):
        value = activity[name]
        kept = store(value)
        if kept is None:
            if not is_storable(value) and name in PROPERTY_KINDS:
                raise TypeError
            others[name] = value
            kept = show(value)
        if kept is not None:
            row[column] = kept
    if "note" in others:
        note = others.pop("note")
        note_id, note_type = note["id"], note["type"]
        if {type(note_id), type(note_type)} != {int}:
            raise TypeError
        if not (is_storable(note_id) and is_storable(note_type)):
            raise TypeError
        row["note_id"], row["note_type"] = note_id, note_type
        if len(note) > 2:
            others["note"] = {n: note[n] for n in note.keys() - NOTE_KINDS}
    if others:
        row["other_properties"] = as_json(others)
    return row


def activity_row(record: Any, export_id: int | str, position: int) -> Row:
    """Return the columns that an activity fills.

    Raises Malformed, without the record's number, if it is no activity.
    """
    try:
        ticket_id, activity = record["ticket_id"], record["activity"]
        performer_type = record["performer_type"]
        performer_id = record.get("performer_id")
        values = record, ticket_id, performer_type, performer_id, activity
        if tuple(map(type, values)) not in RECORD_TYPES:
            raise TypeError
        if not (is_storable(ticket_id) and is_storable(performer_id)):
            raise TypeError
        row = {
            "ticket_id": ticket_id,
            "performed_at": parse_timestamp(record["performed_at"]),
            "export_id": export_id,
            "position": position,
            "performer_type": performer_type,
            "performer_id": performer_id,
            **content(activity),
        }
    except (AttributeError, KeyError, TypeError, ValueError):
        check_record(record)
        raise
    if not record.keys() <= FIELDS:
        others = {name: record[name] for name in record.keys() - FIELDS}
        row["other_fields"] = as_json(others)
    return row


def activity_rows(export: Export, export_id: int | str) -> Iterator[Row]:
    """Yield the columns that each activity of an export fills.

    Raises Malformed, with the record's number, if it is no export.
    """
    position = 0
    try:
        for position, record in enumerate(export.records(), start=1):
            yield activity_row(record, export_id, position)
        declared = export.metadata.activities_count
        if declared == position:
            return
        problem = (
            f"activities_count is {declared:,}, but there are {position:,}"
        )
    except RecursionError:
        problem = "nested too deep"
    except Malformed as error:
        problem = str(error)
    where = f"record {export.number:,}: " if export.number else ""
    raise Malformed(f"{where}{problem}")
