"""Ingest Freshdesk ticket activity exports into a relational SQLite database.

An export is read in a stream, record by record:

    {"performed_at": "20-04-2017 11:00:00 +0000", "ticket_id": 20,
     "performer_type": "user", "performer_id": 145423,
     "activity": {"status": "Open", "priority": 1, "Region": "EMEA"}}

becomes a row of `notes` or, as this one, of `property_changes`:

    (ticket_id 20, performed_at 1492686000, content_key -28..., export_id 97...,
     position 7, performer_type 'user', performer_id 145423, status_id 1,
     priority 1, other_properties '{"Region":"EMEA"}')

Each file is ingested whole or not at all. Both forms of the export are read:
the one of 2017 that Freshdesk documents, and the one it writes today.
"""

from __future__ import annotations

import argparse
import codecs
import gzip
import hashlib
import json
import marshal
import os
import re
import signal
import socket
import sqlite3
import struct
import sys
import time
import traceback
import zlib
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from json import JSONDecodeError
from json.encoder import c_make_encoder, encode_basestring  # type: ignore[attr-defined]
from pathlib import Path
from tempfile import TemporaryFile
from types import NoneType
from typing import Any, BinaryIO, NamedTuple, NoReturn, cast

from freshdesk import (
    AGENTS_NOTE_TYPES,
    APPLICATION_ID,
    DATABASE,
    EXPORTS_DIR,
    NOTE_TYPES,
    PRIORITIES,
    PUBLIC_NOTE_TYPES,
    SCHEMA_VERSION,
    SOURCES,
    STATUS_ALIASES,
    STATUSES,
    Failure,
    beside,
    describe,
    exit_status,
    followed,
    format_timestamp,
    is_database,
    locked,
    parse_timestamp,
    plural,
    put_in_place,
    show_progress,
    sql,
    without_garbage_collection,
)

READ_SIZE = 1 << 18  # bytes; larger is no faster
TAIL = 1 << 14  # characters of it, in which a record surely ends
BATCH_RECORDS = 4_000  # staged at a time, or fewer when they are long:
BATCH_CHARACTERS = 1 << 23
BATCHES_AHEAD = 64  # are read, at most, before they are written: open files
STAGED_ACTIVITIES = 30_000  # inserted at a time, or
STAGED_SHARE = 0.1  # of all of the export so far, if that is more; but fewer
STAGED_CHARACTERS = 1 << 28  # when they are long: to sort them, one record of
# every CACHE_KIB is in memory
CACHE_KIB = 8_000  # of the database's pages, and as much of what is sorted
PARALLEL_SIZE = 1 << 22  # bytes of a file that deserve a second process
DEEPEST = 200  # levels of nesting; a genuine activity has about five
OLDEST_SQLITE = (3, 37)
MOST_SIMULTANEOUS = 1 << 16  # exports that start in the same second
# What the process that reads tells the one that writes, see send()
BATCH, COMPLETE, MALFORMED, FAILED = b"B", b"C", b"M", b"F"
RECEIVED = b"R"  # and what that one answers to a batch

TABLES = ("notes", "property_changes")  # that activities stand in

Record = dict[str, Any]
Row = tuple[Any, ...]


class Malformed(ValueError):
    """A file is not a ticket activity export; the text says what and where."""


# Reading: bytes -> text -> records


def open_export(path: Path) -> BinaryIO:
    """Open an export for reading its uncompressed bytes."""
    return uncompressed(path.open("rb"))


def uncompressed(file: BinaryIO) -> BinaryIO:
    """Return a file of the bytes that *file*, gzipped or not, stands for."""
    if file.read(2) == b"\x1f\x8b":
        file.seek(0)
        return cast(BinaryIO, gzip.GzipFile(fileobj=file))
    file.seek(0)
    return file


def sha256(file: BinaryIO) -> str:
    """Return the SHA-256 of an open file, as hexadecimal digits."""
    digest = hashlib.sha256()
    while chunk := file.read(READ_SIZE):
        digest.update(chunk)
    return digest.hexdigest()


