"""What export_json.py reads and what it refuses, by exports made by hand.

The database stands in a folder of its own, so that a test can compare all
that is there, byte by byte, with what was there before.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import json
import os
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from itertools import chain, permutations
from pathlib import Path
from typing import Any, NoReturn

import pytest
from conftest import (
    AGENT,
    CUSTOMER,
    ROOT,
    SYSTEM,
    Json,
    activity,
    as_bytes,
    created,
    export,
    note,
    write_export,
)

import export_json
from export_json import Batch, ExportReader, Malformed, decoded
from freshdesk import SCHEMA_VERSION, Failure, sql

pytestmark = pytest.mark.usefixtures("workplace")

DATABASE = Path("database", "tickets.db")
TEN = 1492682400  # 20-04-2017 10:00:00 +0000
NINE = TEN + 86_399  # 21-04-2017 09:59:59 +0000, the end of that window

CANONICAL = [
    "Open",
    "Pending",
    "Waiting on Customer",
    "Waiting on Third Party",
    "Resolved",
    "Closed",
]

# Each table's rows in an order that can be told without knowing the hashes.
ROWS = {
    "exports": (
        "select name, sha256, start_at, end_at, activities_count,"
        " outside_window, last_performed_at from exports"
        " order by start_at, end_at, sha256"
    ),
    "activities": (
        "select a.ticket_id, a.performed_at, a.content_key, e.name,"
        " a.position, a.performer_type, a.performer_id, a.other_fields"
        " from activities as a inner join exports as e using (export_id)"
        " order by a.ticket_id, a.performed_at, a.position, e.name"
    ),
    "notes": (
        "select ticket_id, performed_at, content_key, note_id, note_type,"
        " other_note_fields from notes"
        " order by ticket_id, performed_at, note_id"
    ),
    "property_changes": (
        "select ticket_id, performed_at, content_key, is_new_ticket, label,"
        " priority, source, group_name, agent_id, internal_agent_id,"
        " requester_id, product, category, issue_type, contacted_customer,"
        " shipping_address, shipment_date, other_properties"
        " from property_changes left join statuses using (status_id)"
        " order by ticket_id, performed_at, content_key"
    ),
    "statuses": "select label, spelling, label_key from statuses order by 1",
}


def select(query: str, database: Path = DATABASE) -> list[tuple[Any, ...]]:
    """Return all rows of a query."""
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


def rows(table: str) -> list[tuple[Any, ...]]:
    return select(ROWS[table])


def run(*arguments: str | Path) -> int:
    """Run export_json.py on our database; return its exit status."""
    return export_json.main(["-d", str(DATABASE), *map(str, arguments)])


def usage_error(*arguments: str | Path) -> int:
    """Run export_json.py with what it should not take; return its status."""
    with pytest.raises(SystemExit) as stop:
        run(*arguments)
    assert isinstance(stop.value.code, int)
    return stop.value.code


def put(name: str, content: Json | bytes | str) -> Path:
    """Write an export under this name."""
    if isinstance(content, str):
        content = content.encode("utf-8", "surrogatepass")
    return write_export(Path(name), content)


def snapshot() -> dict[str, tuple[bytes, int]]:
    """Return the bytes and the time of all that is beside the database."""
    folder = DATABASE.parent
    return {
        path.name: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in (folder.iterdir() if folder.exists() else ())
    }


def key(canonical: str) -> int:
    """Return the content key of [performer_type, performer_id, activity].

    It is of the activity's names, and of who acted and its values in order.
    """
    *performer, activity = json.loads(canonical)
    names = sorted(activity)
    text = "".join(
        json.dumps(part, ensure_ascii=False, separators=(",", ":"))
        for part in (names, [*performer, *(activity[name] for name in names)])
    )
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


COLUMNS = [
    "ticket_id",
    "performed_at",
    "content_key",
    "is_new_ticket",
    "status",
    "priority",
    "source",
    "group",
    "agent_id",
    "internal_agent_id",
    "requester_id",
    "product",
    "category",
    "issue_type",
    "contacted_customer",
    "shipping_address",
    "shipment_date",
    "other_properties",
]


def change_row(
    ticket: int, at: int, content: int, other: str | None, **columns: Any
) -> tuple[Any, ...]:
    """Return a row of `property_changes`; what is not named is null."""
    names = COLUMNS[3:-1]
    assert set(columns) <= set(names)
    values = {"is_new_ticket": 0, **columns}
    return (ticket, at, content, *(values.get(n) for n in names), other)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """Assert that all is refused in one line; return what it says."""
    before = snapshot()
    assert run(*arguments) == 1
    stdout, stderr = capsys.readouterr()
    assert stdout == ""
    assert stderr.startswith("error: ")
    assert stderr.count("\n") == 1
    assert stderr.endswith("\n")
    assert snapshot() == before
    return stderr.removeprefix("error: ").removesuffix("\n")


# Reads: the two forms, whole rows


def test_the_form_of_2017(capsys: pytest.CaptureFixture[str]) -> None:
    text = """{
      "metadata": {
        "start_at": "20-04-2017 10:00:00 +0000",
        "end_at": "21-04-2017 09:59:59 +0000",
        "activities_count": 2
      },
      "activities_data": [
        {
          "performed_at": "21-04-2017 09:33:38 +0000",
          "ticket_id": 600,
          "performer_type": "user",
          "performer_id": 149018,
          "activity": {"note": {"id": 4025864, "type": 4}}
        },
        {
          "performed_at": "21-04-2017 09:38:24 +0000",
          "ticket_id": 704,
          "performer_type": "user",
          "performer_id": 149018,
          "activity": {
            "shipping_address": "N/A",
            "shipment_date": "21 Apr, 2017",
            "category": "Phone",
            "contacted_customer": true,
            "issue_type": "Incident",
            "source": 3,
            "status": "Open",
            "priority": 4,
            "group": "refund",
            "agent_id": 149018,
            "requester": 145423,
            "product": "mobile"
          }
        }
      ]
    }"""
    before = int(time.time())
    assert run(put("day.json", text)) == 0
    after = int(time.time())

    assert capsys.readouterr() == (
        "database/tickets.db: 1 export ingested (day.json) with 2 activities,"
        " 0 of them already there\n",
        "",
    )
    digest = hashlib.sha256(text.encode()).hexdigest()
    first, second = TEN + 84_818, TEN + 85_104
    content = key('["user",149018,{"note":{"id":4025864,"type":4}}]')
    change = key(
        '["user",149018,{"agent_id":149018,"category":"Phone",'
        '"contacted_customer":true,"group":"refund","issue_type":"Incident",'
        '"priority":4,"product":"mobile","requester":145423,'
        '"shipment_date":"21 Apr, 2017","shipping_address":"N/A","source":3,'
        '"status":"Open"}]'
    )
    assert rows("exports") == [("day.json", digest, TEN, NINE, 2, 0, second)]
    assert rows("activities") == [
        (600, first, content, "day.json", 1, "user", 149018, None),
        (704, second, change, "day.json", 2, "user", 149018, None),
    ]
    assert rows("notes") == [(600, first, content, 4025864, 4, None)]
    assert rows("property_changes") == [
        change_row(
            704,
            second,
            change,
            None,
            status="Open",
            priority=4,
            source=3,
            group="refund",
            agent_id=149018,
            requester_id=145423,
            product="mobile",
            category="Phone",
            issue_type="Incident",
            contacted_customer=1,
            shipping_address="N/A",
            shipment_date="2017-04-21",
        )
    ]
    assert rows("statuses") == [("Open", "Open", "open")]
    ((ingested_at,),) = select("select ingested_at from exports")
    assert before <= ingested_at <= after


# One line, no white space, activities first, as Freshdesk writes it today.
TODAY = (
    '{"activities_data":['
    # an automation, a second before the creation
    '{"performed_at":"20-04-2017 09:59:59 +0000","ticket_id":103000000001,'
    '"performer_type":"system","activity":{"automation":{"type":1,'
    '"rule":"Región"}}},'
    '{"performed_at":"20-04-2017 10:00:00 +0000","ticket_id":103000000001,'
    '"performer_type":"user","performer_id":103000145423,"activity":'
    '{"new_ticket":true,"status":"Open","priority":2,"source":1,'
    '"group":null,"agent_id":null,"requester_id":103000145423,'
    '"ticket_type":"Incident","subject":"Hilfe!"}},'
    '{"performed_at":"20-04-2017 10:00:01 +0000","ticket_id":103000000001,'
    '"performer_type":"user","performer_id":103000149018,"activity":'
    '{"note":{"id":103000000777,"type":0}}},'
    '{"performed_at":"20-04-2017 10:00:02 +0000","ticket_id":103000000001,'
    '"performer_type":"user","performer_id":103000149018,"activity":'
    '{"internal_agent_id":103000149019,"added_tags":["vip","größe"],'
    '"removed_tags":[],"added_watcher":[103000149018],'
    '"send_email":{"agent_ids":[1,2]},"Número de serie":"Ñ-7",'
    '"\u6ce8\u6587 \u756a\u53f7":123456789012345678901234567890,'
    '"الحالة":[null,true,-1.5,{"b":1,"a":"\U0001f600"}],"":""}},'
    '{"performed_at":"20-04-2017 10:00:03 +0000","ticket_id":103000000001,'
    '"performer_type":"system","activity":{"deleted":false}}'
    '],"metadata":{"start_at":"20-04-2017 10:00:00 +0000",'
    '"end_at":"21-04-2017 09:59:59 +0000","activities_count":5}}'
)


def test_the_form_of_today(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(put("today.json", TODAY)) == 0

    assert capsys.readouterr() == (
        "database/tickets.db: 1 export ingested (today.json) with 5"
        " activities, 0 of them already there\n",
        "note: today.json: 1 activity outside its window, kept\n",
    )
    digest = hashlib.sha256(TODAY.encode()).hexdigest()
    ticket, customer, agent = 103000000001, 103000145423, 103000149018
    automation = key(
        '["system",null,{"automation":{"rule":"Región","type":1}}]'
    )
    creation = key(
        '["user",103000145423,{"agent_id":null,"group":null,'
        '"new_ticket":true,"priority":2,"requester_id":103000145423,'
        '"source":1,"status":"Open","subject":"Hilfe!",'
        '"ticket_type":"Incident"}]'
    )
    reply = key('["user",103000149018,{"note":{"id":103000000777,"type":0}}]')
    custom = (
        '"":"","Número de serie":"Ñ-7","added_tags":["vip","größe"],'
        '"added_watcher":[103000149018],%s"removed_tags":[],'
        '"send_email":{"agent_ids":[1,2]},'
        '"الحالة":[null,true,-1.5,{"a":"\U0001f600","b":1}],'
        '"\u6ce8\u6587 \u756a\u53f7":123456789012345678901234567890'
    )
    assigned = custom % '"internal_agent_id":103000149019,'
    change = key('["user",103000149018,{' + assigned + "}]")
    deleted = key('["system",null,{"deleted":false}]')
    assert rows("exports") == [("today.json", digest, TEN, NINE, 5, 1, TEN + 3)]
    assert rows("activities") == [
        (ticket, TEN - 1, automation, "today.json", 1, "system", None, None),
        (ticket, TEN, creation, "today.json", 2, "user", customer, None),
        (ticket, TEN + 1, reply, "today.json", 3, "user", agent, None),
        (ticket, TEN + 2, change, "today.json", 4, "user", agent, None),
        (ticket, TEN + 3, deleted, "today.json", 5, "system", None, None),
    ]
    assert rows("notes") == [(ticket, TEN + 1, reply, 103000000777, 0, None)]
    assert rows("property_changes") == [
        change_row(
            ticket,
            TEN - 1,
            automation,
            '{"automation":{"rule":"Región","type":1}}',
        ),
        change_row(
            ticket,
            TEN,
            creation,
            '{"agent_id":null,"group":null,"subject":"Hilfe!"}',
            is_new_ticket=1,
            status="Open",
            priority=2,
            source=1,
            requester_id=customer,
            issue_type="Incident",
        ),
        change_row(
            ticket,
            TEN + 2,
            change,
            "{" + custom % "" + "}",
            internal_agent_id=103000149019,
        ),
        change_row(ticket, TEN + 3, deleted, '{"deleted":false}'),
    ]


def test_the_lookup_tables_know_the_codes_and_take_in_new_ones() -> None:
    day = export(
        activity("10:00:00", priority=9, source=99, status="Closed"),
        note("10:00:01", 42),
        activity("10:00:02", priority=1 << 70, source="Fax"),
    )
    assert run(put("day.json", day)) == 0

    assert select("select * from priorities") == [
        (1, "Low"),
        (2, "Medium"),
        (3, "High"),
        (4, "Urgent"),
        (9, "9"),
    ]
    assert select("select * from sources") == [
        (1, "Email"),
        (2, "Portal"),
        (3, "Phone"),
        (4, "Forums"),
        (5, "Twitter"),
        (6, "Facebook"),
        (7, "Chat"),
        (8, "Mobihelp"),
        (9, "Feedback widget"),
        (10, "Outbound email"),
        (11, "E-commerce"),
        (12, "Bot"),
        (99, "99"),
    ]
    assert select("select * from note_types") == [
        (0, "Reply", 1, 0),
        (1, "Forward", 0, 1),
        (2, "Reply to forward", 0, 1),
        (3, "Private note", 0, 1),
        (4, "Public note", 1, 0),
        (5, "Phone note", 0, 0),
        (6, "Broadcast note", 0, 0),
        (42, "42", 0, 0),
    ]
    assert select(
        "select status from canonical_statuses where not is_resolved"
    ) == [(status,) for status in sorted(CANONICAL[:4])]
    assert select(
        "select status from canonical_statuses where is_resolved"
    ) == [("Closed",), ("Resolved",)]
    # what the columns cannot hold is not lost
    assert [row[-1] for row in rows("property_changes") if row[-1]] == [
        '{"priority":1180591620717411303424,"source":"Fax"}'
    ]


# One export in many guises: what stands in the database must be the same.
DAY = export(
    created("10:00:00", subject="Grüße \u2028 \U0001f600"),
    note("10:05:00", 0),
    activity("11:00:00", by=SYSTEM, status="Closed", Feld=[1, None]),
)
ONE_LINE = json.dumps(DAY, ensure_ascii=False, separators=(",", ":"))
GUISES = {
    "one line": ONE_LINE.encode(),
    "pretty printed": json.dumps(DAY, indent=4).encode(),
    "tabs, CR LF": json.dumps(DAY, indent="\t").replace("\n", "\r\n").encode(),
    "activities first": json.dumps(dict(reversed(DAY.items()))).encode(),
    "keys sorted": json.dumps(DAY, sort_keys=True).encode(),
    "byte-order mark": b"\xef\xbb\xbf" + ONE_LINE.encode(),
    "white space around": b" \n\t\r" + ONE_LINE.encode() + b"\r\n\n \t",
    "escapes": json.dumps(DAY).encode(),
    "other keys": (ONE_LINE[:-1] + ',"version":[1,{"a":null}]}').encode(),
    "gzip": gzip.compress(ONE_LINE.encode()),
    "gzip of two members": (
        gzip.compress(ONE_LINE.encode()[:50])
        + gzip.compress(ONE_LINE.encode()[50:])
    ),
    "gzip, byte-order mark": gzip.compress(b"\xef\xbb\xbf" + ONE_LINE.encode()),
}


@pytest.mark.parametrize("guise", GUISES)
def test_an_export_in_another_guise_is_the_same(
    guise: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "day.json.gz" if "gzip" in guise else "day.json"
    assert run(put(name, GUISES[guise])) == 0

    assert capsys.readouterr() == (
        f"database/tickets.db: 1 export ingested ({name}) with 3 activities,"
        " 0 of them already there\n",
        "",
    )
    creation = key(
        f'["user",{CUSTOMER},{{"new_ticket":true,"requester_id":{CUSTOMER},'
        '"source":1,"status":"Open","subject":"Grüße \u2028 \U0001f600"}]'
    )
    reply = key(f'["user",{AGENT},{{"note":{{"id":1,"type":0}}}}]')
    closing = key('["system",null,{"Feld":[1,null],"status":"Closed"}]')
    assert rows("activities") == [
        (1, TEN, creation, name, 1, "user", CUSTOMER, None),
        (1, TEN + 300, reply, name, 2, "user", AGENT, None),
        (1, TEN + 3600, closing, name, 3, "system", None, None),
    ]
    assert rows("notes") == [(1, TEN + 300, reply, 1, 0, None)]
    assert rows("property_changes") == [
        change_row(
            1,
            TEN,
            creation,
            '{"subject":"Grüße \u2028 \U0001f600"}',
            is_new_ticket=1,
            status="Open",
            source=1,
            requester_id=CUSTOMER,
        ),
        change_row(
            1, TEN + 3600, closing, '{"Feld":[1,null]}', status="Closed"
        ),
    ]


def test_a_second_process_reads_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is for long files; here for all, with few records at a time."""
    path = put("today.json", TODAY)
    assert run(path) == 0
    in_one = [rows(table) for table in ROWS]
    monkeypatch.setattr(export_json, "PARALLEL_SIZE", 0)
    monkeypatch.setattr(export_json, "decoded", partial(decoded, read_size=100))
    for records in range(1, 7):
        monkeypatch.setattr(export_json, "BATCH_RECORDS", records)
        assert run("--replace", path) == 0
        assert [rows(table) for table in ROWS] == in_one


