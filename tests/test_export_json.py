"""The exports that export_json.py reads, and those that it refuses.

The database stands in a folder of its own, so that a test can compare all files
in it, byte by byte, with those before.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import permutations
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from conftest import (
    AGENT,
    ROOT,
    SYSTEM,
    Json,
    activity,
    as_bytes,
    created,
    export,
    note,
)
from conftest import write_export as put

import export_json
from freshdesk import (
    STATUS_ALIASES,
    STATUSES,
    one_line,
    reader,
    schema_number,
    views,
)
from freshdesk.reader import Export, Malformed, decoded

Capsys = pytest.CaptureFixture[str]
MonkeyPatch = pytest.MonkeyPatch

pytestmark = pytest.mark.usefixtures("workplace")

DATABASE = Path("database", "tickets.db")
TEN = 1492682400  # 20-04-2017 10:00:00 +0000, the start of export()'s window
END = TEN + 86_399  # its end
CASES = json.loads((ROOT / "tests/ingest_cases.json").read_text("utf-8"))
MALFORMED = json.loads((ROOT / "tests/malformed.json").read_text("utf-8"))


def run(*arguments: str | Path) -> int:
    """Run export_json.py on our database; return its exit status."""
    status = export_json.main(["-d", str(DATABASE), *map(str, arguments)])
    if status == 0:
        assert select("pragma foreign_key_check") == []
    return status


def refused(capsys: Capsys, *arguments: str | Path) -> str:
    """Assert that all is refused in one line and nothing changes; return that
    line.
    """
    before = snapshot()
    assert run(*arguments) == 1
    stdout, stderr = capsys.readouterr()
    line = stderr.removeprefix("error: ").removesuffix("\n")
    assert (stdout, stderr) == ("", f"error: {line}\n")
    assert line.isascii() and line.isprintable()
    assert snapshot() == before
    return line


def snapshot() -> dict[str, tuple[bytes, int]]:
    """Return bytes and time of each file in the database's folder."""
    folder = DATABASE.parent
    return {
        path.name: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in (folder.iterdir() if folder.exists() else ())
    }


def select(query: str, database: Path = DATABASE) -> list[tuple[Any, ...]]:
    """Return all rows of a query."""
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


def exports() -> list[tuple[Any, ...]]:
    return select(
        "select name, sha256, start_at, end_at, activities_count,"
        " outside_window, last_performed_at from exports order by export_id"
    )


def export_names() -> list[str]:
    return [name for name, *_ in exports()]


def activities() -> list[Json]:
    """Return the activities in order: their columns that are not null (and
    is_new_ticket only if it is 1), with their export's name.
    """
    with closing(sqlite3.connect(DATABASE)) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute(
            "select e.name as export, a.*"
            " from activities as a inner join exports as e using (export_id)"
            " order by a.ticket_id, a.performed_at, a.is_new_ticket desc,"
            " a.export_id, a.position"
        ).fetchall()
    return [
        {
            name: value
            for name, value in dict(row).items()
            if value is not None
            and name != "export_id"
            and (name, value) != ("is_new_ticket", 0)
        }
        for row in rows
    ]


PLACE = {"export", "ticket_id", "performed_at", "position"}
PERFORMER = {"performer_type", "performer_id"}


def contents() -> list[Json]:
    """Return the activities without their places and performers."""
    return [
        {name: told[name] for name in told if name not in PLACE | PERFORMER}
        for told in activities()
    ]


def as_kept(value: object) -> str:
    """Return JSON as the database keeps it: one line, keys sorted."""
    return json.dumps(
        value, sort_keys=True, ensure_ascii=False, separators=(",", ":")
    )


def everything() -> list[list[tuple[Any, ...]]]:
    """Return all rows of all tables, without the moment of the ingest."""
    return [
        select("select export_id from exports order by 1"),
        exports(),
        select("select * from activities order by 1, 2, 3 desc, 4, 5"),
        select("select * from statuses order by 1"),
        select("select * from status_aliases order by 1"),
    ]


def ingested(activities_count: int, names: str, repeated: int = 0) -> str:
    """Return the line that says so."""
    files = names.count(",") + 1
    return (
        f"database/tickets.db: {files} export{'s' * (files > 1)} ingested"
        f" ({names}) with {activities_count} activities, {repeated} of them"
        " already there\n"
    )


DAY = export(
    created("10:00:00"),
    note("10:05:00", 3),
    activity("11:00:00", by=SYSTEM, status="Closed", Feld=[1, None]),
)


# The two forms, whole rows, and one of them in many guises

FORMS = CASES["forms"]
TODAY = FORMS["of today"]["export"]
ONE_LINE = json.dumps(TODAY, ensure_ascii=False, separators=(",", ":"))
UTF_8 = ONE_LINE.encode()
GUISES = {
    "pretty printed": json.dumps(TODAY, indent=4).encode(),
    "tabs, CR LF": json.dumps(TODAY, indent="\t")
    .replace("\n", "\r\n")
    .encode(),
    "metadata first": json.dumps(dict(reversed(TODAY.items()))).encode(),
    "keys sorted": json.dumps(TODAY, sort_keys=True).encode(),
    "byte-order mark": b"\xef\xbb\xbf" + UTF_8,
    "white space around": b" \n\t\r" + UTF_8 + b"\r\n\n \t",
    "other keys": UTF_8[:-1] + b',"version":[1,{"a":null}]}',
    "gzip": gzip.compress(UTF_8),
    "gzip of two members": gzip.compress(UTF_8[:50])
    + gzip.compress(UTF_8[50:]),
    "gzip, byte-order mark": gzip.compress(b"\xef\xbb\xbf" + UTF_8),
}


@pytest.mark.parametrize(
    ("form", "content"),
    [
        *((form, as_bytes(FORMS[form]["export"])) for form in FORMS),
        *(("of today", content) for content in GUISES.values()),
    ],
    ids=[*FORMS, *GUISES],
)
def test_each_form_in_any_guise_becomes_rows(
    form: str, content: bytes, capsys: Capsys
) -> None:
    expected = FORMS[form]
    before = int(time.time())
    assert run(put("day.json", content)) == 0
    after = int(time.time())

    told = ingested(len(expected["activities"]), "day.json")
    assert capsys.readouterr() == (told, expected["notes"])
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    digest = hashlib.sha256(content).hexdigest()
    assert exports() == [("day.json", digest, *expected["exports"])]
    others = "other_properties"
    assert activities() == [
        {**told, others: as_kept(told[others])} if others in told else told
        for told in expected["activities"]
    ]
    assert select("select * from statuses") == [("Open", "Open", "open")]
    ((ingested_at,),) = select("select ingested_at from exports")
    assert before <= ingested_at <= after


def test_the_small_tables_name_the_codes_and_forbid_none() -> None:
    day = export(
        activity("10:00:00", priority=9, source=99), note("10:00:01", 42)
    )
    assert run(put("day.json", day)) == 0
    assert contents() == [
        {"priority": "9", "source": "99"},
        {"note_id": 1, "note_type": 42},
    ]
    for table, names in CASES["names"].items():
        assert [*map(list, select(f"select * from {table}"))] == names
    shown = select("select priority, source from ticket_properties")
    assert shown == [("9", "99")]


@pytest.mark.parametrize("array", ["[]", "[ \n\t ] "])
def test_an_empty_day(array: str, capsys: Capsys) -> None:
    metadata = json.dumps(export()["metadata"])
    text = f'{{"activities_data":{array},"metadata":{metadata}}}'
    assert run(put("day.json", text)) == 0

    assert capsys.readouterr() == (ingested(0, "day.json"), "")
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert exports() == [("day.json", digest, TEN, END, 0, 0, None)]
    assert activities() == []