def decoded(file: BinaryIO, read_size: int = READ_SIZE) -> Iterator[str]:
    """Yield the text of a UTF-8 file, with or without a byte-order mark."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    chunk = b"?"
    while chunk:
        chunk = file.read(read_size)
        try:
            if text := decoder.decode(chunk, final=not chunk):
                yield text
        except UnicodeDecodeError as error:
            raise Malformed(f"text is not UTF-8 ({error.reason})") from None


def refuse_constant(name: str) -> None:
    raise Malformed(f"{name} is not standard JSON")


def finite(text: str) -> float:
    """Return the number that *text* is, which must fit a 64-bit float."""
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise Malformed(f"the number {text:.40} is too large")
    return number


scan = json.JSONDecoder(
    parse_float=finite, parse_constant=refuse_constant
).scan_once  # type: ignore[attr-defined]
skip_white_space = re.compile(r"[ \t\n\r]*").match
object_ends = re.compile(r"\}(?=[ \t\n\r]*,[ \t\n\r]*\{)").finditer


class ExportReader:
    """Reads one export in constant memory: iterate over records() to its end.

    After that `metadata` holds that object, None if there was none. Never
    more than one record, or those that were read at once, is in memory.
    """

    def __init__(self, chunks: Iterator[str]) -> None:
        self.chunks = chunks
        self.text = ""  # what was read and is not yet used up, ...
        self.at = 0  # ... from here on
        self.is_fresh = False  # whole_elements() has not seen it yet
        self.metadata: object = None
        self.has_activities = False
        self.number = 0  # of the last record at hand, ...
        self.characters = 0  # ... and how long all so far are

    def records(self) -> Iterator[list[object]]:
        """Yield the elements of "activities_data", some at a time."""
        seen = set()
        self.expect("{")
        if self.peek() == "}":
            self.at += 1
        else:
            while True:
                name = self.value()
                if not isinstance(name, str):
                    raise Malformed("a key is not text")
                if name in seen:
                    raise Malformed(f'there are two "{name}"')
                seen.add(name)
                self.expect(":")
                if name == "activities_data":
                    self.has_activities = True
                    yield from self.elements()
                elif name == "metadata":
                    self.metadata = self.value()
                else:
                    encode([name, self.value()]).encode()  # has to be JSON
                if self.expect(",", "}") == "}":
                    break
        if self.peek():
            raise Malformed("there is something after the end of the export")

    def elements(self) -> Iterator[list[object]]:
        """Yield the elements of the array that comes next, some at a time."""
        self.expect("[")
        if self.peek() == "]":
            self.at += 1
            return
        while True:
            if elements := self.whole_elements():
                self.number += len(elements)
                yield elements
            self.number += 1
            yield [self.value()]
            if self.expect(",", "]") == "]":
                self.number = 0  # what is wrong from here on is no record's
                return

    def whole_elements(self) -> list[object]:
        """Go past the elements that end in what was just read; return them.

        Together they take half the time. Where that is not as simple, none
        are returned, and value() tells what is wrong.
        """
        if not self.is_fresh:
            return []
        self.is_fresh = False
        tail = max(self.at, len(self.text) - TAIL)
        ends = [match.end() for match in object_ends(self.text, tail)]
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
            except StopIteration as stop:
                # where a value should start; "nul" may become null
                if stop.value > len(self.text) - 10 and self.read_more():
                    continue
                raise Malformed(self.broken("a value is missing")) from None
            except JSONDecodeError as error:
                if self.is_cut_off(error) and self.read_more():
                    continue
                raise Malformed(self.broken(error.msg)) from None
            except Malformed:
                raise
            except ValueError:  # beyond what Python turns into an integer
                raise Malformed("a number has too many digits") from None
            # A number near the end of what was read may go on: 1 and 1.5e3
            if (
                self.text[end - 1] in '"}]'
                or end + 3 < len(self.text)
                or not self.read_more()
            ):
                self.characters += end - self.at
                self.at = end
                return value

    def is_cut_off(self, error: JSONDecodeError) -> bool:
        """Return whether the rest of the file may mend *error*.

        That saves a syntax error from drawing the whole file into memory.
        """
        return (
            error.msg.startswith("Unterminated string")
            or error.pos > len(self.text) - 10  # a literal, \\uXXXX
        )

    def broken(self, what: str) -> str:
        if self.read_more():
            return f"not JSON: {what}"
        return f"not JSON, or cut off: {what}"

    def read_more(self) -> bool:
        """Read on; return False at the end of the file.

        Reads at least as much as is waiting already, so that a long value
        costs time in proportion to its length, whatever the chunks.
        """
        waiting = len(self.text) - self.at
        pieces = [self.text[self.at :]]
        read = 0
        for chunk in self.chunks:
            pieces.append(chunk)
            read += len(chunk)
            if read >= waiting:
                break
        if read:  # else whoever asks goes on in the text as it is
            self.text = "".join(pieces)
            self.at = 0
            self.is_fresh = True
        return read > 0


# Checking: records -> columns -> rows
#
# The records that were read at once are looked at column by column, which takes
# a third less time than one by one. Where something is wrong with one of them,
# the same functions look at each alone.

Column = Sequence[Any]  # of one field, or property, of some activities

INTEGER, INTEGER_OR_NULL = "an integer", "an integer or null"
A_TIME = "a time like 21-04-2017 09:33:38 +0000"
LEAST, MOST = -(1 << 63), (1 << 63) - 1  # the integers that SQLite can hold


def json_encoder() -> Callable[[object], str]:
    """Return what makes canonical JSON of what was just parsed: keys sorted."""
    if c_make_encoder is None:
        return json.JSONEncoder(
            ensure_ascii=False, sort_keys=True, separators=(",", ":")
        ).encode
    # JSONEncoder.encode() makes such an encoder each time, which takes as long
    # as the encoding itself: a tenth of the time for a record.
    chunks = c_make_encoder(
        None,
        refuse_constant,
        encode_basestring,
        None,
        ":",
        ",",
        True,
        False,
        False,
    )
    return lambda value: "".join(chunks(value, 0))


encode = json_encoder()


def transposed(columns: Iterable[Iterable[Any]]) -> Iterator[Row]:
    """Yield the rows of some columns, or the columns of some rows."""
    return zip(*columns, strict=True)


def in_range(integers: Column) -> bool:
    """Return whether SQLite can hold all of these integers (or nulls)."""
    numbers: list[int] = [0, *filter(None, integers)]
    return min(numbers) >= LEAST and max(numbers) <= MOST


def refuse(name: str, wanted: str, value: object) -> Malformed:
    if value is ...:
        return Malformed(f"{name} is missing")
    shown = json.dumps(value)
    if len(shown) > 60:
        shown = shown[:57] + "..."
    return Malformed(f"{name} is not {wanted}: {shown}")


def check(name: str, wanted: str, column: Column, *kinds: type) -> None:
    """Raise Malformed unless all values are of these types."""
    if not set(map(type, column)) <= set(kinds):
        wrong = next(value for value in column if type(value) not in kinds)
        raise refuse(name, wanted, wrong)


def check_integers(
    name: str, wanted: str, column: Column, *others: type
) -> None:
    """Raise Malformed unless all values are integers that SQLite can hold.

    Or of other types, if there are any.
    """
    check(name, wanted, column, int, *others)
    if not in_range(column):
        wrong = next(value for value in column if not in_range([value]))
        raise refuse(name, wanted, wrong)


def moment(name: str, text: Any) -> int:
    """Return a time in seconds since 1970."""
    try:
        return parse_timestamp(text)
    except (TypeError, ValueError):
        raise refuse(name, A_TIME, text) from None


def moments(name: str, texts: Column) -> Column:
    """Return times in seconds since 1970."""
    check(name, A_TIME, texts, str)
    seconds = {text: moment(name, text) for text in set(texts)}
    return [seconds[text] for text in texts]


def nesting(value: object, depth: int = 0) -> int:
    """Return how deep *value* is nested, or just that it is too deep."""
    if depth > DEEPEST or not isinstance(value, (dict, list)):
        return depth
    values = value.values() if isinstance(value, dict) else value
    return max((nesting(v, depth + 1) for v in values), default=depth + 1)


def as_json(rest: Record) -> str:
    """Return what has no column of its own as JSON."""
    if nesting(rest) > DEEPEST:
        raise Malformed("nested too deep")
    text = encode(rest)
    text.encode()  # lone surrogates are no text
    return text


def besides(names: Sequence[str], objects: Column) -> Column:
    """Return what objects have besides *names*, which all of them have.

    As JSON; null where that is nothing.
    """
    if set(map(len, objects)) == {len(names)}:  # as nearly always
        return [None] * len(objects)
    return [
        as_json({name: one[name] for name in one if name not in names})
        if len(one) > len(names)
        else None
        for one in objects
    ]


FIELDS = (
    "activity",
    "ticket_id",
    "performed_at",
    "performer_type",
    "performer_id",
)
NO_FIELDS = dict.fromkeys(FIELDS, ...) | {"performer_id": None}
NOTE_FIELDS = ("id", "type")


def record_columns(records: Column, position: int) -> list[Column]:
    """Return what some records have, a column each; the activity comes first.

    The first of the records has this position.
    """
    check("the record", "an object", records, dict)
    try:
        columns = [[record[name] for record in records] for name in FIELDS]
    except KeyError:
        whole = [NO_FIELDS | record for record in records]
        return record_columns(whole, position)
    activities, ticket_ids, times, performer_types, performer_ids = columns
    check_integers("ticket_id", INTEGER, ticket_ids)
    seconds = moments("performed_at", times)
    check("performer_type", "text", performer_types, str)
    check_integers("performer_id", INTEGER_OR_NULL, performer_ids, NoneType)
    check("activity", "an object", activities, dict)
    positions = range(position, position + len(records))
    return [
        *(activities, ticket_ids, seconds, positions),
        *(performer_types, performer_ids, besides(FIELDS, records)),
    ]


def note_columns(notes: Column) -> list[Column]:
    """Return the columns of `notes` for what stands under "note"."""
    check("note", "an object", notes, dict)
    columns = [[note.get(name, ...) for note in notes] for name in NOTE_FIELDS]
    for name, column in zip(NOTE_FIELDS, columns, strict=True):
        check_integers(f"the note's {name}", INTEGER, column)
    return [*columns, besides(NOTE_FIELDS, notes)]


@lru_cache(maxsize=1024)
def iso_date(text: str) -> str | None:
    """Return "21 Apr, 2017" as 2017-04-21, "N/A" as it is, else None."""
    if text == "N/A":
        return text
    try:
        return datetime.strptime(text, "%d %b, %Y").date().isoformat()
    except ValueError:
        return None


class Property(NamedTuple):
    """A property with a column of its own."""

    names: tuple[str, ...]  # today's first, then that of 2017; one may be both
    kind: type
    # what the column takes of a value of that kind, None if it does not fit
    fit: Callable[[Any], object] | None = None


def held(integer: int) -> int | None:
    """Return an integer, None for one that SQLite cannot hold."""
    return integer if LEAST <= integer <= MOST else None


def uncut(text: str) -> str | None:
    """Return a text, None for one that SQL's functions would cut at a NUL."""
    return None if "\0" in text else text