def test_inserted_in_pieces_of_any_size_it_is_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here with activities that the file, or an earlier export, has twice."""
    both = activity("10:00:01", note={"id": 1, "type": 0}, status="Open")
    reply, closing = note("10:00:02", 0), activity("10:00:03", status="Closed")
    records = [both, closing, reply, both, closing, reply]
    before = export(closing, both, start_at="09:00:00", end_at="10:30:00")
    after = export(reply, both, start_at="10:01:00", end_at="11:00:00")
    paths = [put("after.json", after), put("day.json", export(*records))]
    paths.append(put("before.json", before))
    monkeypatch.setattr(export_json, "decoded", partial(decoded, read_size=100))
    for activities in range(1, 8):
        monkeypatch.setattr(export_json, "BATCH_RECORDS", 1)
        monkeypatch.setattr(export_json, "STAGED_ACTIVITIES", activities)
        assert run("--replace", *paths) == 0
        assert "10 activities, 7 of them already" in capsys.readouterr().out
        assert [(row[1], *row[3:5]) for row in rows("activities")] == [
            (TEN + 1, "before.json", 2),
            (TEN + 2, "day.json", 3),
            (TEN + 3, "before.json", 1),
        ]
        assert [row[1] for row in rows("notes")] == [TEN + 1, TEN + 2]


def test_what_an_activity_has_besides_is_of_its_first_export() -> None:
    """Whichever of the two is ingested first."""
    both = activity("10:00:01", note={"id": 1, "type": 0}, status="Open")
    of_each = note("10:00:02", 0), activity("10:00:03", status="Closed"), both
    before, after = (
        put(
            f"{zone}.json",
            export(
                *({**record, "zone": zone} for record in of_each),
                start_at=start,
            ),
        )
        for zone, start in (("west", "09:00:00"), ("east", "09:30:00"))
    )
    tables = "activities", "notes", "property_changes"
    assert run(before, after) == 0
    in_order = [rows(table) for table in tables]
    assert run("--replace", after, before) == 0
    assert [rows(table) for table in tables] == in_order
    assert {row[-1] for row in rows("activities")} == {'{"zone":"west"}'}


def test_other_guises_bring_nothing_new(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for number, content in enumerate(GUISES.values()):
        assert run(put(f"{number}.json", content)) == 0
    assert len(rows("activities")) == 3
    # the three that hold the very same bytes are known by them
    assert len(rows("exports")) == len(GUISES) - 3
    assert "1 export already there" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    [
        '{"metadata":META,"activities_data":[]}',
        '{"activities_data":[],"metadata":META}',
        '{"activities_data":[ \n\t ] ,"metadata":META}',
    ],
)
def test_an_empty_day(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    meta = json.dumps(export()["metadata"])
    text = text.replace("META", meta)
    assert run(put("day.json", text)) == 0

    assert capsys.readouterr() == (
        "database/tickets.db: 1 export ingested (day.json) with 0 activities,"
        " 0 of them already there\n",
        "",
    )
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert rows("exports") == [("day.json", digest, TEN, NINE, 0, 0, None)]
    assert rows("activities") == []


def test_a_file_name_that_is_not_utf_8() -> None:
    """Archives from other systems unpack to names that are no text here."""
    path = Path(os.fsdecode(b"journ\xe9e.json"))
    try:
        write_export(path, DAY)
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    assert run(path) == 0
    assert select("select name from exports") == [("journ\ufffde.json",)]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("20-04-2017 10:00:00 +0000", TEN),
        ("20-04-2017 10:00:00 -0000", TEN),
        ("20-04-2017 15:30:00 +0530", TEN),
        ("20-04-2017 15:45:00 +0545", TEN),
        ("20-04-2017 03:00:00 -0700", TEN),
        ("21-04-2017 00:00:00 +1400", TEN),
        ("19-04-2017 22:00:00 -1200", TEN),
        ("21-04-2017 09:59:00 +2359", TEN),
        ("01-01-1970 00:00:00 +0000", 0),
        ("31-12-1969 23:59:59 +0000", -1),
        ("29-02-2024 00:00:00 +0000", 1709164800),
        ("31-12-9999 23:59:59 +0000", 253402300799),
        ("01-01-0001 00:00:00 +0000", -62135596800),
    ],
)
def test_an_offset_is_honoured(written: str, seconds: int) -> None:
    day = export(
        activity(written, status="Open"),
        start_at="01-01-0001 00:00:00 +0000",
        end_at="31-12-9999 23:59:59 +0000",
    )
    assert run(put("day.json", day)) == 0
    assert [row[1] for row in rows("activities")] == [seconds]
    day = export(start_at=written, end_at=written)
    assert run("--replace", put("empty.json", day)) == 0
    assert [row[2:4] for row in rows("exports")] == [(seconds, seconds)]


def test_an_activity_counts_once_within_a_file_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The order of the keys, white space and offset do not matter."""
    twice = """{"activities_data": [
        {"performed_at": "20-04-2017 10:00:00 +0000", "ticket_id": 1,
         "performer_type": "user", "performer_id": 5,
         "activity": {"status": "Open", "tags": {"a": 1, "b": [2]}}},
        {"activity":{"tags":{"b":[2],"a":1},"status":"Open"},
         "performer_id":5,"performer_type":"user","ticket_id":1,
         "performed_at":"20-04-2017 12:00:00 +0200"},
        {"performed_at": "20-04-2017 10:00:00 +0000", "ticket_id": 1,
         "performer_type": "user", "performer_id": 5,
         "activity": {"status": "Open", "tags": {"a": true, "b": [2]}}},
        {"performed_at": "20-04-2017 10:00:00 +0000", "ticket_id": 1,
         "performer_type": "user", "performer_id": 6,
         "activity": {"status": "Open", "tags": {"a": 1, "b": [2]}}}],
        "metadata": %s}"""
    metadata = {**export()["metadata"], "activities_count": 4}
    assert run(put("day.json", twice % json.dumps(metadata))) == 0

    out = capsys.readouterr().out
    assert "with 4 activities, 1 of them already there" in out
    assert [(row[4], row[6]) for row in rows("activities")] == [
        (1, 5),
        (3, 5),
        (4, 6),
    ]