def test_a_file_name_may_be_any_bytes() -> None:
    """Archives from other systems unpack to names that are no text here."""
    path = Path(os.fsdecode(b"journ\xe9e.json"))
    try:
        put(path, DAY)
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    assert run(path) == 0
    assert export_names() == ["journ\ufffde.json"]


@pytest.mark.parametrize(("written", "seconds"), CASES["times"].items())
def test_an_offset_is_honoured(written: str, seconds: int) -> None:
    day = export(activity(written), start_at=written, end_at=written)
    assert run(put("day.json", day)) == 0
    assert [told["performed_at"] for told in activities()] == [seconds]
    assert exports()[0][2:] == (seconds, seconds, 1, 0, seconds)


# Properties, exactly

PROPERTIES = "an activity, its columns, and what stands in other_properties"


@pytest.mark.parametrize(("changes", "columns", "others"), CASES[PROPERTIES])
def test_properties_are_kept_exactly(
    changes: Json, columns: Json, others: Json
) -> None:
    usual = activity("10:00:01", priority=1, group="Sales")
    day = export(activity("10:00:00", **changes), usual)
    assert run(put("day.json", day)) == 0
    if others:
        columns = {**columns, "other_properties": as_kept(others)}
    neighbour = {"priority": "1", "group_name": "Sales"}
    assert contents() == [columns, neighbour]


@pytest.mark.parametrize("value", [-(1 << 63), (1 << 63) - 1, 0, -1])
def test_ids_have_64_bits(value: int) -> None:
    people = ("agent_id", "internal_agent_id", "requester_id")
    named = dict.fromkeys(people, value)
    day = export(
        activity("10:00:00", ticket=value, by=value, **named),
        note("10:00:01", value, ticket=value, by=value, note_id=value),
    )
    assert run(put("day.json", day)) == 0
    columns = (
        f"ticket_id, performer_id, {', '.join(people)}, note_id, note_type"
    )
    assert select(
        f"select {columns} from activities order by performed_at"
    ) == [
        (*[value] * 5, None, None),
        (*[value] * 2, None, None, None, *[value] * 2),
    ]


def test_a_column_that_is_added_to_the_schema_is_filled() -> None:
    for name in ("freshdesk", "sql"):
        shutil.copytree(ROOT / name, name)
    tables = Path("sql/schema/tables.sql")
    schema = tables.read_text("utf-8")
    added = "    tier text,\n    Urgency integer,\n    other_properties text,"
    schema = schema.replace("    other_properties text,", added, 1)
    tables.write_text(schema, "utf-8")
    day = export(
        activity("10:00:00", tier="gold", Urgency=5),
        activity("10:00:01", tier=None, Urgency=None),
        activity("10:00:02", tier=1, Urgency=1 << 63),
        activity("10:00:02", tier=1, Urgency=1 << 63),
    )
    script = shutil.copy(ROOT / "export_json.py", ".")
    command = [sys.executable, script, "-d", DATABASE, put("day.json", day)]
    subprocess.run(command, check=True)
    assert contents() == [
        {"tier": "gold", "Urgency": 5},
        {"tier": "", "other_properties": '{"Urgency":null}'},
        {
            "tier": "1",
            "other_properties": '{"Urgency":9223372036854775808,"tier":1}',
        },
    ]


# Activities that stand several times

ONE = (
    '{"performed_at": "20-04-2017 10:00:00 +0000", "ticket_id": 1,'
    ' "performer_type": "user", "performer_id": 5,'
    ' "activity": {"status": "Open", "tags": {"a": 1, "b": [2]}}}'
)


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        *((c, True) for c in CASES["the same activity, but for"]),
        *((c, False) for c in CASES["another activity, because of"]),
    ],
)
def test_the_same_activity_counts_once(
    changes: dict[str, str], is_same: bool, capsys: Capsys
) -> None:
    """Within a file, and over two that are ingested in either order."""
    other = ONE
    for old, new in changes.items():
        assert old in other
        other = other.replace(old, new)
    text = '{"activities_data": [%s], "metadata": %s}'
    metadata = export(*"ab")["metadata"]
    both = put("both.json", text % (f"{ONE},{other}", json.dumps(metadata)))
    metadata["activities_count"] = 1
    first = put("first.json", text % (ONE, json.dumps(metadata)))
    metadata["start_at"] = "20-04-2017 11:00:00 +0000"
    later = put("later.json", text % (other, json.dumps(metadata)))
    for paths in ([both], [first, later], [later, first]):
        assert run("--replace", *paths) == 0
        told = f"2 activities, {is_same:d} of them already there"
        assert told in capsys.readouterr().out
        assert len(activities()) == 2 - is_same


@pytest.mark.parametrize("read_size", [100, 500, 1_000_000])
def test_activities_take_their_place_from_the_first_export(
    read_size: int, monkeypatch: MonkeyPatch, capsys: Capsys
) -> None:
    """In any order of ingestion, in one call or many."""
    monkeypatch.setattr(reader, "READ_SIZE", read_size)
    both = activity("10:00:01", note={"id": 1, "type": 0}, status="Open")
    reply, closing = note("10:00:02", 0), activity("10:00:03", status="Closed")
    paths = [
        put(f"{name}.json", export(*records, start_at=f"{start}:00"))
        for name, start, records in [
            ("before", "09:00", [{**closing, "zone": "west"}, both]),
            ("day", "10:00", [both, closing, reply, both, closing, reply]),
            ("after", "10:01", [{**reply, "zone": "east"}, both]),
        ]
    ]
    found = []
    for order in permutations(paths):
        DATABASE.unlink(missing_ok=True)
        for path in order:
            assert run(path) == 0
            assert run(path) == 0
        found.append(everything())
        capsys.readouterr()
        assert run("--replace", *order) == 0
        assert "10 activities, 7 of them" in capsys.readouterr().out
        found.append(everything())
    assert found == found[:1] * len(found)
    assert [(told["export"], told["position"]) for told in activities()] == [
        ("before.json", 2),
        ("day.json", 3),
        ("before.json", 1),
    ]
    assert contents() == [
        {"note_id": 1, "note_type": 0, "status": "Open"},
        {"note_id": 1, "note_type": 0},
        {"status": "Closed", "other_fields": '{"zone":"west"}'},
    ]


def test_a_creation_comes_first_in_its_second() -> None:
    records = [activity("10:00:00", status="Closed"), created("10:00:00")]
    assert run(put("day.json", export(*records))) == 0
    assert [told["position"] for told in activities()] == [2, 1]


# Exports that start in the same second


def sha256(content: Json) -> str:
    return hashlib.sha256(as_bytes(content)).hexdigest()


def test_a_thousand_exports_of_one_second_follow_their_sha_256() -> None:
    days = [export(activity("10:00:00", ticket=n)) for n in range(1_000)]
    paths = [put(f"{n}.json", day) for n, day in enumerate(days)]
    assert run("--replace", *paths) == 0
    assert select("select export_id, sha256 from exports order by 1") == [
        ((TEN << 25) + (int(digest[:8], 16) >> 7), digest)
        for digest in sorted(map(sha256, days))
    ]


