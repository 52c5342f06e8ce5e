"""Ingest damaged exports: each is taken as it reads, or refused in one line.

A mutant is a small export of either form, damaged in its values, its tokens or
its bytes. A judge that shares no code with the scripts says whether it still is
an export. If so, the reports must be those of the oracle; if not, exit status
1, one line `error: FILE: ...`, and not a byte of the database may differ.

`make campaign_fuzz` tries many; the tests, some hundred.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
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
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from types import NoneType
from typing import Any, NoReturn
from unittest.mock import patch

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

from conftest import REPORTS, activity, as_bytes, created, export  # noqa: E402
from conftest import note as note_record  # noqa: E402
from oracle import recompute  # noqa: E402

import export_json  # noqa: E402
from freshdesk import reader, sql  # noqa: E402
from freshdesk.sqlite import sqlite_engine  # noqa: E402
from freshdesk.writers import csv_text  # noqa: E402

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
# The database holds this before, so that there is something to damage.
HISTORY = export(
    created("09:00:00", ticket=1),
    activity("10:00:00", **TWELVE_PROPERTIES),
    activity("10:30:00", ticket=2, status="Closed", agent_id=145423),
    start_at="08:00:00",
)

# Damage

# Values that are written as they are; many are no JSON.
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
NAMES = [  # of fields and properties
    *("activities_data", "metadata", "activities_count", "start_at", "end_at"),
    *("performed_at", "ticket_id", "performer_type", "performer_id"),
    *("activity", "note", "id", "type", "status", "agent_id", "requester_id"),
    *("requester", "internal_agent_id", "new_ticket", "source", "priority"),
    *("group", "", "é", "Status", "ticket_type", "issue_type", "shipment_date"),
]
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}:,]|[^][{}:,"\s]+')


def containers(value: Any) -> Iterator[Any]:
    """Yield all arrays and objects in *value* that have something in them."""
    if value and isinstance(value, (dict, list)):
        yield value
        for child in value.values() if isinstance(value, dict) else value:
            yield from containers(child)


def damage_value(whole: Any, draw: random.Random) -> None:
    """Remove a value in *whole*, or let a value from elsewhere stand there."""
    at, source = draw.choices([*containers(whole)], k=2)
    values = [*source.values()] if isinstance(source, dict) else source
    value = copy.deepcopy(draw.choice(values))
    kind = draw.randrange(3)
    key = draw.choice([*at] if isinstance(at, dict) else range(len(at)))
    if kind == 0:
        del at[key]
    elif kind == 1:
        at[key] = value
    elif isinstance(at, dict):
        at[draw.choice(NAMES)] = value
    else:
        at.insert(key, value)


def damage_token(tokens: list[str], draw: random.Random) -> None:
    """Replace, remove, double or exchange a token; keys may come twice."""
    at, other = draw.choices(range(len(tokens)), k=2)
    kind = draw.randrange(8)
    if kind == 0:
        del tokens[at]
    elif kind == 1:
        tokens.insert(other, tokens[at])
    elif kind == 2:
        tokens[at], tokens[other] = tokens[other], tokens[at]
    elif kind == 3:
        tokens[at] = json.dumps(draw.choice(NAMES))
    else:
        values = [n for n, token in enumerate(tokens) if token not in "[]{}:,"]
        tokens[draw.choice(values or [at])] = draw.choice(HOSTILE)


def damage_bytes(data: bytearray, draw: random.Random) -> None:
    """Flip a bit, cut the end off, or remove, double or insert some bytes."""
    at = draw.randrange(len(data))
    end = at + draw.choice([1, 1, 2, 10, 100])
    kind = draw.randrange(5)
    if kind == 0:
        data[at] ^= 1 << draw.randrange(8)
    elif kind == 1:
        del data[at:]
    elif kind == 2:
        del data[at:end]
    elif kind == 3:
        data[at:at] = data[at:end]
    else:
        pieces = [*HOSTILE, *'{}[],:"\\ \n\x00', "\ufeff"]
        piece = draw.choice(pieces).encode()
        piece = draw.choice([piece, b"\xff", b"\xed\xa0\x80", b"\xc0\x80"])
        data[draw.choice([0, at]) : at] = piece


def mutant(draw: random.Random) -> bytes:
    """Return a damaged export, or by chance a sound one."""
    whole = copy.deepcopy(draw.choice(EXPORTS))
    several = [1, 1, 1, 2, 3]
    if draw.random() < 0.4:
        for _ in range(draw.choice(several)):
            if whole:
                damage_value(whole, draw)
        records, metadata = whole.get("activities_data"), whole.get("metadata")
        # Let the count agree, so that other damage is looked at.
        if isinstance(records, list) and isinstance(metadata, dict):
            metadata["activities_count"] = len(records)
    tokens = TOKEN.findall(json.dumps(whole, ensure_ascii=False))
    if draw.random() < 0.6:
        for _ in range(draw.choice(several)):
            if tokens:
                damage_token(tokens, draw)
    data = bytearray(draw.choice(["", "", " ", "\r\n\t"]).join(tokens).encode())
    if draw.random() < 0.1:
        data[:0] = b"\xef\xbb\xbf"
    if draw.random() < 0.05:
        data = bytearray(gzip.compress(data, mtime=0))
    if draw.random() < 0.3:
        for _ in range(draw.choice(several)):
            if data:
                damage_bytes(data, draw)
    return bytes(data)


# The judge: what an export is, read slowly and without the project's code


DEEP = 100  # an export must be read up to here; beyond, it may be refused
TIME = re.compile(r"\d\d-\d\d-\d{4} \d\d:\d\d:\d\d [+-]\d\d[0-5]\d", re.ASCII)
PEOPLE = ("agent_id", "internal_agent_id", "requester_id", "requester")


class Pairs(dict[str, Any]):
    """An object that knows whether one of its keys came twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.has_doubles = len(self) < len(pairs)


def refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def finite(text: str) -> float:
    return float(text) if math.isfinite(float(text)) else refuse(text)


def depth(value: Any) -> int:
    if not isinstance(value, (dict, list)):
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth, inner), default=0)


def second(text: Any) -> datetime:
    """Return a time in UTC; raise an error if it is none."""
    if not TIME.fullmatch(text):
        raise ValueError(text)
    moment = datetime.strptime(text, "%d-%m-%Y %H:%M:%S %z")
    return moment.astimezone(timezone.utc)


def is_integer(value: Any) -> bool:
    return type(value) is int and -(2**63) <= value < 2**63


def is_activity(record: Any) -> bool:
    """Return whether a record is an activity; raise an error, or not."""
    changes = record["activity"]
    note = changes.get("note", {"id": 1, "type": 1})
    people = [record.get("performer_id"), *map(changes.get, PEOPLE)]
    return (
        not any(part.has_doubles for part in (record, changes))
        and ("note" not in changes or not note.has_doubles)
        and is_integer(record["ticket_id"])
        and second(record["performed_at"]) is not None
        and isinstance(record["performer_type"], str)
        and is_integer(note["id"])
        and is_integer(note["type"])
        and all(one is None or is_integer(one) for one in people)
        and isinstance(changes.get("status", ""), (str, NoneType))
    )


def judged(data: bytes) -> bytes | None:
    """Return the uncompressed bytes of an export, None if it is none."""
    try:
        if data.startswith(b"\x1f\x8b"):
            data = gzip.decompress(data)
        whole = json.loads(
            data.decode("utf-8-sig"),
            object_pairs_hook=Pairs,
            parse_float=finite,
            parse_constant=refuse,
        )
        json.dumps(whole, ensure_ascii=False).encode()
        records, metadata = whole["activities_data"], whole["metadata"]
        count = metadata["activities_count"]
        is_export = (
            not whole.has_doubles
            and not metadata.has_doubles
            and isinstance(records, list)
            and all(map(is_activity, records))
            and second(metadata["start_at"]) <= second(metadata["end_at"])
            and (type(count), count) == (int, len(records))
        )
    except Exception:  # whatever is not as the lines above take it to be
        return None
    return data if is_export else None