# In the order of the columns.
PROPERTIES = (
    Property(("new_ticket",), bool, lambda is_new: 1 if is_new else None),
    Property(("status",), str, lambda label: label if label.strip() else None),
    Property(("priority",), int, held),
    Property(("source",), int, held),
    Property(("group",), str, uncut),
    Property(("agent_id",), int),
    Property(("internal_agent_id",), int),
    Property(("requester_id", "requester"), int),
    Property(("product",), str, uncut),
    Property(("category",), str),
    Property(("ticket_type", "issue_type"), str),
    Property(("contacted_customer",), bool, int),
    Property(("shipping_address",), str),
    Property(("shipment_date",), str, iso_date),
)
NAMED = {name for one in PROPERTIES for name in one.names}
# What decides who acts has to be right.
PEOPLE = {"agent_id", "internal_agent_id", "requester_id", "requester"}


def check_properties(properties: Mapping[str, Column]) -> None:
    """Raise Malformed if what the metrics are made of is not right."""
    for name, values in properties.items():
        if name in PEOPLE:
            check_integers(name, INTEGER_OR_NULL, values, NoneType)
        if name == "status":
            check(name, "text", values, str, NoneType)


def property_columns(
    properties: Mapping[str, Column], size: int
) -> list[Column]:
    """Return the properties' columns of so many rows of `property_changes`."""
    nothing: Column = [None] * size
    columns: list[Column] = []
    rest: defaultdict[int, Record] = defaultdict(dict)
    for names, kind, fit in PROPERTIES:
        column = nothing
        for name in filter(properties.__contains__, names):
            values = properties[name]
            added = fitted(values, kind, fit)
            if column is nothing:
                column = added
            else:  # where today's name is there, and fits, it comes first
                added = [
                    value if first is None else None
                    for first, value in zip(column, added, strict=True)
                ]
                column = [
                    first if value is None else value
                    for first, value in zip(column, added, strict=True)
                ]
            if added is not values:
                keep_misfits(rest, name, values, added)
        columns.append(column)
    for name in properties.keys() - NAMED:
        keep_misfits(rest, name, properties[name], nothing)
    is_new_ticket = [value or 0 for value in columns[0]]
    others = [
        as_json(rest[row]) if row in rest else None for row in range(size)
    ]
    return [is_new_ticket, *columns[1:], others]