def test_exports_whose_numbers_clash_make_room_for_each_other() -> None:
    """Found by trying: the first 25 bits of the first two are the same, and
    those of the third and the fourth are the next two numbers.
    """
    days = {
        put(f"{n}.json", day): (sha256(day), f'{{"number":{n}}}')
        for n in (256939, 394353, 356367, 501656)
        for day in [export(activity("10:00:00", number=n), end_at="11:00:00")]
    }
    bits = [int(digest[:8], 16) >> 7 for digest, _ in days.values()]
    first = bits[0]
    assert bits == [first, first, first + 1, first + 2]
    for order in permutations(days):
        DATABASE.unlink(missing_ok=True)
        for path in order:
            assert run(path) == 0
        assert select(
            "select e.export_id, e.sha256, a.other_properties"
            " from exports as e inner join activities as a using (export_id)"
            " order by 1"
        ) == [
            ((TEN << 25) + first + place, *told)
            for place, told in enumerate(sorted(days.values()))
        ]


# Metadata anywhere

METADATA = json.dumps(export({})["metadata"])
ANOTHER = METADATA.replace("2017", "1999")
RECORD = json.dumps(activity("10:00:00", status="Open"))
REST = f'"activities_data":[{RECORD}],"metadata":{METADATA}'
MUCH = f'"%s":"{"x" * reader.ENDS_SIZE}"'
METADATA_PLACES = {
    "the end": f"{{{REST}}}",
    "the beginning": f'{{"metadata":{METADATA},"activities_data":[{RECORD}]}}',
    "far from both ends": f"{{{MUCH % 'a'},{REST},{MUCH % 'b'}}}",
    "before another one": f'{{{REST},"a":{{"metadata":{ANOTHER}}}}}',
    "behind another one": f'{{"a":{{"metadata":{ANOTHER}}},{REST}}}',
    "behind a broken one": f'{{"a":{{"metadata":{{"start_at":1}}}},{REST}}}',
    "behind another one in a key": f'{{"a\\"metadata":{ANOTHER},{REST}}}',
    "behind another one in a text": f'{{"a":{json.dumps(REST)},{REST}}}',
    "behind another one in a record": (
        f"{{{REST}}}".replace('"status"', f'"metadata":{ANOTHER},"status"')
    ),
    "far from the ends with another one each": (
        f'{{"a":{{"metadata":{ANOTHER}}},{MUCH % "b"},{REST},{MUCH % "c"},'
        f'"d":{{"metadata":{ANOTHER}}}}}'
    ),
    "across the bytes that are looked at": f'{{{REST},{MUCH[:-100] % "a"}"}}',
}


@pytest.mark.usefixtures("old")
@pytest.mark.parametrize("place", METADATA_PLACES)
def test_metadata_may_stand_anywhere(place: str) -> None:
    before = everything()
    assert run(put("day.json", METADATA_PLACES[place])) == 0

    (found,) = [told for told in exports() if told[0] == "day.json"]
    assert found[2:] == (TEN, END, 1, 0, TEN)
    ((export_id,),) = select(
        "select export_id from exports where name = 'day.json'"
    )
    assert export_id == (TEN << 25) + (int(found[1][:8], 16) >> 7)
    assert select(
        "select ticket_id, performed_at, position, performer_id, status"
        f" from activities where export_id = {export_id}"
    ) == [(1, TEN, 1, AGENT, "Open")]
    assert len(everything()[2]) == len(before[2]) + 1


# A stream, cut anywhere

CUT = (
    ' {"x" : [1, -2.5e+3, 1E2, 0, -0.0, true, false, null, "\\u00e9\\ud83d'
    '\\ude00\\\\\\"\\/\\b\\f\\n\\r\\t", {}, [], [[]], {"":{}}, ""],'
    '"activities_data": [ {"a": 12345678901234567890, "b": "ä\U0001f600"}'
    ' , -17.25 , 1e5,true,false , null, "}],{[" , [ ], { } ,0, 12 ,{"}, {":'
    '[{},\r\n{ }, {"a":{}}]} , {"b":[{} , { }]}\t,\n{"c" : "} , {"},{}] ,\r\n'
    '"metadata" : {"start_at" : "\\\\", "deep": [[[{"n": -1e-3 }]]]} ,'
    '"number": 1.5e3, "last" : -12.75E-2 } \n'
)


def read(content: bytes, size: int) -> tuple[list[object], object]:
    """Return the records and the metadata that are found in reads of a size."""
    with MonkeyPatch.context() as patch:
        patch.setattr(reader, "READ_SIZE", size)
        export = Export(io.BytesIO(content))
        return [*export.records()], export.told.get("metadata")


@pytest.mark.parametrize("tail", [reader.TAIL, 30])
@pytest.mark.parametrize(
    "text", [CUT, ONE_LINE, "\ufeff" + json.dumps(DAY)], ids=range(3)
)
def test_an_export_may_come_in_reads_of_any_size(
    text: str, tail: int, monkeypatch: MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "TAIL", tail)
    whole = json.loads(text.lstrip("\ufeff"))
    expected = whole["activities_data"], whole["metadata"]
    for size in range(1, len(text.encode()) + 1):
        assert read(text.encode(), size) == expected, size


@pytest.mark.parametrize("text", [CUT.rstrip(), ONE_LINE], ids=range(2))
def test_no_beginning_of_an_export_is_one(text: str) -> None:
    content = text.encode()
    for end in range(len(content)):
        for size in (1, 7, len(content)):
            with pytest.raises(Malformed):
                read(content[:end], size)


@pytest.mark.usefixtures("old")
@pytest.mark.parametrize(
    "wrong", [b"\xff", b"\xe2\x82", b"\xe9", b"\xc0\xaf", b"\xed\xa0\x80"]
)
def test_bytes_that_are_not_utf_8_are_refused(
    wrong: bytes, monkeypatch: MonkeyPatch, capsys: Capsys
) -> None:
    content = as_bytes(three(activity("10:01:00", subject="aé€HERE z")))
    path = put("bad.json", content.replace(b"HERE", wrong))
    for size in (1, 2, 3, 5, 1_000):
        monkeypatch.setattr(reader, "READ_SIZE", size)
        assert "text is not UTF-8" in refused(capsys, path)


def test_large_values_take_time_in_proportion_to_their_length() -> None:
    description = 'ä\\"\n' * 1_000_000
    space = " \t\r\n" * 1_000_000
    day = export(
        activity("10:00:00", description=description, last=1),
        activity("10:00:01", numbers=list(range(100_000))),
    )
    text = as_bytes(day).decode()
    text = text.replace('"activities_data": [', f'"activities_data":{space}[')
    text = text.replace('"last":', f'"last"{space}:')
    expected = day["activities_data"], day["metadata"]
    started = time.process_time()
    for size in (1_000, 1 << 16, len(text)):
        assert read(text.encode(), size) == expected
    assert time.process_time() - started < 20


# The caches are made small, so that two short files show how long ones behave.
MEASURED = """
import sys
import export_json
from freshdesk import reader
export_json.CACHE_KIB = 500
reader.READ_SIZE = 1 << 16
assert export_json.main(sys.argv[1:]) == 0
status = open("/proc/self/status").read()
print(status.split("VmHWM:")[1].split()[0])
"""


def long_export(kind: str, length: int) -> bytes:
    """Return an export of about so many bytes."""
    if kind == "white space":
        return b" " * length + UTF_8 + b"\n" * length
    text = "x" * 500_000 if kind == "long" else ""
    numbers = range(length // (len(text) + 150))
    return as_bytes(
        export(*(activity("10:00:00", ticket=n, text=text) for n in numbers))
    )


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="needs Linux's /proc"
)
@pytest.mark.parametrize(
    ("kind", "short", "long"),
    [
        ("many", 1_000_000, 10_000_000),
        ("white space", 1_000_000, 10_000_000),
        ("long", 10_000_000, 50_000_000),
    ],
)
def test_a_longer_file_takes_no_more_memory(
    kind: str, short: int, long: int
) -> None:
    def peak(length: int) -> int:
        """Return how many KiB were in memory at most."""
        content = gzip.compress(long_export(kind, length), 1)
        path = put(f"{length}.json.gz", content)
        database = str(path.with_suffix(".db"))
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, "-d", database, str(path)],
            capture_output=True,
            check=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        return int(done.stdout.split()[-1])

    assert peak(long) < 1.25 * peak(short)