def test_unusual_properties_are_kept() -> None:
    """Whatever the fixed columns cannot hold stands in other_properties."""
    kept: list[Json] = [
        {"new_ticket": False},
        {"new_ticket": 1},
        {"status": None},
        {"status": ""},
        {"status": " \t\u3000"},
        {"priority": "high"},
        {"priority": True},
        {"priority": 1.0},
        {"source": None},
        {"source": [1]},
        {"group": 7},
        {"group": {"id": 7}},
        {"product": None},
        {"category": 1},
        {"issue_type": False},
        {"contacted_customer": "yes"},
        {"contacted_customer": 1},
        {"shipping_address": ["a"]},
        {"shipment_date": "tomorrow"},
        {"shipment_date": None},
        {"shipment_date": "31 Feb, 2017"},
        {"agent_id": None, "requester": None},
        {"requester_id": None, "internal_agent_id": None},
        {"Notiz": "a\u0000b\u001fc\u007f\u2028\ufeff"},
        {"x" * 300: "y" * 300},
    ]
    day = export(
        *(
            activity("10:00:00", ticket=n, **changes)
            for n, changes in enumerate(kept)
        )
    )
    assert run(put("day.json", day)) == 0

    table = rows("property_changes")
    assert [row[3:-1] for row in table] == [(0, *[None] * 13)] * len(kept)
    assert [json.loads(row[-1]) for row in table] == kept


def test_a_property_under_both_its_names() -> None:
    """Today's has the column, in whichever order they stand."""
    for names in permutations(
        {"requester": 1, "requester_id": 2, "issue_type": "a"}.items()
    ):
        changes = {**dict(names), "ticket_type": "b"}
        day = export(activity("10:00:00", **changes))
        assert run("--replace", put("day.json", day)) == 0
        (row,) = rows("property_changes")
        assert (row[10], row[13]) == (2, "b")
        assert row[-1] == '{"issue_type":"a","requester":1}'


def test_the_old_name_has_the_column_where_todays_does_not_fit() -> None:
    day = export(
        activity("10:00:00", requester_id=None, requester=1),
        activity("10:00:01", requester_id=2, requester=1),
        activity("10:00:02", requester_id=None, requester=None),
    )
    assert run(put("day.json", day)) == 0
    assert [(row[10], row[-1]) for row in rows("property_changes")] == [
        (1, '{"requester_id":null}'),
        (2, '{"requester":1}'),
        (None, '{"requester":null,"requester_id":null}'),
    ]


def test_what_does_not_fit_leaves_its_neighbours_alone() -> None:
    """The values of several activities are looked at together."""
    day = export(
        activity("10:00:00", priority=1, group="Sales"),
        activity("10:00:01", priority=None, group="Sales"),
        activity("10:00:02", priority=1 << 63, group=7),
        activity("10:00:03", priority=(1 << 63) - 1, group=None),
    )
    assert run(put("day.json", day)) == 0
    table = rows("property_changes")
    assert [(row[5], row[7], row[-1]) for row in table] == [
        (1, "Sales", None),
        (None, "Sales", '{"priority":null}'),
        (None, None, '{"group":7,"priority":9223372036854775808}'),
        ((1 << 63) - 1, None, '{"group":null}'),
    ]


def test_what_else_a_record_and_a_note_say_is_kept() -> None:
    record = note("10:00:00", 3)
    record["activity"]["note"]["body"] = "¡Hola!"
    record["account"] = {"id": 1 << 80}
    assert run(put("day.json", export(record))) == 0

    assert [row[-1] for row in rows("activities")] == [
        '{"account":{"id":1208925819614629174706176}}'
    ]
    assert [row[-1] for row in rows("notes")] == ['{"body":"¡Hola!"}']


def test_an_activity_of_nothing_and_one_of_everything() -> None:
    both = activity("10:00:01", note={"id": 1, "type": 0}, status="Open")
    day = export(activity("10:00:00"), both)
    assert run(put("day.json", day)) == 0
    assert [row[1] for row in rows("activities")] == [TEN, TEN + 1]
    assert [row[1] for row in rows("notes")] == [TEN + 1]
    assert [row[1:2] + row[4:5] for row in rows("property_changes")] == [
        (TEN, None),
        (TEN + 1, "Open"),
    ]


@pytest.mark.parametrize("value", [-(1 << 63), (1 << 63) - 1, 0, -1])
def test_ids_have_64_bits(value: int) -> None:
    changes = dict.fromkeys(
        ["agent_id", "internal_agent_id", "requester_id"], value
    )
    day = export(
        activity("10:00:00", ticket=value, by=value, **changes),
        note("10:00:01", value, ticket=value, by=value, note_id=value),
    )
    assert run(put("day.json", day)) == 0
    assert [(r[0], r[6]) for r in rows("activities")] == [(value, value)] * 2
    assert [r[3:5] for r in rows("notes")] == [(value, value)]
    assert [r[8:11] for r in rows("property_changes")] == [(value,) * 3]


# Reads: a stream, cut anywhere

CUT = (
    ' {"x" : [1, -2.5e+3, 1E2, 0, -0.0, true, false, null, "\\u00e9\\ud83d'
    '\\ude00\\\\\\"\\/\\b\\f\\n\\r\\t", {}, [], [[]], {"":{}}, ""],'
    '"activities_data": [ {"a": 12345678901234567890, "b": "ä\U0001f600"}'
    ' , -17.25 , 1e5,true,false , null, "}],{[" , [ ], { } ,0, 12 ] ,\r\n'
    '"metadata" : {"start_at" : "\\\\", "deep": [[[{"n": -1e-3 }]]]} ,'
    '"number": 1.5e3, "last" : -12.75E-2 } \n'
)


def pieces(text: str, size: int) -> Iterator[str]:
    """Yield *text* in pieces of so many characters."""
    return (text[at : at + size] for at in range(0, len(text), size))


def read(chunks: Iterable[str]) -> tuple[list[object], object]:
    """Return the records and the metadata that the reader finds."""
    reader = ExportReader(iter(chunks))
    return [*chain.from_iterable(reader.records())], reader.metadata


@pytest.mark.parametrize("text", [CUT, TODAY, *map(str, [ONE_LINE])])
def test_a_text_in_pieces_of_every_size(text: str) -> None:
    whole = json.loads(text)
    expected = whole["activities_data"], whole["metadata"]
    for size in range(1, len(text) + 1):
        assert read(pieces(text, size)) == expected, size
    for at in range(1, len(text)):
        assert read([text[:at], text[at:]]) == expected, at


def test_no_beginning_of_an_export_is_one() -> None:
    text = CUT.rstrip()
    for end in range(len(text)):
        for size in (1, 7, len(text)):
            with pytest.raises(Malformed):
                read(pieces(text[:end], size))


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_bytes_in_reads_of_every_size(mark: bytes) -> None:
    text = "aé€\U0001f600\ufeff\x00 \u0800\U0010ffff\n"
    content = mark + text.encode()
    for size in range(1, len(content) + 1):
        found = list(decoded(io.BytesIO(content), size))
        assert "".join(found) == text, size
        assert "" not in found  # which would read as the end of the file


NOT_UTF_8 = [
    b"\xff",  # never occurs
    b"\xfe\xff",  # UTF-16's byte-order marks
    b"\xff\xfe",
    b"\x80",  # continues nothing
    b"\xc3",  # is not continued
    b"\xe2\x82",
    b"\xf0\x9f\x98",
    b"\xc3(",
    b"\xc0\xaf",  # longer than need be
    b"\xe0\x80\xaf",
    b"\xf0\x80\x80\xaf",
    b"\xfc\x83\xbf\xbf\xbf\xbf",
    b"\xed\xa0\x80",  # surrogates
    b"\xed\xbf\xbf",
    b"\xed\xa0\xbd\xed\xb8\x80",
    b"\xf4\x90\x80\x80",  # beyond Unicode
    b"\xe9",  # Latin-1
]


@pytest.mark.parametrize("wrong", NOT_UTF_8)
def test_bytes_that_are_not_utf_8_in_reads_of_every_size(wrong: bytes) -> None:
    content = "aé€".encode() + wrong + b"z"
    for size in range(1, len(content) + 1):
        with pytest.raises(Malformed, match="UTF-8"):
            list(decoded(io.BytesIO(content), size))


def test_a_large_activity_and_much_white_space() -> None:
    """In time that grows with the length, not with its square."""
    description = 'ä\\"\n' * 1_000_000
    space = " \t\r\n" * 1_000_000
    day = export(
        activity("10:00:00", description=description, last=1),
        activity("10:00:01", numbers=list(range(100_000))),
    )
    text = as_bytes(day).decode()
    text = text.replace('"activities_data": [', f'"activities_data":{space}[')
    text = text.replace('"last":', f'"last"{space}:')
    started = time.process_time()
    for size in (1_000, 1 << 16, len(text)):
        records, metadata = read(pieces(text, size))
        assert records == day["activities_data"]
        assert metadata == day["metadata"]
    assert time.process_time() - started < 20
    assert run(put("day.json", text)) == 0
    (kept, numbers) = (json.loads(r[-1]) for r in rows("property_changes"))
    assert kept == {"description": description, "last": 1}
    assert numbers == {"numbers": list(range(100_000))}


def long_text(records: int) -> Iterator[str]:
    """Yield the text of an export of so many records, piece by piece."""
    yield '{"activities_data":['
    for number in range(records):
        yield (f'{"," if number else ""}{{"ticket_id":{number}}}{" " * 50}')
    yield '],"metadata":{}}'


def test_a_longer_text_takes_no_more_memory() -> None:
    def peak(records: int) -> int:
        tracemalloc.start()
        try:
            reader = ExportReader(long_text(records))
            assert sum(map(len, reader.records())) == records
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)  # what is made only once
    # The texts have 69,000 and 690,000 characters. The reader takes 3,000
    # bytes, now and then 13,000: Python's own doings are in it.
    assert peak(10_000) < peak(1_000) + 100_000