def keep_misfits(
    rest: Mapping[int, Record], name: str, values: Column, column: Column
) -> None:
    """Add what its column does not take of a property to the row's rest."""
    for row, (value, taken) in enumerate(zip(values, column, strict=True)):
        if taken is None:
            rest[row][name] = value


def fitted(
    values: Column, kind: type, fit: Callable[[Any], object] | None
) -> Column:
    """Return what a property's column takes; null for what does not fit it."""
    if set(map(type, values)) != {kind}:
        values = [value if type(value) is kind else None for value in values]
    if fit:
        values = [None if value is None else fit(value) for value in values]
    return values


def content_keys(
    performer_types: Column,
    performer_ids: Column,
    properties: Mapping[str, Column],
) -> Column:
    """Return who did what as one number each, whatever the order of the names.

    With the ticket and the second it identifies an activity. Only contents of
    one ticket and second meet, so that 64 bits keep them apart.
    """
    names = sorted(properties)
    hash_of_names = blake2b(encode(names).encode(), digest_size=8)
    digests = []
    for content in transposed(
        [performer_types, performer_ids, *map(properties.__getitem__, names)]
    ):
        hash_of_content = hash_of_names.copy()
        hash_of_content.update(encode(content).encode())
        digests.append(hash_of_content.digest())
    return struct.unpack(f">{len(digests)}q", b"".join(digests))


Columns = list[list[Any]]


def no_notes() -> Columns:
    """Return the columns of stage_note.sql."""
    return [[] for _ in range(11)]


def no_property_changes() -> Columns:
    """Return the columns of stage_property_change.sql."""
    return [[] for _ in range(23)]


def extend(columns: Columns, more: Sequence[Column]) -> None:
    """Add rows to columns: *more* of each."""
    for column, values in zip(columns, more, strict=True):
        column.extend(values)


@dataclass
class Batch:
    """The rows of some records, a list for each column."""

    export_id: int
    notes: Columns = field(default_factory=no_notes)
    property_changes: Columns = field(default_factory=no_property_changes)
    # of activities that are property changes, too
    further_notes: Columns = field(default_factory=no_notes)
    characters: int = 0  # of JSON, about

    def __len__(self) -> int:
        """Return how many activities these are."""
        return len(self.notes[1]) + len(self.property_changes[1])

    def add(self, records: Column, position: int) -> None:
        """Add records, the first of which has this position.

        Raises Malformed if one of them is no activity.
        """
        alike: defaultdict[Row, list[Row]] = defaultdict(list)
        for row in transposed(record_columns(records, position)):
            alike[tuple(row[0])].append(row)  # the activity's names
        for names, rows in alike.items():
            self.add_alike(names, [*transposed(rows)])

    def add_alike(self, names: Row, columns: Sequence[Column]) -> None:
        """Add records whose activities have the same names."""
        activities, ticket_ids, seconds, positions, *rest = columns
        performer_types, performer_ids, other_fields = rest
        values = transposed(map(dict.values, activities))
        properties: dict[str, Column] = dict(zip(names, values, strict=True))
        check_properties(properties)
        keys = content_keys(performer_types, performer_ids, properties)
        size = len(keys)
        head = (
            *(ticket_ids, seconds, keys, [self.export_id] * size, positions),
            *(performer_types, performer_ids, other_fields),
        )
        if "note" in properties:
            notes = note_columns(properties.pop("note"))
            extend(
                self.further_notes if properties else self.notes,
                [*head, *notes],
            )
            if not properties:
                return
        extend(
            self.property_changes, [*head, *property_columns(properties, size)]
        )

    def seconds(self) -> list[int]:
        """Return when each of the activities was."""
        return self.notes[1] + self.property_changes[1]

    def rows(self, table: str) -> list[Row]:
        """Return the rows of a table."""
        parts = [self.property_changes]
        if table == "notes":
            parts = [self.notes, self.further_notes]
        return [row for columns in parts for row in transposed(columns)]