# Refused: all of the file, in one line, and everything stays as it was


@pytest.fixture(scope="module")
def old_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("old")
    day = put(folder / "old.json", DAY)
    assert export_json.main(["-d", str(folder / "old.db"), str(day)]) == 0
    return folder / "old.db"


@pytest.fixture
def old(workplace: Path, old_database: Path) -> Path:
    """A database with DAY in it."""
    (workplace / DATABASE).parent.mkdir()
    return Path(shutil.copyfile(old_database, workplace / DATABASE))


@pytest.fixture(params=[False, True])
def exists(request: pytest.FixtureRequest, workplace: Path) -> bool:
    """Whether a database with DAY in it is there."""
    if request.param:
        request.getfixturevalue("old")
    else:
        (workplace / DATABASE).parent.mkdir()
    return bool(request.param)


def three(record: Any) -> Json:
    """Return an export of a record between two good ones."""
    return export(created("10:00:00"), record, note("10:05:00", 0))


MISSING = object()
NO_INTEGER, NO_TEXT, NO_OBJECT, NO_TIME = (
    [MISSING, None, *MALFORMED[kind]]
    for kind in ("integer", "text", "object", "time")
)
# Where a value stands, its name, and values that are refused.
WRONG: list[tuple[str, str, list[object]]] = [
    ("record", "ticket_id", NO_INTEGER),
    ("record", "performed_at", NO_TIME),
    ("record", "performer_type", NO_TEXT),
    ("record", "performer_id", NO_INTEGER[2:]),
    ("record", "activity", NO_OBJECT),
    ("activity", "note", NO_OBJECT[1:]),
    ("activity", "status", NO_TEXT[2:]),
    ("activity", "agent_id", NO_INTEGER[2:]),
    ("activity", "internal_agent_id", NO_INTEGER[2:]),
    ("activity", "requester_id", NO_INTEGER[2:]),
    ("activity", "requester", NO_INTEGER[2:]),
    ("note", "id", NO_INTEGER),
    ("note", "type", NO_INTEGER),
    ("metadata", "start_at", NO_TIME),
    ("metadata", "end_at", NO_TIME),
    ("metadata", "activities_count", [*NO_INTEGER, 2, 4, 0, -3, 3.0]),
]


@pytest.mark.usefixtures("old")
@pytest.mark.parametrize(("place", "name", "values"), WRONG)
def test_a_value_of_the_wrong_type_is_refused(
    place: str, name: str, values: list[object], capsys: Capsys
) -> None:
    for value in values:
        record = activity("10:01:00", priority=1)
        day = three(record)
        if place == "note":
            record["activity"] = note("10:01:00", 4)["activity"]
        target = {
            "record": record,
            "activity": record["activity"],
            "note": record["activity"].get("note"),
            "metadata": day["metadata"],
        }[place]
        target[name] = value
        if value is MISSING:
            del target[name]
        where = "" if place == "metadata" else "record 2: "
        where += "the note's " if place == "note" else ""
        problem = "missing" if value is MISSING else ""
        for content in (day, dict(reversed(day.items()))):
            said = refused(capsys, put("bad.json", content))
            assert said.startswith(f"bad.json: {where}{name} is {problem}")


@pytest.mark.usefixtures("old")
@pytest.mark.parametrize("read_size", [100, 1_000_000])
@pytest.mark.parametrize(
    "changes",
    [
        *[{"ticket": 1 << 63}, {"by": 1 << 63}, {"agent_id": 1 << 63}],
        *[{"a": "\ud800"}, {"a": {"\udfff": 1}}, {"a": ["\ude00\ud83d"]}],
        {"status": "\ud800"},
    ],
    ids=ascii,
)
def test_a_value_that_sqlite_refuses_in_the_last_record_is_named(
    changes: Json, read_size: int, monkeypatch: MonkeyPatch, capsys: Capsys
) -> None:
    monkeypatch.setattr(reader, "READ_SIZE", read_size)
    records = [activity(f"10:00:0{n}", status="Open") for n in range(9)]
    day = export(*records, activity("10:01:00", **changes))
    said = refused(capsys, put("bad.json", json.dumps(day)))
    assert said.startswith("bad.json: record 10: ")


@pytest.mark.usefixtures("old")
@pytest.mark.parametrize("value", [*NO_OBJECT[1:-1], [activity("10:00:00")]])
def test_a_record_that_is_no_object_is_refused(
    value: object, capsys: Capsys
) -> None:
    said = refused(capsys, put("bad.json", three(value)))
    assert said.startswith("bad.json: record 2: the record is not an object: ")


BODY = ONE_LINE[1:-1]
DEEP = "[" * 100_000
NO_EXPORT = {
    name: text.replace("GOOD", ONE_LINE)
    .replace("BODY", BODY)
    .replace("META", f'"metadata":{METADATA}')
    for name, text in MALFORMED["export"].items()
} | {
    "NULs after all": ONE_LINE + "\0" * 5_000,
    "arrays without end": DEEP,
    "arrays without end as metadata": '{"metadata":' + DEEP,
    "objects without end": '{"a":' * 100_000,
    "nesting too deep beside": f'{{{BODY},"a":{DEEP}{"]" * 100_000}}}',
    "UTF-16": ONE_LINE.encode("utf-16"),
    "UTF-16 without a mark": ONE_LINE.encode("utf-16-le"),
    "UTF-32": ONE_LINE.encode("utf-32"),
    "half a byte-order mark": b"\xef\xbb",
    "a broken byte-order mark": b"\xef\xbb" + UTF_8,
    "a ZIP archive": b"PK\x03\x04\x14\x00\x00\x00\x08\x00",
    "a database": b"SQLite format 3\0" + bytes(100),
    "gzip of nothing": gzip.compress(b""),
    "gzip's magic number": b"\x1f\x8b",
    "gzip's header": gzip.compress(UTF_8)[:10],
    "gzip in gzip": gzip.compress(gzip.compress(UTF_8)),
    "gzip, something behind": gzip.compress(UTF_8) + b"more",
    "gzip, a wrong check sum": gzip.compress(UTF_8)[:-8] + bytes(8),
    "gzip, an unknown method": b"\x1f\x8b\x07" + gzip.compress(UTF_8)[3:],
    "gzip, broken data": gzip.compress(UTF_8)[:30]
    + b"\xff" * 30
    + gzip.compress(UTF_8)[60:],
}


@pytest.mark.usefixtures("exists")
@pytest.mark.parametrize("name", NO_EXPORT)
def test_a_file_that_is_no_export_is_refused(name: str, capsys: Capsys) -> None:
    said = refused(capsys, put("bad.json", NO_EXPORT[name]))
    assert said.startswith("bad.json: ")
    assert "; " in said  # what to do
    assert "record " not in said or "comma" in name


