"""Ingest damaged exports: each is taken as it reads, or refused in one line.

A mutant is a small export of either form, damaged in its bytes or in what they
say. A judge that shares no code with the scripts says whether it still is an
export. If so, the reports must be those of the oracle; if not, exit status 1,
one line `error: FILE: ...`, and not a byte of the database may differ.

`make campaign_fuzz` tries many; the tests, some hundred.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import hashlib
import io
import json
import math
import random
import re
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime, timezone
from itertools import chain
from pathlib import Path
from typing import Any
from unittest.mock import patch

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

from conftest import REPORTS, activity, as_bytes, created, export  # noqa: E402
from conftest import note as note_record  # noqa: E402
from oracle import csv_lines, recompute  # noqa: E402

import export_json  # noqa: E402
import freshdesk  # noqa: E402
import sql_queries  # noqa: E402

# The exports to damage

TWELVE_PROPERTIES = {
    "shipping_address": "N/A",
    "shipment_date": "21 Apr, 2017",
    "category": None,
    "contacted_customer": True,
    "issue_type": "Incident",
    "source": 3,
    "status": "Open",
    "priority": 4,
    "group": "Refund",
    "agent_id": 149018,
    "requester": 145423,
    "product": "mobile",
}
README_FORM = export(
    activity("10:00:00", **TWELVE_PROPERTIES),
    note_record("10:10:00", 4),
    activity("11:00:00", **{**TWELVE_PROPERTIES, "status": "Closed"}),
)
TODAYS_FORM = {
    "activities_data": [
        created("10:00:00", ticket=2, subject='Größe "L"\n\u2603'),
        note_record("10:05:00", 0, ticket=2, note_id=123_456_789_012),
        activity(
            "12:00:00",
            ticket=2,
            by=None,
            status="Waiting on Customer",
            automation={"type": 4, "rule": "Kunde, bitte"},
            added_tags=["a", "b"],
            group=None,
            **{"¿Urgente?": [1, 1.5e-3, {"é": True}]},
        ),
        activity("13:00:00", ticket=2, status="Parked"),
        activity("14:00:00", ticket=2, status="Resolved"),
    ],
    "metadata": {
        "start_at": "20-04-2017 06:00:00 +0000",
        "end_at": "21-04-2017 07:59:59 +0200",
        "activities_count": 5,
    },
}
EXPORTS = [README_FORM, TODAYS_FORM, export()]
# What the database holds before, so that there is something to damage.
HISTORY = export(
    created("09:00:00", ticket=1),
    activity("10:00:00", **TWELVE_PROPERTIES),
    activity("10:30:00", ticket=2, status="Closed", agent_id=145423),
    start_at="08:00:00",
)

# Damage to values: what stands there in the damaged export is written as it
# is, so that it may be no JSON at all.

HOSTILE = [
    *("null", "true", "false", "0", "-0", "1", "-1", "1.0", "1.5", "1e3"),
    *("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e-400", "01", "+1"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809"),
    *("-9223372036854775808", "600000000001", "1" * 400, "9" * 5_000, ".5"),
    *('""', '"  "', '"Open"', '" oPEN\\t"', '"Closed"', '"=1+1"', '"600"'),
    *('"\\ud800"', '"\\udc00\\ud800"', '"\\ud83d\\ude00"', '"\\u0000"'),
    *('"\\x"', '"\\u12"', "'a'", '"a', '"\t"', '"\u2028"', '"\ufeff"', "nul"),
    *("[]", "{}", "[null]", '{"id": 1}', '{"id": 1, "type": 0}', "[[]]"),
    *('{"id": 1, "type": null}', '{"id": 1, "type": 0, "by": "x"}', "{1: 2}"),
    *('{"a": 1, "a": 2}', '{"\\ud800": 1}', "[1,]", '{"a":1,}', "[1 2]", ""),
    *("/**/1", "{" * 50, "[" * 150 + "]" * 150, "[" * 300 + "]" * 300),
    "[" * 100_000,
    '{"a":' * 2_000 + "1" + "}" * 2_000,
    *('"20-04-2017 10:00:00 +0000"', '"20-04-2017 10:00:00 +0530"'),
    *('"20-04-2017 24:00:00 +0000"', '"31-04-2017 10:00:00 +0000"'),
    *('"29-02-2016 10:00:00 -2359"', '"29-02-2017 10:00:00 +0000"'),
    *('"20-04-2017 10:00:00"', '"20-04-2017 10:00:00 +0000 "'),
    *('"20-04-2017 10:00:00 +2400"', '"20-04-2017 10:00:00 +0060"'),
    *('"20-04-2017 10:00:60 +0000"', '"20-04-2017 1:00:00 +0000"'),
    *('"+2-04-2017 10:00:00 +0000"', '"20-04-2017T10:00:00Z"'),
    *('"\u0662\u0660-04-2017 10:00:00 +0000"', '"20-04-2017 10:00:00 +00:00"'),
    *('"01-01-0001 00:00:00 +0001"', '"31-12-9999 23:59:59 -0001"'),
    *('"01-01-0001 00:00:00 +0000"', '"31-12-9999 23:59:59 +0000"'),
]
NAMES = [
    *("activities_data", "metadata", "activities_count", "start_at", "end_at"),
    *("performed_at", "ticket_id", "performer_type", "performer_id"),
    *("activity", "note", "id", "type", "status", "agent_id", "requester_id"),
    *("requester", "internal_agent_id", "new_ticket", "source", "priority"),
    *("group", "", "é", "Status", "ticket_type", "issue_type", "shipment_date"),
]


class Raw:
    """A value that is written as it is."""

    def __init__(self, text: str) -> None:
        self.text = text


class Members:
    """An object whose keys may repeat."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        self.pairs = pairs