class Metadata(NamedTuple):
    """What an export tells of itself."""

    start_at: int  # its first and ...
    end_at: int  # ... its last second
    activities_count: int

    def outside(self, seconds: Iterable[int]) -> int:
        """Return how many of these seconds are not in the window."""
        return sum(not self.start_at <= s <= self.end_at for s in seconds)


def checked(metadata: object) -> Metadata:
    """Return the metadata; raise Malformed if they are none."""
    if metadata is None:
        raise Malformed("metadata is missing")
    if not isinstance(metadata, dict):
        raise refuse("metadata", "an object", metadata)
    encode(metadata).encode()  # lone surrogates are no text
    start_at, end_at, count = (
        metadata.get(name, ...) for name in Metadata._fields
    )
    if type(count) is not int:
        raise refuse("activities_count", "an integer", count)
    window = moment("start_at", start_at), moment("end_at", end_at)
    if window[1] < window[0]:
        raise Malformed("end_at is before start_at")
    return Metadata(*window, count)


@contextmanager
def located(reader: ExportReader) -> Iterator[None]:
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
    where = f"record {reader.number:,}: " if reader.number else ""
    raise Malformed(f"{where}{problem}")


def read_metadata(file: BinaryIO) -> Metadata:
    """Return the metadata of the export that *file* holds.

    They usually stand at the beginning; else all of the file is read. Raises
    Malformed, with the record's number, if it is no export.
    """
    reader = ExportReader(decoded(file))
    with located(reader):
        for _ in reader.records():
            if reader.metadata is not None:
                reader.number = 0  # what is wrong with them is no record's
                break
        if not reader.has_activities:
            raise Malformed("activities_data is missing")
        return checked(reader.metadata)


def batches(file: BinaryIO, export_id: int) -> Iterator[Batch]:
    """Yield the rows of the export that *file* holds, some at a time.

    Raises Malformed, with the record's number, if it is no export.
    """
    reader = ExportReader(decoded(file))
    with located(reader):
        yield from grouped(reader, export_id)


def grouped(reader: ExportReader, export_id: int) -> Iterator[Batch]:
    """Yield the rows of an export's records, as many as memory allows."""
    batch = Batch(export_id)
    count = earlier = 0
    for records in reader.records():
        try:
            batch.add(records, count + 1)
        except (Malformed, UnicodeEncodeError, RecursionError):
            # of which one? It raises the same again.
            for number, record in enumerate(records, start=count + 1):
                reader.number = number
                Batch(export_id).add([record], number)
            raise
        count += len(records)
        batch.characters = reader.characters - earlier
        if len(batch) >= BATCH_RECORDS or batch.characters > BATCH_CHARACTERS:
            yield batch
            batch = Batch(export_id)
            earlier = reader.characters
    declared = checked(reader.metadata).activities_count
    if declared != count:
        raise Malformed(
            f"activities_count is {declared:,}, but there are {count:,}"
        )
    yield batch


def ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Yield *batches*, which another process makes while ours writes them.

    On two cores that takes a third off the time of a large export.
    """
    ours, others = socket.socketpair()
    # Ctrl-C is for this process: the other must never leave send(), lest it
    # roll back the same database.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    child = os.fork()
    if not child:
        ours.close()
        send(batches, others)  # does not return
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        others.close()
        with ours:
            yield from received(ours)
    finally:
        os.kill(child, signal.SIGKILL)  # it may wait to be read
        os.waitpid(child, 0)


def received(channel: socket.socket) -> Iterator[Batch]:
    """Yield what send() sends; raise Malformed or Failure if it says so."""
    try:
        mark, files, *_ = socket.recv_fds(channel, 1, 1)
        while mark == BATCH:
            if not files:
                raise Failure("too many open files; close some, or allow more")
            with os.fdopen(files[0], "rb") as file:
                file.seek(0)
                parts = marshal.loads(file.read())
            channel.sendall(RECEIVED)
            yield Batch(*parts)
            mark, files, *_ = socket.recv_fds(channel, 1, 1)
        said = channel.makefile("rb").read().decode(errors="surrogatepass")
    except ConnectionError:
        mark, said = FAILED, ""
    if mark == MALFORMED:
        raise Malformed(said)
    if mark != COMPLETE:
        raise Failure(said or "the process that reads the export was killed")


def send(batches: Iterator[Batch], channel: socket.socket) -> NoReturn:
    """Send *batches*, then that these are all, or what is wrong."""
    mark, said = COMPLETE, ""
    underway: deque[BinaryIO] = deque()
    try:
        try:
            for batch in batches:
                if len(underway) == BATCHES_AHEAD:
                    await_receipt(channel, underway)
                underway.append(send_batch(batch, channel))
        except ConnectionError:
            raise
        except Failure as failure:
            mark, said = FAILED, str(failure)
        except (Malformed, OSError, EOFError, zlib.error) as error:
            mark, said = MALFORMED, str(error)
        channel.sendall(mark + said.encode(errors="surrogatepass"))
        channel.shutdown(socket.SHUT_WR)
        while underway:
            await_receipt(channel, underway)
    except ConnectionError:
        pass  # the other process is gone
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def send_batch(batch: Batch, channel: socket.socket) -> BinaryIO:
    """Send a file of *batch*, and return it: while it waits it takes no memory.

    It has no name, and is no more once both processes have closed it. Some
    systems lose a file that is closed here before it is received there.
    """
    # Version 2 does not look for what is there twice: half the time.
    data = marshal.dumps(tuple(vars(batch).values()), 2)
    try:
        file = TemporaryFile()  # noqa: SIM115 - await_receipt() closes it
        file.write(data)
        file.flush()
        socket.send_fds(channel, [BATCH], [file.fileno()])
        return file
    except ConnectionError:
        raise
    except OSError as error:
        raise Failure(
            f"temporary files: {describe(error)}; make room for them, or let"
            " TMPDIR name another folder"
        ) from None


def await_receipt(channel: socket.socket, underway: deque[BinaryIO]) -> None:
    """Wait until the first of the files that are underway is received."""
    if not channel.recv(1):
        raise ConnectionError
    underway.popleft().close()


# Writing: rows -> database


def spelling(label: str) -> str:
    """Return a status label with its white space trimmed and folded."""
    return " ".join(label.split())


def label_key(label: str) -> str:
    """Return what two labels share that mean the same status."""
    return spelling(label).casefold()


def insert_codes(
    connection: sqlite3.Connection,
    priorities: Mapping[int, str],
    sources: Mapping[int, str],
    note_types: Mapping[int, str],
) -> None:
    """Add codes and their names, where they are not known yet."""
    for table, codes in (("priority", priorities), ("source", sources)):
        connection.executemany(
            sql(f"ingest/insert_{table}"),
            [{"code": code, "name": name} for code, name in codes.items()],
        )
    connection.executemany(
        sql("ingest/insert_note_type"),
        [
            {
                "code": code,
                "name": name,
                "is_public": code in PUBLIC_NOTE_TYPES,
                "is_agents_only": code in AGENTS_NOTE_TYPES,
            }
            for code, name in note_types.items()
        ],
    )


def insert_labels(connection: sqlite3.Connection, labels: set[str]) -> None:
    """Add status labels, where they are not known yet."""
    connection.executemany(
        sql("ingest/insert_status"),
        [
            {
                "label": label,
                "spelling": spelling(label),
                "label_key": label_key(label),
            }
            for label in sorted(labels)
        ],
    )


def stage(connection: sqlite3.Connection, batch: Batch) -> None:
    """Let the rows of *batch* wait for insert_staged()."""
    labels, priorities, sources = (
        set(column) - {None} for column in batch.property_changes[9:12]
    )
    note_types = {*batch.notes[9], *batch.further_notes[9]}
    insert_labels(connection, labels)
    insert_codes(
        connection,
        *(
            {code: str(code) for code in codes}
            for codes in (priorities, sources, note_types)
        ),
    )
    for statement, columns in (
        ("stage_note", batch.notes),
        ("stage_property_change", batch.property_changes),
        ("insert_further_note", batch.further_notes),  # few, if any
    ):
        connection.executemany(sql(f"ingest/{statement}"), transposed(columns))


def insert_staged(connection: sqlite3.Connection, staged: int) -> int:
    """Insert the activities that are *staged*; return how many were new.

    They come in the order of the tables, and are the more the longer the
    export: a page is visited for many of them at once. That takes a third off
    the writing of ten million activities.
    """
    new = 0
    for table in TABLES:
        inserted = connection.execute(sql(f"ingest/insert_staged_{table}"))
        new += inserted.rowcount
    for table in TABLES:
        if new < staged:
            connection.execute(sql(f"ingest/place_repeated_{table}"))
        connection.execute(sql(f"ingest/clear_staged_{table}"))
    return new


@dataclass
class Ingested:
    """What came of one file."""

    name: str
    is_known: bool = False  # its bytes were there before
    activities: int = 0
    new_activities: int = 0
    outside_window: int = 0
    last_performed_at: int | None = None

    def count(self, batch: Batch, metadata: Metadata) -> None:
        """Count the activities of one more batch."""
        seconds = batch.seconds()
        self.activities += len(seconds)
        self.outside_window += metadata.outside(seconds)
        if self.last_performed_at is not None:
            seconds.append(self.last_performed_at)
        self.last_performed_at = max(seconds, default=None)


def export_number(
    connection: sqlite3.Connection, metadata: Metadata, digest: str
) -> int:
    """Return a number for a new export: they grow with start, end and SHA-256.

    That is the order of their activities within a second, whichever was
    ingested first. Those that start together stand in a row; the later ones
    of them make room.
    """
    simultaneous = connection.execute(
        sql("ingest/select_simultaneous_exports"),
        {**metadata._asdict(), "sha256": digest},
    ).fetchall()
    if len(simultaneous) >= MOST_SIMULTANEOUS:
        many = plural(len(simultaneous), "export")
        raise Malformed(f"{many} start in its first second")
    later = [
        {"export_id": export_id}
        for export_id, is_later in simultaneous
        if is_later
    ]
    connection.executemany(sql("ingest/move_export"), later)
    first = metadata.start_at * MOST_SIMULTANEOUS
    return first + len(simultaneous) - len(later)


def insert_export(
    connection: sqlite3.Connection, name: str, digest: str, metadata: Metadata
) -> int:
    """Begin an export, and return its number."""
    export_id = export_number(connection, metadata, digest)
    connection.execute(
        sql("ingest/insert_export"),
        {
            "export_id": export_id,
            "name": name,
            "sha256": digest,
            **metadata._asdict(),
            "ingested_at": int(time.time()),
        },
    )
    return export_id


def ingest(
    connection: sqlite3.Connection,
    batches: Iterable[Batch],
    export_id: int,
    name: str,
    metadata: Metadata,
) -> Ingested:
    """Write the rows of an export, which insert_export() has begun."""
    for table in TABLES:
        connection.execute(sql(f"ingest/create_staged_{table}"))
    ingested = Ingested(name)
    staged = characters = 0
    for batch in batches:
        stage(connection, batch)
        staged += len(batch)
        characters += batch.characters
        ingested.count(batch, metadata)
        enough = max(STAGED_ACTIVITIES, STAGED_SHARE * ingested.activities)
        if staged >= enough or characters >= STAGED_CHARACTERS:
            ingested.new_activities += insert_staged(connection, staged)
            staged = characters = 0
        show_progress(f"{name}: {ingested.activities:,} activities")
    ingested.new_activities += insert_staged(connection, staged)
    show_progress("")
    connection.execute(
        sql("ingest/complete_export"),
        {
            "export_id": export_id,
            "activities_count": ingested.activities,
            "outside_window": ingested.outside_window,
            "last_performed_at": ingested.last_performed_at,
        },
    )
    return ingested


def ingest_file(connection: sqlite3.Connection, path: Path) -> Ingested:
    """Ingest the export at *path*, unless the same bytes are there already.

    The caller has opened the transaction, and ends it. Raises Failure, one
    line that names the file, if it cannot be.
    """
    # It may be any bytes.
    name = os.fsencode(path.name).decode(errors="replace")
    with blamed(path), open_export(path) as file:
        before = path.stat()
        digest = sha256(file)
        known = connection.execute(
            sql("ingest/find_export"), {"sha256": digest}
        )
        if known.fetchone():
            return Ingested(name, is_known=True)
        file.seek(0)
        metadata = read_metadata(file)
        export_id = insert_export(connection, name, digest, metadata)
        file.seek(0)
        rows = batches(file, export_id)
        if before.st_size >= PARALLEL_SIZE:
            rows = ahead(rows)
        with without_garbage_collection():
            ingested = ingest(connection, rows, export_id, name, metadata)
        after = path.stat()
        if (before.st_size, before.st_mtime_ns) != (
            after.st_size,
            after.st_mtime_ns,
        ):
            raise Malformed("changed while it was read")
        return ingested


@contextmanager
def blamed(path: Path | str) -> Iterator[None]:
    """Raise what is wrong with the export at *path* as Failure, one line."""
    try:
        yield
        return
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        problem = f"not a whole gzip file ({describe(error)})"
    except Malformed as error:
        problem = str(error)
    except OSError as error:
        raise Failure(
            f"{path}: {error.strerror or error}; name a file that can be read"
        ) from None
    raise Failure(
        f"{path}: {problem}; nothing of this file was kept, export it again or"
        " correct it"
    )


# The database


def insert_aliases(
    connection: sqlite3.Connection, aliases: Mapping[str, str]
) -> None:
    """Let labels mean canonical statuses: {label: canonical status}."""
    connection.executemany(
        sql("ingest/insert_status_alias"),
        [
            {"label_key": label_key(label), "label": label, "status": status}
            for label, status in aliases.items()
        ],
    )


def known_aliases(connection: sqlite3.Connection) -> dict[str, str]:
    """Return {label: canonical status}."""
    return dict(connection.execute(sql("ingest/select_status_aliases")))


def create_schema(connection: sqlite3.Connection) -> None:
    """Make a new database, with Freshdesk's codes and statuses in it."""
    # The index is there from the start: to fill it takes time in which the
    # other process still reads. That is a twentieth of all.
    for part in ("tables", "indexes", "views"):
        connection.executescript(sql(f"schema/{part}"))
    connection.execute(f"pragma application_id = {APPLICATION_ID}")
    connection.execute(f"pragma user_version = {SCHEMA_VERSION}")
    connection.execute("begin")
    insert_codes(connection, PRIORITIES, SOURCES, NOTE_TYPES)
    connection.executemany(
        sql("ingest/insert_canonical_status"),
        [
            {"status": status, "is_resolved": is_resolved}
            for status, is_resolved in STATUSES.items()
        ],
    )
    insert_aliases(
        connection, {status: status for status in STATUSES} | STATUS_ALIASES
    )
    connection.execute("commit")


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
        # Python 3.10 and 3.11 look long for how to adapt a None. Told how, an
        # export of today's form is written in three quarters of the time.
        sqlite3.register_adapter(NoneType, {None: None}.get)
        # Our own runs wait for each other elsewhere: see locked().
        connection = sqlite3.connect(path, timeout=30, isolation_level=None)
        try:
            connection.execute("pragma foreign_keys = on")
            connection.execute("pragma temp_store = file")
            connection.execute(f"pragma cache_size = -{CACHE_KIB}")
            yield connection
        finally:
            connection.close()
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise
    except sqlite3.DatabaseError as error:
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
    part = beside(path)
    try:
        discard_leftovers(part)
        part.unlink(missing_ok=True)
        with connected(part, stands_for=path) as connection:
            # Nobody sees the file until it is whole and on the disk.
            connection.execute("pragma journal_mode = off")
            connection.execute("pragma synchronous = off")
            create_schema(connection)
            connection.execute("begin")
            yield connection
            connection.execute("commit")
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
    path: Path, *, replace: bool, aliases: dict[str, str]
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
                    insert_aliases(connection, aliases)
                    yield connection
                    connection.execute("commit")
                except BaseException:
                    with suppress(sqlite3.Error):
                        connection.execute("rollback")
                    raise
        else:
            inherited: dict[str, str] = {}
            if exists:
                with connected(path) as old:
                    inherited = known_aliases(old)
            with built(path) as connection:
                insert_aliases(connection, inherited | aliases)
                yield connection