@pytest.mark.parametrize("depth", [150, 201, 100_000])
def test_properties_nest_up_to_200_levels(depth: int, capsys: Capsys) -> None:
    brackets = "[" * depth + "]" * depth
    text = json.dumps(export(activity("10:00:00", Feld="HERE")))
    path = put("deep.json", text.replace('"HERE"', brackets))
    if depth < 200:
        assert run(path) == 0
        assert contents() == [{"other_properties": f'{{"Feld":{brackets}}}'}]
    else:
        said = refused(capsys, path)
        assert said.startswith("deep.json: record 1: nested too deep; ")


def test_a_window_must_not_end_before_it_starts(capsys: Capsys) -> None:
    for start, end in [
        ("10:00:01", "10:00:00"),
        ("20-04-2017 10:00:00 -0100", "20-04-2017 10:59:59 +0000"),
    ]:
        day = export(start_at=start, end_at=end)
        said = refused(capsys, put("bad.json", day))
        assert said.startswith("bad.json: end_at is before start_at")


@pytest.mark.usefixtures("old")
@pytest.mark.parametrize("content", [UTF_8, gzip.compress(UTF_8)], ids=range(2))
def test_a_file_cut_off_anywhere_is_refused(
    content: bytes, capsys: Capsys
) -> None:
    """At some places; where a text is cut at each, no beginning is one."""
    places = range(len(content))
    for end in {*places[::7], *places[-30:]}:
        said = refused(capsys, put("cut.json", content[:end]))
        assert said.startswith("cut.json: ")
    assert run(put("cut.json", content)) == 0


@pytest.mark.usefixtures("old")
@pytest.mark.parametrize("content", [UTF_8 + b" ", UTF_8[:-5]])
def test_a_file_that_is_still_written_is_refused(
    content: bytes, monkeypatch: MonkeyPatch, capsys: Capsys
) -> None:
    path = put("day.json", content)

    def changing(file: BinaryIO) -> Iterator[str]:
        yield from decoded(file)
        put("day.json", UTF_8)

    monkeypatch.setattr(reader, "decoded", changing)
    assert refused(capsys, path) == (
        "day.json: changed while it was read; try again when it is whole"
    )


# Standard JSON only, wherever it stands

# Where HERE stands in a record, and where the database keeps it: in
# other_properties, and behind them in other_fields.
IN_RECORD = {
    "first property": (
        '"activity":{"Feld":HERE,"last":1}',
        '{"Feld":HERE,"last":1}',
    ),
    "last property": (
        '"activity":{"last":1,"Feld":HERE}',
        '{"Feld":HERE,"last":1}',
    ),
    "deep in a property": (
        '"activity":{"last":1,"Feld":[{"a":[0,HERE,1]}]}',
        '{"Feld":[{"a":[0,HERE,1]}],"last":1}',
    ),
    "note": (
        '"activity":{"note":{"id":1,"type":4,"body":HERE}}',
        '{"note":{"body":HERE}}',
    ),
    "record": (
        '"zone":"west","extra":HERE,"activity":{"last":1}',
        '{"last":1}{"extra":HERE,"zone":"west"}',
    ),
}
# Where it stands beside the records.
BESIDE = {
    "metadata": '{"metadata":{HERE,META},ACTIVITIES}',
    "metadata behind": '{ACTIVITIES,"metadata":{META,HERE}}',
    "top level": '{HERE,"metadata":{META},ACTIVITIES}',
    "top level behind": '{"metadata":{META},ACTIVITIES,HERE}',
}


def with_values(place: str, *values: str) -> str:
    """Return the text of an export with these JSON values at that place."""
    head = json.dumps(activity("10:00:00"))[1:].partition('"activity"')[0]
    changes = ['"activity":{}', *['"activity":{"last":1}'] * len(values)]
    if place in IN_RECORD:
        told, _ = IN_RECORD[place]
        changes[1:] = [told.replace("HERE", value) for value in values]
    records = [
        f"{{{head.replace(': 1,', f': {n},')}{changed}}}"
        for n, changed in enumerate([*changes, changes[0]])
    ]
    if place == "element":
        records[1:-1] = values
    beside = [f'"extra {n}":{value}' for n, value in enumerate(values)]
    metadata = json.dumps(export(*records)["metadata"])
    return (
        BESIDE.get(place, '{"metadata":{META},ACTIVITIES}')
        .replace("HERE", ",".join(beside))
        .replace("META", metadata[1:-1])
        .replace("ACTIVITIES", f'"activities_data":[{",".join(records)}]')
    )


NO_JSON = (ROOT / "tests/malformed_values.txt").read_text("utf-8")
NO_VALUES = [
    *NO_JSON.replace("\n", " ").strip(" ").split(" "),
    *(f'"a{chr(code)}b"' for code in range(32)),
    *(f"{chr(code)}1" for code in range(32) if chr(code) not in "\t\n\r"),
    *["", '"', "\x7f", "\ufeff1", "1\u2028", "\u30001", "- 1", "1 2"],
    *["1 000", "1e 5", "tr ue", '"a" "b"', '"a" + "b"', '"a\\', '"a', '"\\\n"'],
    *[DEEP, DEEP + "]" * 100_000, '{"a":' * 100_000 + "1" + "}" * 100_000],
]
if hasattr(sys, "set_int_max_str_digits"):  # not in every Python
    NO_VALUES += ["1" * 5_000, "-" + "1" * 5_000]


@pytest.mark.usefixtures("old")
@pytest.mark.parametrize("place", [*IN_RECORD, "element", *BESIDE])
def test_values_that_are_not_standard_json_are_refused(
    place: str, capsys: Capsys
) -> None:
    for value in NO_VALUES:
        said = refused(capsys, put("bad.json", with_values(place, value)))
        is_in_record = said.startswith("bad.json: record 2: ")
        assert is_in_record == (place not in BESIDE), value


@pytest.mark.parametrize("size", [1, 2, 3, 8, 11, 64])
def test_no_value_becomes_right_by_the_end_of_a_read(size: int) -> None:
    for place in ("first property", "metadata behind", "top level"):
        for value in NO_VALUES:
            if len(value) < 10_000:
                content = with_values(place, value).encode()
                with pytest.raises((Malformed, UnicodeEncodeError)):
                    as_kept(read(content, size)).encode()


# JSON as it may stand in an export, and as the database keeps it.
UNCHANGED = r"""
null true false 0 -1 1.5 -0.0 9007199254740993 9223372036854775808
-9223372036854775809 "" "\"\\\b\f\n\r\t" "\u0000\u001f" "\\u0041" "NaN" "]}"
"/*no*/" [] {} [[],{},[[]],null] {"":0,"x":1}
"""
CHANGED = {
    "-0": "0",
    "1E2": "100.0",
    "1e+2": "100.0",
    "25e-1": "2.5",
    "0e0": "0.0",
    "1e-400": "0.0",
    "1.7976931348623157e308": "1.7976931348623157e+308",
    '"\\u0041\\u00E9\\u00e9\\/"': '"Aéé/"',
    '"\\ud83d\\ude00\\uD834\\uDD1E"': '"\U0001f600\U0001d11e"',
    "[\t1\n,\r2 ]": "[1,2]",
    '{"b":1,"a":2}': '{"a":2,"b":1}',
    '{"a":1,"a":2}': '{"a":2}',  # the last of them wins
    '{"a":{"b":1},"\\u0061":{"c":1}}': '{"a":{"c":1}}',
}
VALUES = CHANGED | {
    text: text
    for text in [
        *UNCHANGED.split(),
        "1" * 4_000,
        '" a  b "',
        '"\x7f\x80\u2028\u2029\ufeff\uffff\U0010ffff"',
        '"e\u0301 \u00e9"',  # is not normalised
        "[" * 150 + "]" * 150,
    ]
}