def members(value: Any) -> Any:
    """Return *value* with Members for its objects."""
    if isinstance(value, dict):
        return Members([(key, members(one)) for key, one in value.items()])
    if isinstance(value, list):
        return [members(one) for one in value]
    return value


def containers(value: Any) -> list[Any]:
    """Return all arrays and objects in *value* that have something in them."""
    if isinstance(value, Members):
        children = [one for _, one in value.pairs]
    elif isinstance(value, list):
        children = value
    else:
        return []
    found = [value] if children else []
    for child in children:
        found += containers(child)
    return found


def written(value: Any, space: str) -> str:
    """Return *value* as JSON, with *space* wherever there may be some."""
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, Members):
        pairs = (
            f"{json.dumps(key)}{space}:{space}{written(one, space)}"
            for key, one in value.pairs
        )
        return f"{{{space}{f'{space},{space}'.join(pairs)}{space}}}"
    if isinstance(value, list):
        ones = (written(one, space) for one in value)
        return f"[{space}{f'{space},{space}'.join(ones)}{space}]"
    return json.dumps(value, ensure_ascii=False)


def damage_value(whole: Any, draw: random.Random) -> None:
    """Damage one value in *whole*."""
    container = draw.choice(containers(whole))
    is_object = isinstance(container, Members)
    items = container.pairs if is_object else container
    at = draw.randrange(len(items))
    key, value = items[at] if is_object else ("", items[at])
    kind = draw.randrange(8)
    if kind == 0:
        del items[at]
    elif kind == 1:
        items.insert(draw.randrange(len(items) + 1), items[at])
    elif kind == 2 and is_object:
        items[at] = (draw.choice(NAMES), value)
    elif kind == 3 and is_object:
        extra = draw.choice(NAMES), Raw(draw.choice(HOSTILE))
        items.insert(draw.randrange(len(items) + 1), extra)
    elif kind == 4:
        draw.shuffle(items)
    elif kind == 5:  # a value from elsewhere, of whatever type
        other = draw.choice(containers(whole))
        if isinstance(other, Members):
            value = draw.choice(other.pairs)[1]
        else:
            value = draw.choice(other)
        # a copy: it may hold the place that it comes to
        value = Raw(written(value, ""))
        items[at] = (key, value) if is_object else value
    else:
        hostile = Raw(draw.choice(HOSTILE))
        items[at] = (key, hostile) if is_object else hostile


def recount(whole: Any) -> None:
    """Let activities_count agree, so that other damage is looked at."""
    activities, metadata = 0, None
    for key, value in whole.pairs:
        if key == "activities_data" and isinstance(value, list):
            activities = len(value)
        if key == "metadata" and isinstance(value, Members):
            metadata = value
    if metadata is not None:
        metadata.pairs = [
            (key, activities if key == "activities_count" else value)
            for key, value in metadata.pairs
        ]


# Damage to bytes


def flip(data: bytearray, draw: random.Random) -> None:
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)


def truncate(data: bytearray, draw: random.Random) -> None:
    del data[draw.randrange(len(data)) :]


def delete(data: bytearray, draw: random.Random) -> None:
    start = draw.randrange(len(data))
    del data[start : start + draw.choice([1, 1, 2, 10, 100])]


def double(data: bytearray, draw: random.Random) -> None:
    start = draw.randrange(len(data))
    piece = data[start : start + draw.choice([1, 2, 10, 100, 10_000])]
    data[start:start] = piece