def is_long(export: bytes) -> bool:
    """Return whether a time is so far from the others that the oracle, which
    counts hour by hour, takes minutes.
    """
    years = re.findall(rb"[0-9]{2}-[0-9]{2}-([0-9]{4}) ", export)
    return any(not 1990 <= int(year) <= 2040 for year in years)


def is_odd_in_sqlite(export: bytes) -> bool:
    """Return whether a custom field may show otherwise in metrics_by_field:
    SQLite's JSON ends a text at a NUL, and rounds numbers to 15 digits.
    """
    return bool(re.search(rb"\\u0000|[0-9]{16}|[0-9][.eE]", export))


# The trial


class Bench:
    """A database that is ingested into, and put back as it was."""

    def __init__(self, directory: Path) -> None:
        self.database = directory / "tickets.db"
        self.file = directory / "mutant.json"
        self.file.write_bytes(as_bytes(HISTORY))
        assert self.ingest() == (0, "")
        self.before = self.database.read_bytes()

    def ingest(self) -> tuple[int, str]:
        """Ingest the file; return the exit status and the complaints."""
        err = io.StringIO()
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(err),
        ):
            arguments = [str(self.file), "-d", str(self.database)]
            return export_json.main(arguments), err.getvalue()

    def try_mutant(self, data: bytes, draw: random.Random) -> bool:
        """Assert that *data* is taken as it reads, or refused in one line.

        Return whether it is taken.
        """
        self.file.write_bytes(data)
        known = [as_bytes(HISTORY)]
        if draw.random() < 0.1:
            self.database.unlink()
            known = []
        # Often in tiny pieces: nothing may depend on where these end.
        size = draw.choice([draw.randrange(1, 40), reader.READ_SIZE])
        with patch.object(reader, "READ_SIZE", size):
            status, err = self.ingest()
        verdict = judged(data)
        if status == 0:
            assert verdict is not None, "this is no export"
            assert all(line.startswith("note: ") for line in err.splitlines())
            reports = draw.sample(REPORTS, 3)
            if is_odd_in_sqlite(verdict):
                reports = [
                    name for name in reports if name != "metrics_by_field"
                ]
            if not is_long(verdict):
                self.compare([*known, verdict], reports)
        else:
            assert status == 1, f"exit status {status}"
            assert verdict is None or depth(json.loads(verdict)) > DEEP, err
            assert err.startswith(f"error: {self.file}: "), err
            assert err.count("\n") == 1 and err.endswith("\n"), err
            if known:
                assert self.database.read_bytes() == self.before
            else:
                assert not self.database.exists()
        if status == 0 or not known:
            self.database.write_bytes(self.before)
        left = {path.name for path in self.file.parent.iterdir()}
        assert left == {self.file.name, self.database.name}, left
        return status == 0

    def compare(self, exports: list[bytes], reports: list[str]) -> None:
        """Assert that the database says what the oracle reads."""
        queries = {name: sql(name) for name in reports}
        expected = recompute(exports)
        with sqlite_engine(self.database, [*queries.values()]) as engine:
            for name, query in queries.items():
                text = "".join(
                    csv_text(frame, "seconds", with_header=not n)
                    for n, frame in enumerate(engine(query))
                )
                assert text.split("\n")[:-1] == expected[name], name
        with closing(sqlite3.connect(self.database)) as connection:
            check = connection.execute("pragma integrity_check")
            assert check.fetchall() == [("ok",)]
            found = connection.execute("select sha256 from exports")
            digests = {hashlib.sha256(one).hexdigest() for one in exports}
            assert {digest for (digest,) in found} == digests


def campaign(directory: Path, mutants: int, seed: int) -> Counter[str]:
    """Try so many mutants; return how many were taken and refused."""
    bench = Bench(directory)
    tried: Counter[str] = Counter()
    for number in range(mutants):
        # Each has its own seed, so that one can be tried again alone.
        draw = random.Random(f"{seed}-{number}")
        data = mutant(draw)
        try:
            tried["taken" if bench.try_mutant(data, draw) else "refused"] += 1
        except BaseException as error:
            shown = data if len(data) < 2_000 else data[:2_000] + b"..."
            raise AssertionError(
                f"mutant {number:,} of seed {seed}: {error}\n{shown!r}"
            ) from error
    return tried


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