@pytest.mark.parametrize("place", [*IN_RECORD, *BESIDE])
def test_values_of_standard_json_are_kept_exactly(place: str) -> None:
    assert run(put("day.json", with_values(place, *VALUES))) == 0
    _, kept = IN_RECORD.get(place, ("", '{"last":1}'))
    assert select(
        "select coalesce(other_properties, '') || coalesce(other_fields, '')"
        " from activities order by ticket_id"
    ) == [
        ("",),
        *((kept.replace("HERE", value),) for value in VALUES.values()),
        ("",),
    ]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("ticket_id", 'record 1: the record has two "ticket_id"'),
        ("status", 'record 1: activity has two "status"'),
        ("id", 'record 1: note has two "id"'),
        ("end_at", 'metadata has two "end_at"'),
        ("metadata", 'there are two "metadata"'),
    ],
)
def test_a_name_that_stands_twice_is_refused(
    name: str, problem: str, capsys: Capsys
) -> None:
    record = activity(
        "10:00:00", note={"id": 1, "type": 0}, status="Open", zone={"a": 1}
    )
    text = json.dumps(export(record)).replace(
        f'"{name}"', f'"{name}": null, "{name}"'
    )
    assert f"day.json: {problem};" in refused(capsys, put("day.json", text))


# Files that cannot be read, and several files


@pytest.mark.usefixtures("old")
def test_a_file_that_cannot_be_read_is_named(capsys: Capsys) -> None:
    Path("loop.json").symlink_to("loop.json")
    Path("nowhere.json").symlink_to("nothing")
    for name, problem in {
        "missing.json": "No such file or directory",
        "no/such/folder.json": "No such file or directory",
        "nowhere.json": "No such file or directory",
        "loop.json": "Too many levels of symbolic links",
        "x" * 300: "File name too long",
    }.items():
        for more in ([], ["--replace"]):
            said = f"{name}: {problem}; name a file that can be read"
            assert refused(capsys, *more, name) == one_line(said)


def test_a_batch_goes_on_after_a_bad_file(exists: bool, capsys: Capsys) -> None:
    first = put("first.json", export(activity("10:00:01", ticket=5)))
    bad = put("bad.json", three(activity("10:00:03", ticket=7, status=1)))
    last = put("last.json", export(activity("10:00:04", ticket=8)))
    empty = put("empty.json", "")
    batch = [first, bad, last, empty]
    refusals = (
        "error: bad.json: record 2: status is not text: 1; nothing of this"
        " file was kept, export it again or correct it\n"
        "error: empty.json: the file is empty; ask the API for a new link, and"
        " download what it leads to\n"
    )
    end = "error: 2 of 4 exports refused; the lines above say why\n"
    assert run(*batch, "--status-alias", "Zu=Closed") == 1
    assert capsys.readouterr() == (
        ingested(2, "first.json, last.json"),
        f'{refusals}note: no export has the status: "Zu"\n{end}',
    )
    there = [1, 1, 1] if exists else []
    assert [told["ticket_id"] for told in activities()] == [*there, 5, 8]
    assert own_aliases() == [("Zu", "Closed")]

    # The next night: the same, with what is new.
    put("bad.json", three(activity("10:00:03", ticket=7, status="Open")))
    assert run("-q", *batch) == 1
    refusal = refusals.splitlines()[1]
    end = end.replace("2 of", "1 of")
    assert capsys.readouterr() == ("", f"{refusal}\n{end}")
    assert {told["ticket_id"] for told in activities()} == {1, 5, 7, 8}


@pytest.mark.usefixtures("exists")
@pytest.mark.parametrize("place", [0, 1, 2])
def test_replace_takes_all_files_or_none(place: int, capsys: Capsys) -> None:
    paths = [
        put(f"{n}.json", export(activity("10:00:00", ticket=n))) for n in (5, 6)
    ]
    bad = put("bad.json", three(activity("10:00:03", status=1)))
    some = [*paths[:place], bad, *paths[place:]]
    said = refused(capsys, "--replace", "--status-alias", "A=Open", *some)
    assert said.startswith("bad.json: record 2: status is not text: 1; ")
    assert run("--replace", *paths) == 0
    assert [told["ticket_id"] for told in activities()] == [5, 6]
    assert [*snapshot()] == ["tickets.db"]


@pytest.mark.usefixtures("old")
def test_an_alias_is_not_kept_with_a_bad_file(capsys: Capsys) -> None:
    refused(capsys, put("bad.json", "{}"), "--status-alias", "Zu=Closed")


@pytest.mark.parametrize("more", [[], ["--replace"]])
def test_an_interrupt_keeps_the_files_before_it(
    exists: bool, more: list[str], monkeypatch: MonkeyPatch, capsys: Capsys
) -> None:
    before = export_names() if exists else []

    def interrupted(file: BinaryIO) -> Iterator[str]:
        for text in decoded(file):
            if "Ctrl-C" in text:
                signal.raise_signal(signal.SIGINT)
            yield text

    monkeypatch.setattr(reader, "decoded", interrupted)
    monkeypatch.setattr(reader, "READ_SIZE", 100)
    first = put("first.json", export(activity("10:00:01", ticket=5)))
    records = [activity("10:00:02", key="Ctrl-C")] * 9
    assert run(*more, first, put("second.json", export(*records))) == 130
    assert capsys.readouterr() == ("", "")
    kept = [] if more else ["first.json"]
    if kept or before:
        assert sorted(export_names()) == [*kept, *before]
        assert [*snapshot()] == ["tickets.db"]
    else:
        assert snapshot() == {}


# The database's file

VERSION = schema_number("user_version")


def made_by(application: int, version: int) -> bytes:
    """Return the bytes of a database of another application, or version."""
    Path("made.db").unlink(missing_ok=True)
    with closing(sqlite3.connect("made.db")) as connection:
        connection.execute(f"pragma application_id = {application}")
        connection.execute(f"pragma user_version = {version}")
        connection.execute("create table exports (a)")
    return Path("made.db").read_bytes()


@pytest.mark.parametrize(
    "arguments",
    [["day.json"], ["--replace", "day.json"], ["--status-alias=Zu=Closed"]],
)
def test_a_database_that_is_not_ours_is_left_alone(
    arguments: list[str], capsys: Capsys
) -> None:
    put("day.json", DAY)
    DATABASE.parent.mkdir()
    # Its neighbours are not ours either.
    Path(f"{DATABASE}-journal").write_bytes(b"not ours")
    Path(f"{DATABASE}-wal").write_bytes(b"not ours")
    no_application, another = made_by(0, VERSION), made_by(1196444487, VERSION)
    no_database = [b"S", b"dear diary\n" * 50, UTF_8, another[:50]]
    for content in [no_application, another, *no_database]:
        DATABASE.write_bytes(content)
        assert refused(capsys, *arguments) == (
            "database/tickets.db: not a database of ticket activities, so it is"
            " left alone; name another one with --database"
        )
    ours = schema_number("application_id")
    DATABASE.write_bytes(made_by(ours, VERSION + 1))
    assert refused(capsys, *arguments) == (
        f"database/tickets.db: made by a newer version ({VERSION + 1}, this one"
        f" knows {VERSION}); update these scripts"
    )