# The script


def summary(database: Path, results: Sequence[Ingested]) -> str:
    """Return what came of some files in one line."""
    new = [result for result in results if not result.is_known]
    activities = sum(result.activities for result in new)
    known_activities = activities - sum(result.new_activities for result in new)
    names = ", ".join(result.name for result in new[:3])
    if len(new) > 3:
        names += f" and {len(new) - 3:,} more"
    parts = [f"{database}: {plural(len(new), 'export')} ingested"]
    if new:
        parts.append(f"({names}) with {plural(activities, 'activity')},")
        parts.append(f"{known_activities:,} of them already there")
    if len(new) < len(results):
        known = plural(len(results) - len(new), "export")
        parts.append(f"; {known} already there")
    return " ".join(parts).replace(" ;", ";")


def notes(database: Path, results: Sequence[Ingested]) -> Iterator[str]:
    """Yield what the user should know of the files, and of all exports."""
    for result in results:
        if result.outside_window:
            outside = plural(result.outside_window, "activity")
            yield f"{result.name}: {outside} outside its window, kept"
    with (
        locked(shared=[database.parent]),
        connected(database) as connection,
    ):
        on_all = list(notes_on_all(connection.execute))
    yield from on_all


def notes_on_all(
    execute: Callable[[str], Iterable[Row]],
) -> Iterator[str]:
    """Yield what the user should know of all exports, by the answers to SQL."""
    gaps = list(execute(sql("ingest/select_gaps")))
    unmapped = list(execute(sql("ingest/select_unmapped_statuses")))
    for first, last in gaps:
        yield (
            f"no export covers {format_timestamp(first)}"
            f" to {format_timestamp(last)}"
        )
    if unmapped:
        labels = ", ".join(
            json.dumps(label, ensure_ascii=False) for (label,) in unmapped
        )
        yield f"not mapped to a canonical status (see --status-alias): {labels}"