# The caches are made small, so that two short files show what long ones do.
MEASURED = """
import sys
import export_json
export_json.CACHE_KIB = 500
export_json.BATCH_RECORDS = 500
export_json.BATCH_CHARACTERS = 1 << 16
export_json.STAGED_CHARACTERS = 1 << 20
assert export_json.main(sys.argv[1:]) == 0
status = open("/proc/self/status").read()
print(status.split("VmHWM:")[1].split()[0])
"""


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="needs Linux's /proc"
)
@pytest.mark.parametrize(
    "what, short, long",
    [
        ("activities", 1_000_000, 10_000_000),
        ("white space", 1_000_000, 10_000_000),
        ("long records", 10_000_000, 50_000_000),
    ],
)
def test_a_longer_file_takes_no_more_memory(
    what: str, short: int, long: int
) -> None:
    def peak(length: int) -> int:
        """Return how many KiB were in memory at most."""
        if what == "activities":
            day = export(
                *(
                    note(f"10:{n // 60 % 60:02}:{n % 60:02}", 0, ticket=n)
                    for n in range(length // 150)
                )
            )
            content = as_bytes(day)
        elif what == "white space":
            content = b" " * length + ONE_LINE.encode() + b"\n" * length
        else:  # a few are in memory, whatever their number
            day = export(
                *(
                    activity("10:00:00", ticket=n, text="x" * 500_000)
                    for n in range(length // 500_000)
                )
            )
            content = as_bytes(day)
        path = put(f"{length}.json.gz", gzip.compress(content, 1))
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


# Refuses: all of the file, in one line, and leaves everything as it was


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that holds DAY, to be copied."""
    folder = tmp_path_factory.mktemp("ingested")
    day = write_export(folder / "old.json", DAY)
    assert export_json.main(["-d", str(folder / "old.db"), str(day)]) == 0
    return folder / "old.db"


@pytest.fixture
def old(workplace: Path, ingested: Path) -> Path:
    """The database, with DAY in it."""
    (workplace / DATABASE).parent.mkdir()
    return Path(shutil.copyfile(ingested, workplace / DATABASE))


def refused_anywhere(
    capsys: pytest.CaptureFixture[str],
    ingested: Path,
    content: Json | bytes | str,
    name: str = "bad.json",
) -> str:
    """Assert that a file is refused by a new and by an old database.

    Returns what it says after the file's name.
    """
    path = put(name, content)
    said = refused(capsys, path)
    assert snapshot() == {}
    shutil.copyfile(ingested, DATABASE)
    assert refused(capsys, path) == said
    DATABASE.unlink()
    assert said.startswith(f"{name}: ")
    return said.removeprefix(f"{name}: ")


MISSING = object()
NO_INTEGER = [True, False, 1.5, 600.0, 1e3, "600", "", [], [1], {}]
NO_INTEGER += [1 << 63, -(1 << 63) - 1, 10**30]
NO_TIME = [
    MISSING,
    None,
    True,
    0,
    1492682400,
    1.5,
    [],
    {},
    "",
    "20-04-2017",
    "10:00:00",
    "20-04-2017 10:00:00",  # no offset
    "20-04-2017 10:00:00 ",
    "20-04-2017 10:00:00 UTC",
    "20-04-2017 10:00:00 Z",
    "20-04-2017 10:00:00Z",
    "20-04-2017 10:00:00+0000",
    "20-04-2017 10:00:00 0000",
    "20-04-2017 10:00:00 +00:00",
    "20-04-2017 10:00:00 +000",
    "20-04-2017 10:00:00 +00000",
    "20-04-2017 10:00:00 +2400",
    "20-04-2017 10:00:00 -9999",
    "20-04-2017 10:00:00 +0060",
    "20-04-2017 10:00:00 ++000",
    "20-04-2017 10:00:00 \u22120700",  # a minus sign, not a hyphen
    "20-04-2017 10:00:00 +0000 ",  # trailing junk
    "20-04-2017 10:00:00 +0000\n",
    "20-04-2017 10:00:00 +0000x",
    "20-04-2017 10:00:00 +0000 (UTC)",
    " 20-04-2017 10:00:00 +0000",
    "\ufeff20-04-2017 10:00:00 +0000",
    "20-04-2017  10:00:00 +0000",
    "20-04-2017T10:00:00 +0000",
    "20-04-2017 10:00:00.5 +0000",
    "20-04-2017 10:00 +0000",
    "20/04/2017 10:00:00 +0000",
    "2017-04-20 10:00:00 +0000",
    "2017-04-20T10:00:00Z",
    "20-4-2017 10:00:00 +0000",
    "020-04-2017 10:00:00 +0000",
    "20-04-17 10:00:00 +0000",
    "20-Apr-2017 10:00:00 +0000",
    "20-04-2017 25:00:00 +0000",
    "20-04-2017 24:00:00 +0000",
    "20-04-2017 10:60:00 +0000",
    "20-04-2017 10:00:60 +0000",
    "00-04-2017 10:00:00 +0000",
    "31-04-2017 10:00:00 +0000",
    "32-01-2017 10:00:00 +0000",
    "29-02-2017 10:00:00 +0000",
    "29-02-1900 10:00:00 +0000",
    "20-00-2017 10:00:00 +0000",
    "20-13-2017 10:00:00 +0000",
    "20-04-0000 10:00:00 +0000",
    "01-01-0001 00:00:00 +0001",  # in the year 0, in UTC
    "31-12-9999 23:59:59 -0001",  # in the year 10000
    "+2-04-2017 10:00:00 +0000",  # signs among the digits
    "20--4-2017 10:00:00 +0000",
    "20-04-+201 10:00:00 +0000",
    "20-04-2017 +1:00:00 +0000",
    "20-04-2017 10:-1:00 +0000",
    "20-04-2017 1_:00:00 +0000",
    "20-04-2017 1 :00:00 +0000",
    "\u0662\u0660-04-2017 10:00:00 +0000",  # other digits
    "\uff12\uff10-04-2017 10:00:00 +0000",
]
NO_OBJECT = [None, True, 0, 1.5, "", "{}", [], [{}]]
NO_TEXT = [True, False, 0, 1, 1.5, [], ["user"], {}]

WRONG_IN_RECORD = [
    *(("ticket_id", value) for value in [MISSING, None, *NO_INTEGER]),
    *(("performed_at", value) for value in NO_TIME),
    *(("performer_type", value) for value in [MISSING, None, *NO_TEXT]),
    *(("performer_id", value) for value in NO_INTEGER),
    *(("activity", value) for value in [MISSING, *NO_OBJECT]),
]
WRONG_IN_ACTIVITY = [
    *(("note", value) for value in NO_OBJECT),
    *(
        (name, value)
        for name in (
            "agent_id", "internal_agent_id", "requester_id", "requester",
        )
        for value in NO_INTEGER
    ),
    *(("status", value) for value in NO_TEXT),
]  # fmt: skip
WRONG_IN_NOTE = [
    (name, value)
    for name in ("id", "type")
    for value in [MISSING, None, *NO_INTEGER]
]
WRONG_IN_METADATA = [
    *(("start_at", value) for value in NO_TIME),
    *(("end_at", value) for value in NO_TIME),
    *(
        ("activities_count", value)
        for value in [MISSING, None, *NO_INTEGER, 2, 4, 0, -3, 3.0]
    ),
]


def named(cases: Iterable[tuple[str, object]]) -> list[Any]:
    """Return cases with names that tell them apart."""
    return [
        pytest.param(
            name,
            value,
            id=f"{name}={'missing' if value is MISSING else ascii(value)}",
        )
        for name, value in cases
    ]


def change(target: Json, name: str, value: object) -> None:
    if value is MISSING:
        del target[name]
    else:
        target[name] = value


def three(record: Any) -> Json:
    """Return an export of a record among two good ones."""
    return export(created("10:00:00"), record, note("10:05:00", 0))


@pytest.mark.parametrize(("name", "value"), named(WRONG_IN_RECORD))
def test_a_wrong_record(
    name: str,
    value: object,
    capsys: pytest.CaptureFixture[str],
    ingested: Path,
) -> None:
    record = activity("10:01:00", status="Pending")
    change(record, name, value)
    said = refused_anywhere(capsys, ingested, three(record))
    problem = "missing" if value is MISSING else "not "
    assert said.startswith(f"record 2: {name} is {problem}")


@pytest.mark.parametrize(("name", "value"), named(WRONG_IN_ACTIVITY))
def test_a_wrong_activity(
    name: str,
    value: object,
    capsys: pytest.CaptureFixture[str],
    ingested: Path,
) -> None:
    record = activity("10:01:00", priority=1)
    change(record["activity"], name, value)
    said = refused_anywhere(capsys, ingested, three(record))
    assert said.startswith(f"record 2: {name} is not ")


@pytest.mark.parametrize(("name", "value"), named(WRONG_IN_NOTE))
def test_a_wrong_note(
    name: str,
    value: object,
    capsys: pytest.CaptureFixture[str],
    ingested: Path,
) -> None:
    record = note("10:01:00", 4)
    change(record["activity"]["note"], name, value)
    said = refused_anywhere(capsys, ingested, three(record))
    problem = "missing" if value is MISSING else "not an integer: "
    assert said.startswith(f"record 2: the note's {name} is {problem}")


@pytest.mark.parametrize("value", [*NO_OBJECT[:-1], [activity("10:00:00")]])
def test_a_record_that_is_no_object(
    value: object, capsys: pytest.CaptureFixture[str], ingested: Path
) -> None:
    said = refused_anywhere(capsys, ingested, three(value))
    assert said.startswith("record 2: the record is not an object: ")


@pytest.mark.parametrize("metadata_first", [True, False])
@pytest.mark.parametrize(("name", "value"), named(WRONG_IN_METADATA))
def test_wrong_metadata(
    name: str,
    value: object,
    metadata_first: bool,
    capsys: pytest.CaptureFixture[str],
    ingested: Path,
) -> None:
    day = three(activity("10:01:00", status="Pending"))
    change(day["metadata"], name, value)
    if not metadata_first:
        day = dict(reversed(day.items()))
    said = refused_anywhere(capsys, ingested, day)
    assert said.startswith(f"{name} is ")


GOOD = ONE_LINE
META = json.dumps(export()["metadata"])
NO_EXPORT = {
    "empty": "",
    "white space": " \n\t",
    "byte-order mark alone": "\ufeff",
    "two byte-order marks": "\ufeff\ufeff" + GOOD,
    "byte-order mark at the end": GOOD + "\ufeff",
    "null": "null",
    "a number": "1",
    "a text": '"activities_data"',
    "an array": "[]",
    "an export in an array": f"[{GOOD}]",
    "an empty object": "{}",
    "no activities": f'{{"metadata":{META}}}',
    "no metadata": '{"activities_data":[]}',
    "activities null": f'{{"metadata":{META},"activities_data":null}}',
    "activities an object": f'{{"metadata":{META},"activities_data":{{}}}}',
    "activities a text": f'{{"metadata":{META},"activities_data":"[]"}}',
    "metadata null": '{"activities_data":[],"metadata":null}',
    "metadata an array": f'{{"activities_data":[],"metadata":[{META}]}}',
    "metadata a text": '{"activities_data":[],"metadata":"{}"}',
    "names in capitals": GOOD.replace("metadata", "Metadata"),
    "a comma at the end": GOOD[:-1] + ",}",
    "two commas": GOOD[:-1] + ',,"a":1}',
    "a comma at the beginning": "{," + GOOD[1:],
    "a comma in the array's end": f'{{"metadata":{META},'
    f'"activities_data":[{json.dumps(activity("10:00:00"))},]}}',
    "a comma alone": f'{{"metadata":{META},"activities_data":[,]}}',
    "no comma": f'{{"metadata":{META} "activities_data":[]}}',
    "no colon": f'{{"metadata" {META},"activities_data":[]}}',
    "two colons": f'{{"metadata"::{META},"activities_data":[]}}',
    "a semicolon": f'{{"metadata":{META};"activities_data":[]}}',
    "equals": f'{{"metadata"={META},"activities_data":[]}}',
    "no value": f'{{"metadata":{META},"activities_data":}}',
    "a key without quotes": GOOD.replace('"metadata"', "metadata"),
    "a key in single quotes": GOOD.replace('"metadata"', "'metadata'"),
    "a number for a key": GOOD[:-1] + ',1:"a"}',
    "an array for a key": GOOD[:-1] + ',["a"]:1}',
    "a key alone": GOOD[:-1] + ',"a"}',
    "metadata twice": GOOD[:-1] + f',"metadata":{META}}}',
    "activities twice": GOOD[:-1] + ',"activities_data":[]}',
    "metadata twice, escaped": GOOD[:-1] + f',"meta\\u0064ata":{META}}}',
    "another key twice": GOOD[:-1] + ',"a":1,"b":2,"a":1}',
    "a second export": GOOD + GOOD,
    "a second export on a line of its own": GOOD + "\n" + GOOD,
    "a second document": GOOD + " null",
    "a bracket too many": GOOD + "]",
    "a brace too many": GOOD + "}",
    "the wrong bracket": GOOD[:-1] + "]",
    "a comma after all": GOOD + ",",
    "a NUL after all": GOOD + "\0",
    "NULs after all": GOOD + "\0" * 5_000,
    "a comment before": "// an export\n" + GOOD,
    "a comment behind": GOOD + "# done",
    "a comment within": GOOD[:-1] + "/* */}",
    "no-break space": "\u00a0" + GOOD,
    "form feed": GOOD[:-1] + "\f}",
    "vertical tab": GOOD[:-1] + "\v}",
    "line separator": GOOD[:-1] + "\u2028}",
    "word joiner": GOOD + "\u2060",
    "JavaScript": f"callback({GOOD});",
    "a web page": "<!DOCTYPE html><html>Not found</html>",
    "CSV": "ticket_id,status\n1,Open\n",
    "Python": repr(DAY),
    "YAML": "metadata: {}\nactivities_data: []\n",
    "half a surrogate pair as a key": GOOD[:-1] + ',"\\ud800":1}',
    "arrays without end": "[" * 100_000,
    "arrays without end as metadata": '{"metadata":' + "[" * 100_000,
    "objects without end": '{"a":' * 100_000,
    "nesting too deep beside": GOOD[:-1]
    + ',"a":' + "[" * 100_000 + "]" * 100_000 + "}",
}  # fmt: skip
NO_EXPORT_BYTES = {
    "UTF-16": GOOD.encode("utf-16"),
    "UTF-16 without a mark": GOOD.encode("utf-16-le"),
    "UTF-32": GOOD.encode("utf-32"),
    "half a byte-order mark": b"\xef\xbb",
    "a broken byte-order mark": b"\xef\xbb{" + GOOD.encode(),
    "a ZIP archive": b"PK\x03\x04\x14\x00\x00\x00\x08\x00",
    "a database": b"SQLite format 3\0" + bytes(100),
    "gzip of nothing": gzip.compress(b""),
    "gzip's magic number": b"\x1f\x8b",
    "gzip's header": gzip.compress(GOOD.encode())[:10],
    "gzip in gzip": gzip.compress(gzip.compress(GOOD.encode())),
    "gzip, something behind": gzip.compress(GOOD.encode()) + b"more",
    "gzip, a wrong check sum": gzip.compress(GOOD.encode())[:-8] + bytes(8),
    "gzip, a method not known": b"\x1f\x8b\x07"
    + gzip.compress(GOOD.encode())[3:],
    "gzip, its data broken": gzip.compress(GOOD.encode())[:30]
    + b"\xff" * 30 + gzip.compress(GOOD.encode())[60:],
}  # fmt: skip


def with_nesting(depth: int) -> str:
    """Return the text of an export with a property nested so deep."""
    text = json.dumps(export(activity("10:00:00", Feld="HERE")))
    return text.replace('"HERE"', "[" * depth + "]" * depth)


@pytest.mark.parametrize("name", [*NO_EXPORT, *NO_EXPORT_BYTES])
def test_what_is_no_export(
    name: str, capsys: pytest.CaptureFixture[str], ingested: Path
) -> None:
    content = NO_EXPORT.get(name) or NO_EXPORT_BYTES.get(name, b"")
    said = refused_anywhere(capsys, ingested, content)
    assert "nothing of this file was kept" in said
    # whatever is wrong here, no single record is
    assert not said.startswith("record ") or "comma" in name


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(three(activity("10:01:00", status=1))),
        json.dumps(three(activity("10:01:00", text="\ud800"))),
        with_nesting(201),
        with_nesting(100_000),
        GOOD[:-1],
        GOOD.encode("utf-16"),
        GOOD + "null",
        f'{{"metadata":{META}}}',
    ],
    ids=range(8),
)
def test_a_second_process_refuses_the_same(
    content: str | bytes,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    old: Path,
) -> None:
    """It is for long files; its words are the same, and none are its own."""
    path = put("bad.json", content)
    said = refused(capsys, path)
    monkeypatch.setattr(export_json, "PARALLEL_SIZE", 0)
    assert refused(capsys, path) == said
    assert refused(capsys, "--replace", path) == said
    assert old.exists()


def test_a_full_disk_under_what_waits_is_told(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    old: Path,
) -> None:
    def full() -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(export_json, "PARALLEL_SIZE", 0)
    monkeypatch.setattr(export_json, "TemporaryFile", full)
    assert refused(capsys, put("today.json", TODAY)) == (
        "temporary files: No space left on device; make room for them, or let"
        " TMPDIR name another folder"
    )
    assert old.exists()


@pytest.mark.parametrize("depth", [150, 201])
def test_nesting(depth: int, capsys: pytest.CaptureFixture[str]) -> None:
    path = put("deep.json", with_nesting(depth))
    if depth < 200:
        assert run(path) == 0
        (row,) = rows("property_changes")
        assert row[-1] == f'{{"Feld":{"[" * depth}{"]" * depth}}}'
    else:
        said = refused(capsys, path)
        assert said.startswith("deep.json: record 1: nested too deep; ")


@pytest.mark.parametrize("wrong", NOT_UTF_8)
def test_what_is_not_utf_8(
    wrong: bytes, capsys: pytest.CaptureFixture[str], ingested: Path
) -> None:
    content = as_bytes(three(activity("10:01:00", subject="HERE")))
    content = content.replace(b"HERE", wrong)
    said = refused_anywhere(capsys, ingested, content)
    assert "text is not UTF-8" in said


def test_a_window_that_ends_before_it_starts(
    capsys: pytest.CaptureFixture[str], ingested: Path
) -> None:
    day = export(start_at="10:00:01", end_at="10:00:00")
    said = refused_anywhere(capsys, ingested, day)
    assert said.startswith("end_at is before start_at")
    # as times, not as they are written
    day = export(
        start_at="20-04-2017 10:00:00 -0100",
        end_at="20-04-2017 10:59:59 +0000",
    )
    said = refused_anywhere(capsys, ingested, day)
    assert said.startswith("end_at is before start_at")
    day = export(start_at="10:00:00", end_at="10:00:00")
    assert run(put("second.json", day)) == 0


@pytest.mark.usefixtures("old")
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_cut_off_anywhere(
    packed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    content = gzip.compress(GOOD.encode()) if packed else GOOD.encode()
    before = snapshot()
    path = Path("cut.json")
    for end in range(len(content)):
        path.write_bytes(content[:end])
        assert run(path) == 1
        out, err = capsys.readouterr()
        assert (out, err[:17], err.count("\n")) == ("", "error: cut.json: ", 1)
        assert err.isascii()
    assert snapshot() == before
    path.write_bytes(content)
    assert run(path) == 0


# Standard JSON only, wherever it stands

HERE = '"HERE"'


def with_value(place: str, value: str) -> str:
    """Return the text of an export with this JSON value at that place."""
    record = activity("10:01:00", status="Pending", last=1)
    day = three(record)
    if place == "property":
        record["activity"] = {"Feld": "HERE", **record["activity"]}
    elif place == "last property":
        record["activity"]["Feld"] = "HERE"
    elif place == "deep in a property":
        record["activity"]["Feld"] = [{"a": [0, "HERE", 1]}]
    elif place == "note":
        record["activity"] = {"note": {"id": 1, "body": "HERE", "type": 4}}
    elif place == "record":
        record["extra"] = "HERE"
    elif place == "metadata":
        day["metadata"]["extra"] = [0, "HERE"]
    elif place == "metadata behind":
        day["metadata"]["extra"] = "HERE"
        day = dict(reversed(day.items()))
    elif place == "top level":
        day = {"extra": "HERE", **day}
    elif place == "top level behind":
        day["extra"] = "HERE"
    elif place == "element":
        day["activities_data"][1] = "HERE"
    text = json.dumps(day)
    assert text.count(HERE) == 1
    return text.replace(HERE, value)


PLACES = [
    "property",
    "last property",
    "deep in a property",
    "note",
    "record",
    "metadata",
    "metadata behind",
    "top level",
    "top level behind",
]
MALFORMED = """
NaN -NaN nan Infinity -Infinity +Infinity inf Inf INF None undefined
True FALSE Null nul tru fals nulll truefalse true1
+1 ++1 -- - -a +- 01 -01 00 012 -012 0123.5 1. -1. 1.e3 .5 -.5 .e1
1e 1e+ 1e- 1E 1E+ 1.5e 1ee2 1e2e3 1e1.5 1.2.3 1..2 0x1F 0x 0b1 0o7 1_000
1'000 1f 1L 10n 12a 1+1 2-1 1/2 ~1 !0
1e400 -1e400 1e99999
\uff11 \u0661 \u00bd \u221e
'a' ' `a` \u201ca\u201d \u00aba\u00bb a" "a"b" "a"" "a"1
"\\x41" "\\a" "\\'" "\\0" "\\v" "\\U0041" "\\u" "\\u0" "\\u00" "\\u004"
"\\u004g" "\\u+041" "\\u-041" "\\u0x41" "\\u{41}" "\\u 041" "\\uff1"
"\\\u00e9" "\\\U0001f600" "\\ a" \\u0022a\\u0022 \\n
"\\ud800" "\\udfff" "\\ud83d" "\\ude00" "\\ude00\\ud83d" "\\ud83dx"
"\\ud83d\\u0041" "\\ud83d\\ud83d\\ude00" "\\ud83d\\" "\\ud83d\\u" {"\\udc00":1}
[1,] [,1] [1,,2] [,] [1;2] [1:2] [1 [1}  [1]] [[1] ["a" [a] [1\u00a0] [-] [+1]
[NaN] [1.] [01] ["\\x"] ['a'] [1//] [1/**/] [#] [*] [...] [1
{"a":1,} {,} {,"a":1} {"a":1,,"b":2} {"a" 1} {"a"::1} {"a":} {"a"} {"a","b"}
{:1} {a:1} {'a':1} {1:1} {null:1} {true:1} {[]:1} {"a":1;"b":2} {"a"=1}
{"a":1 {"a":1] {"a":1}} {"a":1/**/} {"a":1"b":2} {"a":NaN} {"a":01} {"a":'b'}
{"a":1#} {"a":"\\u12"} {"a":tru} {{}} {[1]} {"a":b} {1 { } ] ) () (1) <1> <>
/**/1 1/**/ //1 #1 ; : * $ @ % & | ^ ? = \\ / . …
"""
MALFORMED_VALUES = [
    *MALFORMED.strip("\n").replace("\n", " ").split(" "),
    "",
    '"',
    *(f'"a{chr(code)}b"' for code in range(32)),
    *(f"{chr(code)}1" for code in range(32) if chr(code) not in "\t\n\r"),
    "\x7f",
    "\ufeff1",
    "1\u2028",
    "\u30001",
    "- 1",
    "1 2",
    "1 000",
    "1e 5",
    "tr ue",
    '"a" "b"',
    '"a" + "b"',
    '"a\\',
    '"a',
    '"\\\n"',
    "1" * 5_000,  # more digits than Python reads
    "-" + "1" * 5_000,
    "[" * 100_000,
    "[" * 100_000 + "]" * 100_000,
    '{"a":' * 100_000 + "1" + "}" * 100_000,
]
# Not every Python has a bound to the digits.
if not hasattr(sys, "set_int_max_str_digits"):
    MALFORMED_VALUES = [v for v in MALFORMED_VALUES if v[-9:] != "1" * 9]


@pytest.mark.usefixtures("old")
@pytest.mark.parametrize("place", [*PLACES, "element"])
def test_values_that_are_not_standard_json(
    place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = snapshot()
    in_record = {*PLACES[:5], "element"}
    for value in MALFORMED_VALUES:
        path = put("bad.json", with_value(place, value))
        assert run(path) == 1, value
        stdout, stderr = capsys.readouterr()
        assert (stdout, stderr.count("\n")) == ("", 1), value
        assert stderr.startswith("error: bad.json: "), value
        has_number = stderr.startswith("error: bad.json: record 2: ")
        assert has_number == (place in in_record), (value, stderr)
    assert snapshot() == before


@pytest.mark.parametrize("size", [1, 2, 3, 8, 11, 64])
def test_values_that_are_not_standard_json_in_pieces(size: int) -> None:
    """What is wrong does not become right by where a read ends."""
    for place in ("property", "metadata behind", "top level"):
        for value in MALFORMED_VALUES:
            text = with_value(place, value)
            if len(text) > 10_000:
                continue
            try:
                json.dumps(
                    read(pieces(text, size)), ensure_ascii=False
                ).encode()
            except (Malformed, UnicodeEncodeError):
                continue
            pytest.fail(f"{value!r} passed at {place}")


# Text as it may stand in an export, and as the database keeps it.
VALUES = {
    "null": "null",
    "true": "true",
    "false": "false",
    "0": "0",
    "-0": "0",
    "-1": "-1",
    "600": "600",
    "9007199254740993": "9007199254740993",  # beyond a double
    "9223372036854775808": "9223372036854775808",  # beyond 64 bits
    "-9223372036854775809": "-9223372036854775809",
    "1" * 4_000: "1" * 4_000,
    "1.5": "1.5",
    "-0.0": "-0.0",
    "1E2": "100.0",
    "1e+2": "100.0",
    "25e-1": "2.5",
    "0e0": "0.0",
    "1e-400": "0.0",
    "1.7976931348623157e308": "1.7976931348623157e+308",
    '""': '""',
    '" a  b "': '" a  b "',
    '"\\u0041"': '"A"',
    '"\\u00E9\\u00e9"': '"éé"',
    '"\\ud83d\\ude00"': '"\U0001f600"',
    '"\\uD834\\uDD1E"': '"\U0001d11e"',
    '"\\\\u0041"': '"\\\\u0041"',
    '"\\/"': '"/"',
    '"\\"\\\\\\b\\f\\n\\r\\t"': '"\\"\\\\\\b\\f\\n\\r\\t"',
    '"\\u0000\\u001f"': '"\\u0000\\u001f"',
    '"\x7f\x80\u2028\u2029\ufeff\uffff"': '"\x7f\x80\u2028\u2029\ufeff\uffff"',
    '"e\u0301 \u00e9"': '"e\u0301 \u00e9"',  # is not normalised
    '"\U0010ffff"': '"\U0010ffff"',
    '"/* no */ // comment"': '"/* no */ // comment"',
    '"NaN"': '"NaN"',
    '"]}"': '"]}"',
    "[]": "[]",
    "{}": "{}",
    "[ ]": "[]",
    "[\t1\n,\r2 ]": "[1,2]",
    "[[],{},[[]],null]": "[[],{},[[]],null]",
    '{"b":1,"a":2}': '{"a":2,"b":1}',
    '{"":0," ":1}': '{"":0," ":1}',
    '{"a":1,"a":2}': '{"a":2}',  # the last of them wins
    '{"a":{"b":1},"a":{"c":1}}': '{"a":{"c":1}}',
    '{"\\u0061":1,"a":[]}': '{"a":[]}',
    '{"__class__":"x","$ref":"y"}': '{"$ref":"y","__class__":"x"}',
    "[" * 150 + "]" * 150: "[" * 150 + "]" * 150,
}


@pytest.mark.parametrize("place", PLACES)
def test_values_of_standard_json(place: str) -> None:
    for number, (value, kept) in enumerate(VALUES.items()):
        Path(f"{number}.json").write_text(
            with_value(place, value), encoding="utf-8"
        )
        assert run("--replace", f"{number}.json") == 0, value
        expected = {
            "property": '{"Feld":%s,"last":1}',
            "last property": '{"Feld":%s,"last":1}',
            "deep in a property": '{"Feld":[{"a":[0,%s,1]}],"last":1}',
        }.get(place, '{"last":1}') % (() if "pro" not in place else kept)
        others = [row[-1] for row in rows("property_changes")[1:]]
        assert others == ([] if place == "note" else [expected]), value
        bodies = [row[-1] for row in rows("notes") if row[-1]]
        assert bodies == ([f'{{"body":{kept}}}'] * (place == "note")), value
        extras = [row[-1] for row in rows("activities") if row[-1]]
        assert extras == ([f'{{"extra":{kept}}}'] * (place == "record")), value


def test_the_last_of_two_keys_wins_below_the_top_level() -> None:
    text = """{"activities_data": [{"ticket_id": true, "ticket_id": 7,
        "performed_at": null, "performed_at": "20-04-2017 10:00:00 +0000",
        "performer_type": "user", "performer_type": "system",
        "activity": {"note": 1}, "activity": {"status": 5, "status": "Open"}
        }], "metadata": {"activities_count": 5, "activities_count": 1,
        "start_at": "20-04-2017 10:00:00 +0000",
        "end_at": "", "end_at": "21-04-2017 09:59:59 +0000"}}"""
    assert run(put("day.json", text)) == 0
    content = key('["system",null,{"status":"Open"}]')
    assert rows("activities") == [
        (7, TEN, content, "day.json", 1, "system", None, None)
    ]
    assert rows("property_changes") == [
        change_row(7, TEN, content, None, status="Open")
    ]
    assert rows("exports")[0][2:5] == (TEN, NINE, 1)


@pytest.mark.parametrize(
    "text", ['"\\ud800"', '{"\\udfff":1}', '["\\ude00\\ud83d"]']
)
@pytest.mark.parametrize("name", ["performer_type", "status", "activity"])
def test_half_a_surrogate_pair(
    name: str, text: str, capsys: pytest.CaptureFixture[str], ingested: Path
) -> None:
    record = activity("10:01:00", status="Pending")
    (record if name in record else record["activity"])[name] = "HERE"
    said = refused_anywhere(
        capsys, ingested, json.dumps(three(record)).replace(HERE, text)
    )
    assert said.startswith("record 2: ")


# Files that cannot be read, and several files


@pytest.mark.usefixtures("old")
def test_what_cannot_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    Path("folder.json").mkdir()
    Path("loop.json").symlink_to("loop.json")
    Path("nowhere.json").symlink_to("nothing")
    for name, problem in {
        "missing.json": "No such file or directory",
        "no/such/folder.json": "No such file or directory",
        "nowhere.json": "No such file or directory",
        "folder.json": "Is a directory",
        "loop.json": "Too many levels of symbolic links",
        "x" * 300: "File name too long",
    }.items():
        for more in ([], ["--replace"]):
            assert refused(capsys, *more, name) == (
                f"{name}: {problem}; name a file that can be read"
            )


@pytest.mark.usefixtures("old")
@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission(capsys: pytest.CaptureFixture[str]) -> None:
    path = put("secret.json", DAY)
    path.chmod(0)
    assert refused(capsys, path) == (
        "secret.json: Permission denied; name a file that can be read"
    )


@pytest.mark.parametrize("exists", [False, True])
def test_good_files_before_a_bad_one_are_kept_and_said(
    exists: bool, capsys: pytest.CaptureFixture[str], ingested: Path
) -> None:
    if exists:
        DATABASE.parent.mkdir()
        shutil.copyfile(ingested, DATABASE)
    first = put("first.json", export(activity("10:00:01", ticket=5)))
    second = put("second.json", export(activity("10:00:02", ticket=6)))
    bad = put("bad.json", three(activity("10:00:03", ticket=7, status=1)))
    last = put("last.json", export(activity("10:00:04", ticket=8)))
    assert run(first, second, bad, last, "--status-alias", "Zu=Closed") == 1

    stdout, stderr = capsys.readouterr()
    assert stdout == (
        "database/tickets.db: 2 exports ingested (first.json, second.json)"
        " with 2 activities, 0 of them already there\n"
    )
    assert stderr == (
        "error: bad.json: record 2: status is not text: 1; nothing of this"
        " file was kept, export it again or correct it\n"
    )
    there = [1, 1, 1] if exists else []
    assert [row[0] for row in rows("activities")] == [*there, 5, 6]
    assert ("Zu",) in select("select label from status_aliases")

    # and the same command completes the job when the file is corrected
    put("bad.json", three(activity("10:00:03", ticket=7, status="Open")))
    assert run(first, second, bad, last) == 0
    assert "2 exports ingested (bad.json, last.json)" in capsys.readouterr().out
    assert {row[0] for row in rows("activities")} == {1, 5, 6, 7, 8}


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_replace_takes_all_files_or_none(
    place: int,
    exists: bool,
    capsys: pytest.CaptureFixture[str],
    ingested: Path,
) -> None:
    DATABASE.parent.mkdir()
    if exists:
        shutil.copyfile(ingested, DATABASE)
    paths = [
        put(f"{n}.json", export(activity("10:00:00", ticket=n))) for n in (5, 6)
    ]
    bad = put("bad.json", three(activity("10:00:03", status=1)))
    paths.insert(place, bad)
    said = refused(capsys, "--replace", "--status-alias", "A=Open", *paths)
    assert said.startswith("bad.json: record 2: status is not text: 1; ")
    paths.remove(bad)
    assert run("--replace", *paths) == 0
    assert [row[0] for row in rows("activities")] == [5, 6]
    assert list(snapshot()) == ["tickets.db"]


@pytest.mark.usefixtures("old")
def test_an_alias_is_not_kept_with_a_bad_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    refused(capsys, put("bad.json", "{}"), "--status-alias", "Zu=Closed")
    assert ("Zu",) not in select("select label from status_aliases")


# Databases that are not ours


def foreign(name: str) -> bytes:
    """Return the bytes of a file that is no database of ours."""
    if name == "text":
        return b"dear diary, today I wrote to Freshdesk\n" * 10
    if name == "one byte":
        return b"S"
    if name == "an export":
        return ONE_LINE.encode()
    Path("made.db").unlink(missing_ok=True)
    with closing(sqlite3.connect("made.db")) as connection:
        if name == "newer":
            connection.execute(
                f"pragma application_id = {export_json.APPLICATION_ID}"
            )
            newer = SCHEMA_VERSION + 1
            connection.execute(f"pragma user_version = {newer}")
        elif name == "another application":
            connection.execute("pragma application_id = 1196444487")
        connection.execute("create table exports (a)")
    content = Path("made.db").read_bytes()
    return content[:50] if name == "cut off" else content


@pytest.mark.parametrize("more", [[], ["--replace"], ["alias"]])
@pytest.mark.parametrize(
    "name",
    [
        "text",
        "one byte",
        "an export",
        "no application",
        "another application",
        "newer",
        "cut off",
    ],
)
def test_a_database_that_is_not_ours(
    name: str, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    DATABASE.parent.mkdir()
    DATABASE.write_bytes(foreign(name))
    # what may stand beside it is not ours either
    Path(f"{DATABASE}-journal").write_bytes(b"not ours")
    Path(f"{DATABASE}-wal").write_bytes(b"not ours")
    arguments: list[str | Path] = (
        ["--status-alias", "Zu=Closed"]
        if more == ["alias"]
        else [*more, put("day.json", DAY)]
    )
    said = refused(capsys, *arguments)
    assert said == (
        f"database/tickets.db: made by a newer version ({SCHEMA_VERSION + 1},"
        f" this one knows {SCHEMA_VERSION});"
        " update these scripts"
        if name == "newer"
        else "database/tickets.db: not a database of ticket activities, so it"
        " is left alone; name another one with --database"
    )
    assert DATABASE.read_bytes() == foreign(name)


@pytest.mark.parametrize("more", [[], ["--replace"]])
def test_a_database_that_is_no_file(
    more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    day = put("day.json", DAY)
    Path("folder").mkdir()
    os.mkfifo("pipe")
    Path("link").symlink_to("pipe")
    for name in ("folder", "pipe", "link"):
        before = os.lstat(name), sorted(Path().iterdir())
        assert export_json.main(["-d", name, *more, str(day)]) == 1
        _, stderr = capsys.readouterr()
        shown = "pipe" if name == "link" else name
        assert f"{shown}: not a database of ticket activities" in stderr
        assert stderr.count("\n") == 1
        after = os.lstat(name), sorted(Path().iterdir())
        assert after[1] == before[1]
        assert after[0].st_mtime_ns == before[0].st_mtime_ns
    assert list(Path("folder").iterdir()) == []


def test_a_folder_that_is_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("database").write_text("a file")
    day = put("day.json", DAY)
    assert run(day) == 1
    stdout, stderr = capsys.readouterr()
    assert (stdout, stderr[:15]) == ("", "error: database")
    assert stderr.count("\n") == 1
    assert Path("database").read_text() == "a file"


def test_an_empty_file_and_a_link_become_the_database() -> None:
    """So that mktemp's and a link's file can be named."""
    DATABASE.parent.mkdir()
    Path("real.db").touch()
    DATABASE.symlink_to(Path("real.db").absolute())
    assert run(put("day.json", DAY)) == 0
    assert DATABASE.is_symlink()
    assert len(select(ROWS["activities"], Path("real.db"))) == 3
    assert run("--replace", put("empty.json", export())) == 0
    assert DATABASE.is_symlink()
    assert rows("activities") == []


# What the user is told


def test_the_same_bytes_are_known_under_any_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    paths = [
        put("a.json", DAY),
        put("b.json", DAY),
        put("c.json.gz", gzip.compress(as_bytes(DAY), 9)),
        put("d.json", gzip.compress(as_bytes(DAY), 0)),
    ]
    assert run(*paths) == 0
    assert capsys.readouterr() == (
        "database/tickets.db: 1 export ingested (a.json) with 3 activities,"
        " 0 of them already there; 3 exports already there\n",
        "",
    )
    before = snapshot()
    assert run(*reversed(paths)) == 0
    assert capsys.readouterr() == (
        "database/tickets.db: 0 exports ingested; 4 exports already there\n",
        "",
    )
    assert {n: s[0] for n, s in snapshot().items()} == {
        n: s[0] for n, s in before.items()
    }
    # another byte makes another file, whose activities are there already
    assert run(put("e.json", as_bytes(DAY) + b"\n")) == 0
    assert capsys.readouterr().out == (
        "database/tickets.db: 1 export ingested (e.json) with 3 activities,"
        " 3 of them already there\n"
    )
    assert sorted(row[:2] for row in rows("exports")) == [
        ("a.json", hashlib.sha256(as_bytes(DAY)).hexdigest()),
        ("e.json", hashlib.sha256(as_bytes(DAY) + b"\n").hexdigest()),
    ]


def test_the_summary_names_three_files(
    capsys: pytest.CaptureFixture[str],
) -> None:
    records = [activity(f"10:00:0{n}", status="Open") for n in range(5)]
    paths = [put(f"{n}.json", export(*records[n : n + 2])) for n in range(4)]
    assert run(*paths) == 0
    assert capsys.readouterr().out == (
        "database/tickets.db: 4 exports ingested (0.json, 1.json, 2.json and 1"
        " more) with 8 activities, 3 of them already there\n"
    )


def test_missing_days_outside_activities_and_unmapped_labels_are_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = export(
        activity("09:59:59", status="Esperando"),
        activity("10:00:00", status=" esperando "),
        activity("21-04-2017 09:59:59 +0000", status="waiting  for CUSTOMER"),
        activity("21-04-2017 10:00:00 +0000", status="=1+1"),
    )
    fourth = export(
        start_at="23-04-2017 10:00:00 +0000",
        end_at="24-04-2017 09:59:59 +0000",
    )
    fifth = export(
        start_at="24-04-2017 11:00:00 +0100",
        end_at="25-04-2017 09:59:59 +0000",
    )
    assert run(put("5.json", fifth), put("4.json", fourth)) == 0
    assert capsys.readouterr().err == ""
    assert run(put("1.json", first)) == 0
    assert capsys.readouterr().err == (
        "note: 1.json: 2 activities outside its window, kept\n"
        "note: no export covers 21-04-2017 10:00:00 +0000"
        " to 23-04-2017 09:59:59 +0000\n"
        "note: not mapped to a canonical status (see --status-alias):"
        ' "=1+1", "Esperando", "esperando"\n'
    )
    assert [(row[0], row[5]) for row in rows("exports")] == [
        ("1.json", 2),
        ("4.json", 0),
        ("5.json", 0),
    ]
    # once the days between are there nothing is missing any more
    between = export(
        start_at="21-04-2017 10:00:00 +0000",
        end_at="23-04-2017 09:59:59 +0000",
    )
    assert run(put("2.json", between), "--status-alias", "ESPERANDO=Open") == 0
    assert capsys.readouterr().err == (
        'note: not mapped to a canonical status (see --status-alias): "=1+1"\n'
    )


def test_a_label_cannot_fake_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    label = 'a"b\nnote: c\x1b[31m\x00'
    assert run(put("day.json", export(activity("10:00:00", status=label)))) == 0
    assert capsys.readouterr().err == (
        "note: not mapped to a canonical status (see --status-alias):"
        ' "a\\"b note: c\\u001b[31m\\u0000"\n'
    )


# Status labels

ALIASES = "select label, status from status_aliases"
OWN_ALIASES = [
    *((status, status) for status in CANONICAL),
    ("Waiting for Customer", "Waiting on Customer"),
    ("Waiting for Third Party", "Waiting on Third Party"),
]


def meanings() -> dict[str, str]:
    """Return what each label that was ingested means."""
    return dict(
        select(
            "select label, coalesce(a.status, spelling) from statuses"
            " left join status_aliases as a using (label_key)".replace(
                "select label,", "select statuses.label,"
            )
        )
    )


def test_aliases_alone_are_just_recorded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("data/json").mkdir(parents=True)
    put("data/json/day.json", DAY)  # is not taken in
    assert run("--status-alias", "Zu=Closed", "--status-alias=Auf=open") == 0
    assert capsys.readouterr() == (
        "database/tickets.db: 0 exports ingested\n",
        "",
    )
    assert rows("exports") == []
    assert sorted(select(ALIASES)) == sorted(
        [*OWN_ALIASES, ("Zu", "Closed"), ("Auf", "Open")]
    )


def test_an_alias_holds_for_what_is_there_and_what_comes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    labels = [
        "Esperando por cliente",
        "  ESPERANDO \t por\u00a0cliente\n",
        "Straße=zu",
        "STRASSE=ZU",
        "  waiting FOR third\u3000party ",
        "cLOSED",
        "Geparkt ",
    ]
    day = export(
        *(activity(f"10:00:0{n}", status=x) for n, x in enumerate(labels))
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
        ' "Geparkt"\n',
    )
    assert meanings() == dict(
        zip(
            labels,
            [
                "Waiting on Customer",
                "Waiting on Customer",
                "Resolved",
                "Resolved",
                "Waiting on Third Party",
                "Closed",
                "Geparkt",
            ],
            strict=True,
        )
    )
    later = export(activity("11:00:00", status="ESPERANDO POR CLIENTE"))
    assert run(put("later.json", later)) == 0
    assert meanings()["ESPERANDO POR CLIENTE"] == "Waiting on Customer"


def test_the_last_word_on_a_label_counts() -> None:
    assert run("--status-alias=Zu=Closed", "--status-alias=ZU=Resolved") == 0
    assert ("ZU", "Resolved") in select(ALIASES)
    assert run("--status-alias=zu=Pending") == 0
    own = [a for a in select(ALIASES) if a not in OWN_ALIASES]
    assert own == [("zu", "Pending")]


@pytest.mark.usefixtures("old")
def test_replace_carries_the_aliases_over() -> None:
    assert run("--status-alias=Zu=Closed", "--status-alias=a=b=Open") == 0
    day = export(activity("10:00:00", status="ZU", ticket=9))
    path = put("new.json", day)
    assert run("--replace", path, "--status-alias=A=B=Pending") == 0
    assert [row[0] for row in rows("activities")] == [9]
    assert meanings() == {"ZU": "Closed"}
    assert sorted(select(ALIASES)) == sorted(
        [*OWN_ALIASES, ("Zu", "Closed"), ("A=B", "Pending")]
    )
    assert run("--replace", path) == 0
    assert meanings() == {"ZU": "Closed"}


@pytest.mark.usefixtures("old")
@pytest.mark.parametrize(
    "alias",
    [
        "Zu",
        "Zu=",
        "Zu=Done",
        "Zu=Waiting",
        "Zu=Waiting for Customer",  # is itself an alias
        "Closed=Zu",
        "Zu=Closed=",
        "=",
        "",
    ],
)
def test_an_unknown_canonical_status_is_a_usage_error(
    alias: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = snapshot()
    path = put("day.json", export(activity("10:00:00")))
    assert usage_error(path, "--status-alias", alias) == 2
    stdout, stderr = capsys.readouterr()
    assert stdout == ""
    message = " ".join(stderr.split())
    assert message.endswith(
        f"{alias!r} is not LABEL=STATUS with one of: {', '.join(CANONICAL)}"
    )
    assert snapshot() == before


@pytest.mark.usefixtures("old")
@pytest.mark.parametrize(
    "alias",
    [
        "=Open",
        "  =Open",
        "Closed=Open",
        " closed =Open",
        "Waiting for  customer=Pending",
        "\udcff=Open",  # an argument that is not UTF-8
    ],
)
def test_a_label_that_cannot_be_mapped_is_a_usage_error(
    alias: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = snapshot()
    assert usage_error("--status-alias", alias) == 2
    assert "argument --status-alias: " in capsys.readouterr().err
    assert snapshot() == before


def test_a_label_of_freshdesk_may_be_mapped_to_what_it_means() -> None:
    assert run("--status-alias=waiting for customer=Waiting on Customer") == 0
    assert len(select(ALIASES)) == len(OWN_ALIASES)


@pytest.mark.parametrize(
    "arguments", [["--nonsense"], ["-d"], ["--status-alias"], ["--replace=1"]]
)
def test_usage_errors(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        export_json.main(arguments)
    assert stop.value.code == 2
    stdout, stderr = capsys.readouterr()
    assert (stdout, stderr[:18]) == ("", "usage: export_json")
    assert list(Path().iterdir()) == []


# Which files, in which order


def test_the_default_is_all_exports_in_data_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("data/json").mkdir(parents=True)
    put("data/json/b.json", export(activity("10:00:00", ticket=2)))
    put(
        "data/json/a.json.gz",
        gzip.compress(as_bytes(export(activity("10:00:00", ticket=1)))),
    )
    put("data/json/c.json.part", b"no export")
    put("data/json/d.csv", b"no export")
    assert export_json.main([]) == 0
    assert capsys.readouterr().out == (
        "data/database/ticket_activities.db: 2 exports ingested (a.json.gz,"
        " b.json) with 2 activities, 0 of them already there\n"
    )
    assert run("--replace") == 0
    assert [row[0] for row in rows("activities")] == [1, 2]


@pytest.mark.parametrize("arguments", [[], ["--replace"]])
@pytest.mark.parametrize("exists", [False, True])
def test_no_exports_in_data_json(
    exists: bool, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    if exists:
        Path("data/json").mkdir(parents=True)
        put("data/json/export.txt", DAY)
    said = refused(capsys, *arguments)
    assert said.startswith("data/json: no *.json or *.json.gz there; ")
    assert not DATABASE.parent.exists()


def test_any_order_in_one_call_or_many() -> None:
    """Both forms; the tables are the same, whichever file came first."""
    overlapping = export(
        note("10:05:00", 0),  # stands in DAY, too
        activity("10:05:00", by=SYSTEM, status="Pending"),
        start_at="10:00:00",
        end_at="10:59:59",
    )
    paths = [
        put("day.json", DAY),
        put("today.json.gz", gzip.compress(TODAY.encode())),
        put("overlapping.json", overlapping),
    ]
    found = set()
    for order in permutations(paths):
        assert run("--replace", *order) == 0
        in_one = tuple(map(str, map(rows, ROWS)))
        DATABASE.unlink()
        assert run(*order) == 0
        one_by_one = tuple(map(str, map(rows, ROWS)))
        DATABASE.unlink()
        for path in order:
            assert run(path) == 0
            assert run(path) == 0
        found |= {in_one, one_by_one, tuple(map(str, map(rows, ROWS)))}
    assert len(found) == 1
    places = [row[3:5] for row in rows("activities") if row[0] == 1]
    # the note has its place from the export that ends first
    assert places == [
        ("day.json", 1),
        ("overlapping.json", 1),
        ("overlapping.json", 2),
        ("day.json", 3),
    ]


def test_exports_that_start_together_make_room_for_each_other() -> None:
    """Their numbers grow with their ends, and rows move along."""
    ends = ["11:00:00", "12:00:00", "13:00:00"]
    paths = [
        put(
            f"until {end[:2]}.json",
            export(activity("10:00:00", until=end), end_at=end),
        )
        for end in ends
    ]
    put("later.json", export(start_at="10:00:01", end_at="11:00:00"))
    first = TEN * export_json.MOST_SIMULTANEOUS
    for order in permutations([*paths, "later.json"]):
        DATABASE.unlink(missing_ok=True)
        for path in order:
            assert run(path) == 0
        assert select("select export_id, name from exports order by 1") == [
            (first, "until 11.json"),
            (first + 1, "until 12.json"),
            (first + 2, "until 13.json"),
            (first + export_json.MOST_SIMULTANEOUS, "later.json"),
        ]
        assert select(
            "select export_id, other_properties from property_changes"
            " order by export_id"
        ) == [
            (first + place, f'{{"until":"{end}"}}')
            for place, end in enumerate(ends)
        ]
        assert select("pragma foreign_key_check") == []


def test_too_many_exports_that_start_together(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(export_json, "MOST_SIMULTANEOUS", 2)
    for end in ("11:00:00", "12:00:00"):
        assert run(put(f"{end}.json", export(end_at=end))) == 0
    capsys.readouterr()
    said = refused(capsys, put("third.json", export()))
    assert said.startswith("third.json: 2 exports start in its first second; ")


# --replace, and what the old database left beside itself

KILLED = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("pragma cache_size = 1")
connection.execute("begin immediate")
connection.execute("update exports set name = 'half'")
connection.execute("delete from notes")
connection.execute("create table rubbish (a)")
for number in range(200):
    connection.execute("insert into rubbish values (?)", ["x" * 4000])
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def hot(old: Path) -> Path:
    """The database after a kill in mid-transaction, with a hot journal."""
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(old)], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    journal = Path(f"{old}-journal").read_bytes()
    assert journal[:8] == b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"  # it is hot
    return old


@pytest.mark.usefixtures("hot")
def test_a_hot_journal_does_not_reach_the_new_database() -> None:
    assert run("--replace", put("new.json", export(note("10:00:00", 3)))) == 0
    assert list(snapshot()) == ["tickets.db"]
    content = key(f'["user",{AGENT},{{"note":{{"id":1,"type":3}}}}]')
    assert rows("activities") == [
        (1, TEN, content, "new.json", 1, "user", AGENT, None)
    ]
    assert rows("notes") == [(1, TEN, content, 1, 3, None)]
    assert select("pragma integrity_check") == [("ok",)]
    assert select("select 1 from sqlite_master where name = 'rubbish'") == []


@pytest.mark.usefixtures("hot")
def test_a_hot_journal_is_played_back_by_the_next_ingest() -> None:
    assert run(put("new.json", export(note("10:00:00", 3)))) == 0
    assert list(snapshot()) == ["tickets.db"]
    assert sorted(row[0] for row in rows("exports")) == [
        "new.json",
        "old.json",
    ]
    assert len(rows("activities")) == 4
    assert len(rows("notes")) == 2
    assert select("select 1 from sqlite_master where name = 'rubbish'") == []


@pytest.mark.usefixtures("hot")
def test_a_bad_file_does_not_cost_the_old_database_its_journal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("--replace", put("bad.json", "{}")) == 1
    assert capsys.readouterr().err.startswith("error: bad.json: ")
    assert [row[0] for row in rows("exports")] == ["old.json"]
    assert len(rows("notes")) == 1
    assert select("select 1 from sqlite_master where name = 'rubbish'") == []


def test_a_journal_without_its_database_does_not_reach_a_new_one(
    hot: Path,
) -> None:
    hot.unlink()
    assert run(put("new.json", export(note("10:00:00", 3)))) == 0
    assert list(snapshot()) == ["tickets.db"]
    assert [row[0] for row in rows("exports")] == ["new.json"]
    assert select("pragma integrity_check") == [("ok",)]


@pytest.mark.usefixtures("old")
def test_what_a_killed_replace_left_is_not_in_the_way() -> None:
    for name in (".tickets.db.part", ".tickets.db.part-journal"):
        (DATABASE.parent / name).write_bytes(b"half a database")
    assert run("--replace", put("new.json", export(note("10:00:00", 3)))) == 0
    assert list(snapshot()) == ["tickets.db"]
    assert [row[0] for row in rows("exports")] == ["new.json"]


# Ctrl-C


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("arguments", [[], ["--replace"]])
@pytest.mark.parametrize("exists", [False, True])
def test_an_interrupt_leaves_all_as_it_was(
    exists: bool, arguments: list[str], processes: int, ingested: Path
) -> None:
    """A real one, while the records stream in."""
    DATABASE.parent.mkdir()
    if exists:
        shutil.copyfile(ingested, DATABASE)
    before = snapshot()
    # 600 MB of white space after a record; each member of a gzip file is one
    member = gzip.compress(b" " * 1_000_000, 1)
    head = gzip.compress(ONE_LINE[:-1].encode())
    path = put("long.json.gz", head + member * 600 + gzip.compress(b"}"))
    ready = (
        "import sys, export_json\n"
        f"export_json.PARALLEL_SIZE = {0 if processes == 2 else 1 << 40}\n"
        "real = export_json.decoded\n"
        "def told(file):\n"
        "    for number, text in enumerate(real(file)):\n"
        "        if number == 1:\n"
        "            print('reading', flush=True)\n"
        "        yield text\n"
        "export_json.decoded = told\n"
        "export_json.sha256 = lambda file: '0' * 64  # without reading it\n"
        "raise SystemExit(export_json.main(sys.argv[1:]))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", ready, "-d", str(DATABASE), *arguments, path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "reading\n"
        os.killpg(child.pid, signal.SIGINT)  # as a terminal does
        stdout, stderr = child.communicate(timeout=20)
    assert (child.returncode, stdout, stderr) == (130, "", "")
    assert snapshot() == before


@pytest.mark.usefixtures("old")
def test_an_interrupt_keeps_the_files_before(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    real = export_json.decoded

    def interrupted(file: Any) -> Iterator[str]:
        for text in real(file):
            if "Ctrl-C" in text:
                raise KeyboardInterrupt
            yield text

    monkeypatch.setattr(export_json, "decoded", interrupted)
    first = put("first.json", export(activity("10:00:01", ticket=5)))
    second = put("second.json", export(activity("10:00:02", key="Ctrl-C")))
    assert run(first, second) == 130
    assert capsys.readouterr().err == ""
    assert {row[0] for row in rows("exports")} == {"old.json", "first.json"}
    assert list(snapshot()) == ["tickets.db"]


def test_the_schema_has_the_version_that_it_is_known_by() -> None:
    """What changes it raises SCHEMA_VERSION: a database keeps its own views."""
    names = ("tables", "views", "indexes")
    schema = "".join(sql(f"schema/{name}") for name in names)
    digest = hashlib.sha256(schema.encode()).hexdigest()
    assert (SCHEMA_VERSION, digest[:16]) == (5, "de5518b155911fb4")


def test_an_older_sqlite_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(export_json, "OLDEST_SQLITE", (99, 0))
    error = refused(capsys, put("day.json", DAY))
    assert "SQLite 99.0 or later" in error


def test_a_new_database_is_open_to_whom_the_old_one_was() -> None:
    day = put("day.json", DAY)
    assert run(day) == 0
    DATABASE.chmod(0o640)
    assert run("--replace", day) == 0
    assert stat.S_IMODE(DATABASE.stat().st_mode) == 0o640


def test_a_link_that_leads_nowhere_is_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    day = put("day.json", DAY)
    DATABASE.parent.mkdir()
    DATABASE.symlink_to(DATABASE.name)
    assert run(day) == 1
    assert capsys.readouterr().err.count("\n") == 1


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


def test_a_batch_that_cannot_be_opened_is_one_line() -> None:
    ours, others = socket.socketpair()
    with ours, others:
        others.sendall(export_json.BATCH)
        with pytest.raises(Failure, match="too many open files"):
            next(export_json.received(ours))


def test_a_reader_that_is_killed_is_one_line() -> None:
    ours, others = socket.socketpair()
    batches = export_json.received(ours)
    with ours, export_json.send_batch(Batch(1), others):
        assert next(batches) == Batch(1)
        others.close()  # and has not looked at the receipt
        with pytest.raises(Failure, match="reads the export was killed"):
            next(batches)


def test_a_database_of_an_older_version_is_only_replaced(
    capsys: pytest.CaptureFixture[str],
) -> None:
    day = put("day.json", DAY)
    assert run("--status-alias", "Zu=Closed", day) == 0
    with closing(sqlite3.connect(DATABASE)) as connection:
        connection.execute("pragma user_version = 1")
    capsys.readouterr()
    assert refused(capsys, day) == (
        "database/tickets.db: made by an older version (1, this one knows"
        f" {SCHEMA_VERSION}); ingest the exports again with --replace"
    )
    assert run("--replace", day) == 0
    assert ("Zu", "Closed") in select(
        "select label, status from status_aliases"
    )


@pytest.mark.parametrize("table", ["notes", "property_changes"])
def test_what_is_repeated_is_found_without_a_look_at_all_there_is(
    table: str,
) -> None:
    assert run(put("day.json", export(created("10:00:00")))) == 0
    with closing(sqlite3.connect(DATABASE)) as connection:
        connection.execute(sql(f"ingest/create_staged_{table}"))
        steps = [
            step
            for *_, step in connection.execute(
                "explain query plan " + sql(f"ingest/place_repeated_{table}")
            )
        ]
    (step,) = [step for step in steps if table in step.split()]
    assert step.startswith(f"SEARCH {table} USING PRIMARY KEY"), steps