@pytest.mark.parametrize("more", [[], ["--replace"]])
@pytest.mark.parametrize(
    "name", ["folder", "pipe", "link", "loop", "file/tickets.db"]
)
def test_a_database_that_is_no_file_is_left_alone(
    name: str, more: list[str], capsys: Capsys
) -> None:
    day = put("day.json", DAY)
    Path("folder").mkdir()
    os.mkfifo("pipe")
    Path("link").symlink_to("pipe")
    Path("loop").symlink_to("loop")
    Path("file").touch()
    before = sorted(Path().rglob("*"))
    assert export_json.main(["-d", name, *more, str(day)]) == 1
    stdout, stderr = capsys.readouterr()
    assert (stdout, stderr[:7], stderr.count("\n")) == ("", "error: ", 1)
    is_there = name in ("folder", "pipe", "link")
    assert ("not a database of ticket activities" in stderr) == is_there
    assert sorted(Path().rglob("*")) == before


def test_an_empty_file_becomes_the_database_and_a_link_stays_one() -> None:
    """So that mktemp's and a link's file can be named."""
    DATABASE.parent.mkdir()
    Path("real.db").touch()
    DATABASE.symlink_to(Path("real.db").absolute())
    assert run(put("day.json", DAY)) == 0
    assert DATABASE.is_symlink()
    assert len(select("select 1 from activities", Path("real.db"))) == 3
    assert run("--replace", put("empty.json", export())) == 0
    assert DATABASE.is_symlink()
    assert activities() == []


@pytest.mark.usefixtures("old")
def test_a_new_database_is_open_to_whom_the_old_one_was() -> None:
    DATABASE.chmod(0o640)
    assert run("--replace", put("day.json", DAY)) == 0
    assert stat.S_IMODE(DATABASE.stat().st_mode) == 0o640


def test_a_database_of_an_older_version_is_only_replaced(
    capsys: Capsys,
) -> None:
    day = put("day.json", DAY)
    assert run("--status-alias", "Zu=Closed", day) == 0
    with closing(sqlite3.connect(DATABASE)) as connection:
        connection.execute("pragma user_version = 1")
    capsys.readouterr()
    for arguments in ([day], ["--status-alias", "Auf=Open"]):
        assert refused(capsys, *arguments) == (
            "database/tickets.db: made by an older version (1, this one knows"
            f" {VERSION}); ingest the exports again with --replace"
        )
    assert run("--replace", day) == 0
    assert ("Zu", "Closed") in select(ALIASES)


def test_an_older_sqlite_is_one_line(
    monkeypatch: MonkeyPatch, capsys: Capsys
) -> None:
    monkeypatch.setattr(export_json, "OLDEST_SQLITE", (99, 0))
    error = refused(capsys, put("day.json", DAY))
    assert "SQLite 99.0 or later" in error


@pytest.mark.usefixtures("old")
def test_the_views_in_the_database_are_refreshed() -> None:
    """People with a sqlite3 shell read them; the scripts do not."""
    query = "select name, sql from sqlite_master where type = 'view' order by 1"
    fresh = select(query)
    assert [name for name, _ in fresh] == [*views()]
    with closing(sqlite3.connect(DATABASE)) as connection:
        connection.execute("drop view clock")
        connection.execute("drop view visits")
        connection.execute("create view visits as select 1 as one")
    assert run(put("empty.json", export())) == 0
    assert select(query) == fresh
    for name in views():
        select(f"select * from {name}")  # it needs no function of ours


# A journal that a killed run left


@pytest.fixture
def hot(old: Path) -> Path:
    """The database as a kill in mid-transaction leaves it, and its journal."""
    with closing(sqlite3.connect(old, isolation_level=None)) as writer:
        writer.execute("pragma cache_size = 1")  # writes before the commit
        writer.execute("begin")
        writer.execute("delete from activities")
        writer.execute("create table rubbish as select zeroblob(900000)")
        killed = snapshot()
    for name, (content, _) in killed.items():
        old.with_name(name).write_bytes(content)
    journal, _ = killed["tickets.db-journal"]
    assert journal[:8] == b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"  # it is hot
    return old


@pytest.mark.usefixtures("hot")
@pytest.mark.parametrize(
    ("arguments", "status", "names", "count"),
    [
        (["new.json"], 0, ["new.json", "old.json"], 4),
        (["--replace", "new.json"], 0, ["new.json"], 1),
        (["--replace", "bad.json"], 1, ["old.json"], 3),
    ],
)
def test_a_hot_journal_is_played_back_into_the_old_database_alone(
    arguments: list[str], status: int, names: list[str], count: int
) -> None:
    put("new.json", export(note("10:00:00", 3)))
    put("bad.json", "{}")
    assert run(*arguments) == status
    assert sorted(export_names()) == names
    assert len(activities()) == count
    assert select("select 1 from sqlite_master where name = 'rubbish'") == []
    assert select("pragma integrity_check") == [("ok",)]
    assert [*snapshot()] == ["tickets.db"]


def test_a_journal_without_its_database_does_not_reach_a_new_one(
    hot: Path,
) -> None:
    hot.unlink()
    assert run(put("new.json", export(note("10:00:00", 3)))) == 0
    assert export_names() == ["new.json"]
    assert select("pragma integrity_check") == [("ok",)]
    assert [*snapshot()] == ["tickets.db"]


@pytest.mark.usefixtures("old")
def test_leftovers_of_a_killed_replace_are_not_in_the_way() -> None:
    for name in (".tickets.db.part", ".tickets.db.part-journal"):
        (DATABASE.parent / name).write_bytes(b"half a database")
    assert run("--replace", put("new.json", export(note("10:00:00", 3)))) == 0
    assert [*snapshot()] == ["tickets.db"]
    assert export_names() == ["new.json"]


# The user is told


def test_the_same_bytes_are_known_under_any_name_and_change_no_byte(
    capsys: Capsys,
) -> None:
    content = as_bytes(DAY)
    paths = [
        put("a.json", content),
        put("b.json", content),
        put("c.json.gz", gzip.compress(content, 9)),
        put("d.json", gzip.compress(content, 0)),
    ]
    known = "3 exports already there\n"
    assert run(*paths) == 0
    first = ingested(3, "a.json").replace("\n", f"; {known}")
    assert capsys.readouterr() == (first, "")
    before = {name: content for name, (content, _) in snapshot().items()}
    assert run(*reversed(paths)) == 0
    assert capsys.readouterr() == (
        "database/tickets.db: 0 exports ingested; 4 exports already there\n",
        "",
    )
    assert {n: content for n, (content, _) in snapshot().items()} == before
    # Another byte makes another file, of the same activities.
    assert run(put("e.json", content + b"\n")) == 0
    assert capsys.readouterr().out == ingested(3, "e.json", repeated=3)
    assert sorted(told[:2] for told in exports()) == [
        ("a.json", hashlib.sha256(content).hexdigest()),
        ("e.json", hashlib.sha256(content + b"\n").hexdigest()),
    ]


def test_the_summary_names_three_files(capsys: Capsys) -> None:
    records = [activity(f"10:00:0{n}", status="Open") for n in range(5)]
    paths = [put(f"{n}.json", export(*records[n : n + 2])) for n in range(4)]
    assert run(*paths) == 0
    assert capsys.readouterr().out == (
        "database/tickets.db: 4 exports ingested (0.json, 1.json, 2.json and 1"
        " more) with 8 activities, 3 of them already there\n"
    )