def report(database: Path, results: Sequence[Ingested]) -> None:
    """Say what came of the files: one line, and notes on stderr."""
    print(summary(database, results))
    for note in notes(database, results):
        print(f"note: {note}", file=sys.stderr)


def default_exports() -> list[Path]:
    """Return the exports in data/json."""
    paths = sorted(
        [*EXPORTS_DIR.glob("*.json"), *EXPORTS_DIR.glob("*.json.gz")]
    )
    if not paths:
        raise Failure(
            f"{EXPORTS_DIR}: no *.json or *.json.gz there; name the exports to"
            " ingest, or make one with ticket_gen.py"
        )
    return paths


def export_json(
    paths: Sequence[Path],
    database: Path,
    *,
    replace: bool = False,
    aliases: dict[str, str] | None = None,
) -> None:
    """Ingest the exports at *paths*, those in data/json when there are none.

    Each is one transaction; with *replace* all of them are one, and make a new
    database. *aliases* alone, without paths, are just remembered.
    """
    aliases = aliases or {}
    if not paths and (replace or not aliases):
        paths = default_exports()
    database = followed(database)
    steps = [paths] if replace or not paths else [[path] for path in paths]
    results: list[Ingested] = []
    try:
        for step in steps:
            with changing(
                database, replace=replace, aliases=aliases
            ) as connection:
                ingested = [ingest_file(connection, path) for path in step]
            results += ingested
    except Failure:
        if results:
            report(database, results)
        raise
    report(database, results)


def status_alias(text: str) -> tuple[str, str]:
    """Return (label, canonical status) of "Label=Status"."""
    label, _, meaning = text.rpartition("=")
    by_key = {label_key(status): status for status in STATUSES}
    fixed = by_key | {
        label_key(alias): status for alias, status in STATUS_ALIASES.items()
    }
    if label_key(meaning) not in by_key:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not LABEL=STATUS with one of: {', '.join(STATUSES)}"
        )
    if not label_key(label):
        raise argparse.ArgumentTypeError(f"{text!r} has no label")
    try:
        label.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not UTF-8") from None
    status = by_key[label_key(meaning)]
    if fixed.get(label_key(label), status) != status:
        raise argparse.ArgumentTypeError(
            f"{spelling(label)!r} is Freshdesk's own label, and always means"
            f" {fixed[label_key(label)]}"
        )
    return spelling(label), status


def last_words(aliases: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return {label: status}; of what means the same label the last counts."""
    return dict(
        {
            label_key(label): (label, status) for label, status in aliases
        }.values()
    )


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
        help="a .json or .json.gz file; default: all of those in data/json",
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
        "--status-alias",
        action="append",
        default=[],
        metavar="LABEL=STATUS",
        type=status_alias,
        help="remember that LABEL means STATUS; may be repeated",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return exit_status(lambda: ingest_as_told(argv))


def ingest_as_told(argv: Sequence[str] | None) -> None:
    args = argument_parser().parse_args(argv)
    export_json(
        args.exports,
        args.database,
        replace=args.replace,
        aliases=last_words(args.status_alias),
    )


if __name__ == "__main__":
    raise SystemExit(main())