def insert(data: bytearray, draw: random.Random) -> None:
    pieces = [*HOSTILE, *'{}[],:"\\ \n\x00', "\ufeff"]
    piece = draw.choice(pieces).encode()
    piece = draw.choice([piece, piece, b"\xff", b"\xed\xa0\x80", b"\xc0\x80"])
    start = draw.choice([0, len(data), draw.randrange(len(data))])
    data[start:start] = piece


BYTE_DAMAGE: list[Callable[[bytearray, random.Random], None]] = [
    flip,
    flip,
    truncate,
    delete,
    double,
    insert,
]


def mutant(draw: random.Random) -> bytes:
    """Return a damaged export, or by chance a sound one."""
    whole = members(draw.choice(EXPORTS))
    if draw.random() < 0.7:
        for _ in range(draw.choice([1, 1, 1, 2, 3])):
            damage_value(whole, draw)
            if not containers(whole):
                break
        if draw.random() < 0.8:
            recount(whole)
    text = written(whole, draw.choice(["", "", " ", "\r\n\t"]))
    if draw.random() < 0.1:
        text = "\ufeff" + text
    data = bytearray(text.encode())
    if draw.random() < 0.05:
        data = bytearray(gzip.compress(data, mtime=0))
    if draw.random() < 0.4:
        for _ in range(draw.choice([1, 1, 1, 2, 3])):
            if data:
                draw.choice(BYTE_DAMAGE)(data, draw)
    return bytes(data)


# The judge: what an export is, read slowly and without the project's code


class Unfit(Exception):
    """It is no export."""