def test_missing_days_outside_activities_and_unmapped_labels_are_told(
    capsys: Capsys,
) -> None:
    first = export(
        activity("09:59:59", status="Esperando"),
        activity("10:00:00", status=" esperando "),
        activity("21-04-2017 09:59:59 +0000", status="waiting  for CUSTOMER"),
        activity("21-04-2017 10:00:00 +0000", status="=1+1"),
    )
    second = export(
        start_at="21-04-2017 10:00:00 +0000", end_at="23-04-2017 09:59:59 +0000"
    )
    fourth = export(
        start_at="23-04-2017 10:00:00 +0000", end_at="24-04-2017 09:59:59 +0000"
    )
    fifth = export(
        start_at="24-04-2017 11:00:00 +0100", end_at="25-04-2017 09:59:59 +0000"
    )
    assert run(put("5.json", fifth), put("4.json", fourth)) == 0
    assert capsys.readouterr().err == ""
    assert run(put("1.json", first)) == 0
    assert capsys.readouterr().err == (
        "note: 1.json: 2 activities outside its window, kept\n"
        "note: no export covers 2017-04-21 10:00:00 UTC"
        " to 2017-04-23 09:59:59 UTC\n"
        "note: not mapped to a canonical status (see --status-alias):"
        ' "=1+1", "Esperando", "esperando"\n'
    )
    assert [(told[0], told[5]) for told in exports()] == [
        ("1.json", 2),
        ("4.json", 0),
        ("5.json", 0),
    ]
    assert run(put("2.json", second), "--status-alias", "ESPERANDO=Open") == 0
    assert capsys.readouterr().err == (
        'note: not mapped to a canonical status (see --status-alias): "=1+1"\n'
    )


def test_a_label_cannot_fake_a_line(capsys: Capsys) -> None:
    label = 'a"b\nnote: c\x1b[31m\x00'
    assert run(put("day.json", export(activity("10:00:00", status=label)))) == 0
    assert capsys.readouterr().err == (
        "note: not mapped to a canonical status (see --status-alias):"
        ' "a\\"b note: c\\u001b[31m\\u0000"\n'
    )


def test_a_name_in_any_letters_is_printed() -> None:
    day = put("day.json", DAY)
    command = [sys.executable, str(ROOT / "export_json.py"), str(day)]
    done = subprocess.run(
        [*command, "-d", "däta.db"],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.stdout.startswith(b"d\\xe4ta.db: 1 export ingested (day.json)")


# Status labels

ALIASES = "select label, status from status_aliases"
OWN_ALIASES = [*zip(STATUSES, STATUSES, strict=True), *STATUS_ALIASES.items()]


def own_aliases() -> list[tuple[Any, ...]]:
    """Return the user's aliases; Freshdesk's must be there, too."""
    aliases = select(ALIASES)
    for alias in OWN_ALIASES:
        aliases.remove(alias)
    return sorted(aliases)


def meanings() -> dict[str, str]:
    """Return the status that each ingested label means."""
    return dict(select("select label, status from named_statuses"))


def test_aliases_alone_ingest_nothing(capsys: Capsys) -> None:
    put("data/json/day.json", DAY)
    assert run("--status-alias", "Zu=Closed", "--status-alias=Auf=open") == 0
    assert capsys.readouterr() == (
        "database/tickets.db: 0 exports ingested\n",
        'note: no export has the status: "Zu", "Auf"\n',
    )
    assert exports() == []
    assert own_aliases() == [("Auf", "Open"), ("Zu", "Closed")]


def test_an_alias_holds_for_labels_ingested_before_and_later(
    capsys: Capsys,
) -> None:
    labels = {
        "Esperando por cliente": "Waiting on Customer",
        "  ESPERANDO \t por\u00a0cliente\n": "Waiting on Customer",
        "Straße=zu": "Resolved",
        "STRASSE=ZU": "Resolved",
        "  waiting FOR third\u3000party ": "Waiting on Third Party",
        "cLOSED": "Closed",
        " Geparkt  hier ": "Geparkt hier",
    }
    day = export(
        activity("10:00:00", status=" "),  # means no status
        *(activity(f"10:00:0{n}", status=x) for n, x in enumerate(labels)),
    )
    assert run(put("day.json", day)) == 0
    capsys.readouterr()
    aliases = [
        "--status-alias=esperando  POR cliente=  waiting  ON customer ",
        "--status-alias= straße=zu =Resolved",  # the last = divides
    ]
    assert run(*aliases) == 0
    assert capsys.readouterr() == (
        "database/tickets.db: 0 exports ingested\n",
        "note: not mapped to a canonical status (see --status-alias):"
        ' "Geparkt hier"\n',
    )
    assert meanings() == labels
    later = export(activity("11:00:00", status="ESPERANDO POR CLIENTE"))
    assert run(put("later.json", later)) == 0
    assert meanings()["ESPERANDO POR CLIENTE"] == "Waiting on Customer"


def test_the_last_word_on_a_label_counts() -> None:
    assert run("--status-alias=Zu=Closed", "--status-alias=ZU=Resolved") == 0
    assert own_aliases() == [("ZU", "Resolved")]
    assert run("--status-alias=zu=Pending") == 0
    assert own_aliases() == [("zu", "Pending")]
    # A label of Freshdesk's may be mapped to the status that it means.
    assert run("--status-alias=waiting for customer=Waiting on Customer") == 0
    assert len(select(ALIASES)) == len(OWN_ALIASES) + 1


@pytest.mark.usefixtures("old")
def test_replace_carries_the_aliases_over() -> None:
    assert run("--status-alias=Zu=Closed", "--status-alias=a=b=Open") == 0
    day = export(activity("10:00:00", status="ZU", ticket=9))
    path = put("new.json", day)
    assert run("--replace", path, "--status-alias=A=B=Pending") == 0
    assert [told["ticket_id"] for told in activities()] == [9]
    assert own_aliases() == [("A=B", "Pending"), ("Zu", "Closed")]
    assert run("--replace", path) == 0
    assert meanings() == {"ZU": "Closed"}


# Usage

WRONG_USAGE = [
    *(["--status-alias", text] for text in MALFORMED["alias"]),
    *[["--nonsense"], ["-d"], ["--status-alias"], ["--replace=1"]],
]


@pytest.mark.usefixtures("old")
@pytest.mark.parametrize("arguments", WRONG_USAGE)
def test_wrong_usage_is_explained(arguments: list[str], capsys: Capsys) -> None:
    before = snapshot()
    with pytest.raises(SystemExit) as stop:
        run(put("day.json", DAY), *arguments)
    assert stop.value.code == 2
    stdout, stderr = capsys.readouterr()
    assert (stdout, stderr[:18]) == ("", "usage: export_json")
    if len(arguments) == 2:
        assert "argument --status-alias: " in stderr
    assert snapshot() == before


def test_the_default_is_all_exports_in_data_json(capsys: Capsys) -> None:
    first, second = (
        as_bytes(export(activity("10:00:00", ticket=n))) for n in (1, 2)
    )
    put("data/json/b.json", second)
    put("data/json/a.json.gz", gzip.compress(first))
    put("data/json/.c.json.part", b"no export")
    put("data/json/d.csv", b"no export")
    assert export_json.main([]) == 0
    assert capsys.readouterr() == (
        "data/database/ticket_activities.db: 2 exports ingested (a.json.gz,"
        " b.json) with 2 activities, 0 of them already there\n",
        "note: not taken for exports: d.csv\n",
    )


def test_no_exports_in_data_json(capsys: Capsys) -> None:
    for among in ("", "", " among 1 file"):
        said = refused(capsys)
        assert said.startswith(f"data/json: no export there{among}; ")
        Path("data/json").mkdir(parents=True, exist_ok=True)
        if Path("data/json/.json").exists():
            put("data/json/note.txt", "{}")
        put("data/json/.json", DAY)
    assert not DATABASE.parent.exists()


def test_replace_takes_no_default(capsys: Capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        run("--replace")
    assert stop.value.code == 2
    assert "--replace needs the exports to be named" in capsys.readouterr().err