class Pairs(dict[str, Any]):
    """An object that knows whether one of its keys came twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.has_doubles = len(self) < len(pairs)


DEEP = 100  # levels that must be read; from here on it may be refused
TIME = re.compile(r"\d\d-\d\d-\d{4} \d\d:\d\d:\d\d [+-]\d{4}", re.ASCII)


def require(condition: object) -> None:
    if not condition:
        raise Unfit


def depth(value: Any) -> int:
    if not isinstance(value, (dict, list)):
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth, inner), default=0)


def number(text: str) -> float:
    require(math.isfinite(float(text)))
    return float(text)


def constant(_: str) -> None:
    raise Unfit


def time_of(record: Any, name: str) -> datetime:
    text = record.get(name)
    require(isinstance(text, str) and TIME.fullmatch(text))
    require(text[-2:] < "60")
    try:
        moment = datetime.strptime(text, "%d-%m-%Y %H:%M:%S %z")
        return moment.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise Unfit from None


def is_integer(value: Any) -> bool:
    return type(value) is int and -(2**63) <= value < 2**63


def require_record(record: Any) -> None:
    require(isinstance(record, dict))
    require(is_integer(record.get("ticket_id")))
    time_of(record, "performed_at")
    require(isinstance(record.get("performer_type"), str))
    require(
        record.get("performer_id") is None or is_integer(record["performer_id"])
    )
    changes = record.get("activity")
    require(isinstance(changes, dict))
    if "note" in changes:
        require(isinstance(changes["note"], dict))
        require(is_integer(changes["note"].get("id")))
        require(is_integer(changes["note"].get("type")))
    for name in ("agent_id", "internal_agent_id", "requester_id", "requester"):
        require(changes.get(name) is None or is_integer(changes[name]))
    require(changes.get("status") is None or isinstance(changes["status"], str))


def judged(data: bytes) -> bytes | None:
    """Return the uncompressed bytes of an export, None if it is none."""
    try:
        if data.startswith(b"\x1f\x8b"):
            try:
                data = gzip.GzipFile(fileobj=io.BytesIO(data)).read()
            except Exception:
                raise Unfit from None
        whole = json.loads(
            data.decode("utf-8-sig"),
            object_pairs_hook=Pairs,
            parse_float=number,
            parse_constant=constant,
        )
        require(isinstance(whole, Pairs) and not whole.has_doubles)
        json.dumps(whole, ensure_ascii=False).encode()
        records, metadata = whole.get("activities_data"), whole.get("metadata")
        require(isinstance(records, list) and isinstance(metadata, dict))
        for record in records:
            require_record(record)
        start, end = (time_of(metadata, n) for n in ("start_at", "end_at"))
        require(start <= end)
        declared = metadata.get("activities_count")
        require(type(declared) is int and declared == len(records))
    except (Unfit, ValueError, RecursionError):
        return None
    return data


def may_be_refused(data: bytes) -> bool:
    """Return whether an export is nested so deep that it need not be read."""
    return depth(json.loads(data.decode("utf-8-sig"))) > DEEP


# The trial


class Bench:
    """A database that is ingested into, and put back as it was."""

    def __init__(self, directory: Path) -> None:
        self.database = directory / "tickets.db"
        self.file = directory / "mutant.json"
        self.history = as_bytes(HISTORY)
        self.file.write_bytes(self.history)
        assert self.ingest()[0] == 0
        self.before = self.database.read_bytes()
        self.tried: Counter[str] = Counter()

    def ingest(self, parallel_size: int = 1 << 30) -> tuple[int, str]:
        """Ingest the file; return the exit status and what was complained."""
        err = io.StringIO()
        arguments = [str(self.file), "-d", str(self.database)]
        with (
            patch.object(export_json, "PARALLEL_SIZE", parallel_size),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(err),
        ):
            return export_json.main(arguments), err.getvalue()

    def try_mutant(self, data: bytes, draw: random.Random) -> None:
        """Assert that *data* is taken as it reads, or refused in one line."""
        self.file.write_bytes(data)
        has_history = draw.random() < 0.9
        if not has_history:
            self.database.unlink()
        # now and then by two processes, as if it were large
        status, err = self.ingest(draw.choice([0] + 29 * [1 << 30]))
        verdict = judged(data)
        if status == 0:
            self.tried["taken"] += 1
            assert verdict is not None, "this is no export"
            known = [self.history] if has_history else []
            assert all(
                line.startswith("note: ") for line in err.split("\n")[:-1]
            )
            assert self.reports() == recompute([*known, verdict])
            assert self.digests() == {
                hashlib.sha256(one).hexdigest() for one in [*known, verdict]
            }
        else:
            self.tried["refused"] += 1
            assert status == 1, f"exit status {status}"
            assert verdict is None or may_be_refused(verdict), err
            assert err.startswith(f"error: {self.file}: "), err
            assert err.count("\n") == 1 and err.endswith("\n"), err
            if has_history:
                assert self.database.read_bytes() == self.before
            else:
                assert not self.database.exists()
        if status == 0 or not has_history:
            self.database.write_bytes(self.before)
        left = {path.name for path in self.file.parent.iterdir()}
        assert left == {self.file.name, self.database.name}, left
        if not data.startswith(b"\x1f\x8b"):
            self.read_in_pieces(data, draw.randrange(1, 40))

    def reports(self) -> dict[str, list[str]]:
        """Return the lines of every report."""
        found = {}
        queries = {name: freshdesk.sql(name) for name in REPORTS}
        with sql_queries.snapshot(self.database) as taken:
            sql_queries.run_tasks(taken.evaluations(queries.values()), 1)
            for name, query in queries.items():
                with taken.opened(query) as connection:
                    cursor = connection.execute(query)
                    columns = [column for column, *_ in cursor.description]
                    rows = [list(row) for row in cursor]
                found[name] = csv_lines(columns, rows)
        return found

    def digests(self) -> set[str]:
        """Return the SHA-256 of what the database says it has ingested."""
        with closing(sqlite3.connect(self.database)) as connection:
            assert connection.execute("pragma integrity_check").fetchall() == [
                ("ok",)
            ]
            query = connection.execute("select sha256 from exports")
            return {digest for (digest,) in query}

    def read_in_pieces(self, data: bytes, size: int) -> None:
        """Assert that it reads the same whatever the size of the reads."""

        def read(size: int) -> object:
            chunks = export_json.decoded(io.BytesIO(data), size)
            reader = export_json.ExportReader(chunks)
            try:
                records = chain.from_iterable(reader.records())
                return [*records], reader.metadata
            except (export_json.Malformed, UnicodeEncodeError, RecursionError):
                return "refused"

        # as text: 1 and 1.0 are equal
        assert repr(read(size)) == repr(read(1 << 18)), f"in pieces of {size}"


def campaign(directory: Path, mutants: int, seed: int) -> Counter[str]:
    """Try so many mutants; return how many were taken and refused."""
    bench = Bench(directory)
    for number in range(mutants):
        # Each has its own seed, so that one can be tried again alone.
        draw = random.Random(f"{seed}-{number}")
        data = mutant(draw)
        try:
            bench.try_mutant(data, draw)
        except BaseException as error:
            shown = data if len(data) < 2_000 else data[:2_000] + b"..."
            raise AssertionError(
                f"mutant {number:,} of seed {seed}: {error}\n{shown!r}"
            ) from error
    return bench.tried


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Ingest damaged exports.")
    parser.add_argument("--mutants", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as directory:
        tried = campaign(Path(directory), args.mutants, args.seed)
    print(
        f"{tried.total():,} mutants: {tried['refused']:,} refused with one"
        f" line, {tried['taken']:,} taken as the oracle reads them"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
