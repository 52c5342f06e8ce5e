"""Runs that nobody watches: folders, what is no export, mappings, notes."""

from __future__ import annotations

import gzip
import json
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from conftest import (
    activity,
    as_bytes,
    created,
    export,
    lines,
    note,
    query,
)
from conftest import write_export as put

import export_json
import sql_queries
from freshdesk import one_line, writers

Capsys = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("workplace")


def run(*arguments: str | Path) -> int:
    return export_json.main(["-d", "tickets.db", *map(str, arguments)])


def told(capsys: Capsys) -> list[str]:
    """Return the lines on stderr, and forget those on stdout."""
    return capsys.readouterr().err.splitlines()


def notes(capsys: Capsys) -> list[str]:
    return [line.removeprefix("note: ") for line in told(capsys)]


def ticket_ids() -> list[int]:
    with closing(sqlite3.connect("tickets.db")) as connection:
        found = connection.execute("select distinct ticket_id from activities")
        return [ticket for (ticket,) in found]


def day(ticket: int) -> bytes:
    return as_bytes(export(activity("10:00:00", ticket=ticket, status="Open")))


# What is taken for an export


def test_nothing_in_a_folder_is_passed_over(capsys: Capsys) -> None:
    names = [
        "activities_111_1_3_2026.json",
        "activities_111_2_3_2026.json?X-Amz-Algorithm=A&X-Amz-Signature=1%2F2",
        "activities_111_3_3_2026.JSON",
        "activities_111_4_3_2026 (1).json",
        "activities_111_5_3_2026.json.txt",
        "activities_111_6_3_2026.json.gz",
        "download",
        "download-2",
    ]
    for ticket, name in enumerate(names, start=1):
        put(f"exports/{name}", day(ticket))
    put("exports/download-2", gzip.compress(b"\xef\xbb\xbf \n" + day(8)))
    put("exports/.hidden.json", "hidden")
    for other in ("a.csv", "b.xml", "c", "d"):
        put(f"exports/{other}", '["metadata"]')
    Path("exports/folder.json").mkdir()
    assert run("exports") == 0
    assert notes(capsys) == [
        "not taken for exports: a.csv, b.xml, c and 2 more",
    ]
    assert ticket_ids() == [1, 2, 3, 4, 5, 6, 7, 8]
    # What is taken for an export must be one.
    put("exports/9.Json?signed", '["metadata"]')
    Path("exports/lost").symlink_to("nowhere")
    assert run("exports", "-q") == 1
    lines = [line.split(": ")[:2] for line in told(capsys)]
    assert lines == [
        ["error", "exports/9.Json?signed"],
        ["error", "exports/lost"],
        ["error", "2 of 10 exports refused; the lines above say why"],
    ]


def test_a_run_with_nothing_new_says_one_line(capsys: Capsys) -> None:
    gap = export(activity("10:00:00", status="Eigen"), note("10:00:01", 0))
    later = export(
        start_at="23-04-2017 10:00:00 +0000", end_at="24-04-2017 10:00:00 +0000"
    )
    paths = [put("a.json", gap), put("b.json", later)]
    assert run(*paths) == 0
    assert len(told(capsys)) == 3  # a gap, a label, no agent
    assert run(*paths) == 0
    assert capsys.readouterr() == (
        "tickets.db: 0 exports ingested; 2 exports already there\n",
        "",
    )
    assert run("--quiet", *paths, put("c.json", day(7))) == 0
    assert capsys.readouterr() == ("", "")


def test_gzipped_files_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    class Noted(gzip.GzipFile):
        def __init__(self, **arguments: Any) -> None:
            super().__init__(**arguments)
            opened.append(self)

    monkeypatch.setattr(gzip, "GzipFile", Noted)
    for name, content in (("a.json.gz", day(1)), ("b.json.gz", b"{}")):
        run(put(name, gzip.compress(content)))
    assert len(opened) == 3  # the refused one is looked at again
    assert all(file.closed for file in opened)


LINK = {"url": "https://example.invalid/x.json?X-Amz-Signature=SECRET"}
ROW = json.dumps(activity("10:00:00", status="Open"))
LINK_TOLD = (
    "the API's answer with the link to the export; download what the link"
    " leads to"
)
NEW_LINK = "ask the API for a new link, and download what it leads to"
OTHERS_ROWS = "not an export; ingest the file that Freshdesk wrote"
UTF_16_TOLD = "the text is UTF-16, not UTF-8; save it as UTF-8"
KNOWN: dict[str, tuple[bytes | str, str]] = {
    "links": (json.dumps({"export": [LINK]}), LINK_TOLD),
    "one link": (json.dumps({"export": LINK}), LINK_TOLD),
    "a list of links": (json.dumps([LINK]), LINK_TOLD),
    "no link": (
        '{"export": []}',
        "the API's answer: no export for that day; name another day",
    ),
    "an error": (
        '{"code": "access_denied", "message": "Not \\u001b allowed"}',
        'an error of the API: "Not \\u001b allowed"; mend that, and ask again',
    ),
    "nothing": (b"", f"the file is empty; {NEW_LINK}"),
    "an expired link": (
        '<?xml version="1.0"?><Error><Message>Request has expired</Message>',
        f"the answer that the link has expired; {NEW_LINK}",
    ),
    "a web page": (
        "<!DOCTYPE html><p>Log in</p>",
        f"a page or an answer in XML, not an export; {NEW_LINK}",
    ),
    "UTF-16": (day(1).decode().encode("utf-16"), UTF_16_TOLD),
    "UTF-16 without a mark": (day(1).decode().encode("utf-16-be"), UTF_16_TOLD),
    "zip": (b"PK\3\4\24", "a zip archive, not an export; unpack it first"),
    "zstd": (
        b"\x28\xb5\x2f\xfd\0",
        "a zstd archive, not an export; unpack it first",
    ),
    "lines": (f"{ROW}\n{ROW}\n", f"newline-delimited JSON, {OTHERS_ROWS}"),
    "a line": (f"{ROW}\n", f"a connector's rows, {OTHERS_ROWS}"),
    "rows": (
        f"[{ROW},{ROW * 500}",
        f"a connector's rows, {OTHERS_ROWS}",
    ),
    "no activities": (
        as_bytes(export()).replace(b"[]", b"null"),
        "activities_data is not an array; nothing of this file was kept,"
        " export it again or correct it",
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_an_error_says_what_the_file_is(name: str, capsys: Capsys) -> None:
    content, what = KNOWN[name]
    data = content.encode() if isinstance(content, str) else content
    for path in (put("a.json", data), put("b.json", gzip.compress(data))):
        assert run(path) == 1
        assert told(capsys) == [f"error: {path}: {what}"]
        assert not Path("tickets.db").exists()


def test_what_others_wrote_is_shown_escaped_and_short(capsys: Capsys) -> None:
    assert one_line("a\x1b[31m\u202eb\n c\udcff é") == (
        r"a\x1b[31m\u202eb c\udcff é"
    )
    named = {"\u202e\x1b" + "x" * 9_000: 1, "status": "\x07" * 9_000}
    name = "\x1b]0;evil\x07.json"
    assert run(put(name, export(activity("10:00:00", **named)))) == 0
    doubled = day(1).replace(b'"status"', b'"' + b"k" * 9_000 + b'":1,"status"')
    assert run(put(name, doubled.replace(b'"Open"', b"7"))) == 1
    for output in capsys.readouterr():
        for line in output.splitlines():
            assert line.isprintable()
            assert len(line) <= len("error: ") + 300


# Who is who


def test_exports_of_two_accounts_are_noticed(capsys: Capsys) -> None:
    ours = [created("10:00:00", ticket=n) for n in (1, 2, 3, 4, 5)]
    theirs = [created("11:00:00", ticket=n, by=7) for n in (5, 2, 3, 4, 9)]
    assert run(put("ours.json", export(*ours))) == 0
    assert notes(capsys) == []
    assert run(put("theirs.json", export(*theirs))) == 0
    assert notes(capsys) == [
        "created twice: ticket 2, 3, 4; exports of two accounts belong into"
        " two databases"
    ]
    # It is told of what is new.
    assert run(put("later.json", export(created("12:00:00", ticket=7)))) == 0
    assert notes(capsys) == []


def test_a_note_says_that_no_agent_is_known(capsys: Capsys) -> None:
    answered = export(created("10:00:00"), note("11:00:00", 0))
    assert run(put("day.json", answered)) == 0
    assert notes(capsys) == [
        "no agent is known, so nothing counts as a response; ingest exports in"
        " which a ticket is assigned"
    ]
    private = export(note("12:00:00", 3))  # which only agents write
    assert run(put("later.json", private)) == 0
    assert notes(capsys) == []


# Mappings


def statuses() -> dict[str, str]:
    """Return the seconds and visits of each status of ticket 1."""
    rows = [line.split(",", 2) for line in query()["time_in_status"][1:]]
    return {status: rest for ticket, status, rest in rows if ticket == "1"}


RENAMED = export(
    activity("10:00:00", status="Awaiting vendor"),
    activity("11:00:00", status="With supplier"),
    activity("12:00:00", status="Re\u0301solu"),  # its accent stands apart
)


def test_a_renamed_status_is_one_until_that_is_taken_back(
    capsys: Capsys,
) -> None:
    assert run(put("day.json", RENAMED)) == 0
    aliases = ["--status-alias", "AWAITING vendor=with Supplier"]
    assert run(*aliases, "--status-alias=r\u00e9solu=Closed") == 0
    assert statuses() == {"with Supplier": "7200,1", "Closed": "79199,1"}
    # The other label means something, too: chains are followed.
    assert run("--status-alias", "With supplier=waiting on third party") == 0
    assert statuses() == {
        "Waiting on Third Party": "7200,1",
        "Closed": "79199,1",
    }
    capsys.readouterr()
    assert run("--list-aliases") == 0
    assert capsys.readouterr().out.splitlines() == [
        "AWAITING vendor=with Supplier",
        "résolu=Closed",
        "With supplier=Waiting on Third Party",
    ]
    for label in ("awaiting vendor=", "RE\u0301SOLU =", "with supplier="):
        assert run("--status-alias", label) == 0
    assert statuses() == {
        "Awaiting vendor": "3600,1",
        "With supplier": "3600,1",
        "Re\u0301solu": "79199,1",
    }
    capsys.readouterr()
    assert run("--list-aliases") == 0
    assert capsys.readouterr().out == ""


def test_mappings_in_a_circle_are_refused(capsys: Capsys) -> None:
    assert run("--status-alias=a=b", "--status-alias=b=c") == 0
    capsys.readouterr()
    assert run("--status-alias", "C=A", put("day.json", day(1))) == 1
    (line,) = told(capsys)
    assert line.startswith("error: the status 'a' would mean itself in the end")
    assert ticket_ids() == []
    assert run("--status-alias", "C=A", "--status-alias", "a=Open") == 0


def test_a_label_that_no_export_has_is_told(capsys: Capsys) -> None:
    path = put("day.json", RENAMED)
    aliases = [
        "--status-alias=Awaiting vendor=With suplier",
        "--status-alias=Awiting=Closed",
        "--status-alias=R\u00e9solu=Closed",
        "--status-alias=Gone=",
    ]
    assert run(path, *aliases) == 0
    assert notes(capsys)[-1] == (
        'no export has the status: "With suplier", "Awiting", "Gone"'
    )
    assert run("-q", "--status-alias=Typo=Open") == 0
    assert capsys.readouterr() == ("", "")


def test_no_aliases_to_list_without_a_database(capsys: Capsys) -> None:
    assert run("--list-aliases") == 1
    assert told(capsys) == ["error: tickets.db: no such database"]


# The database's file


def test_a_damaged_database_is_replaced(capsys: Capsys) -> None:
    path = put("day.json", RENAMED)
    assert run("--status-alias=R\u00e9solu=Closed", path) == 0
    whole = Path("tickets.db").read_bytes()
    Path("tickets.db").write_bytes(whole[:100] + b"\1" * (len(whole) - 100))
    capsys.readouterr()
    assert run(put("later.json", day(1))) == 1
    (line,) = told(capsys)
    assert line.endswith("make a new one of all exports with --replace")
    assert run("--replace", path) == 0
    assert notes(capsys)[0] == (
        "tickets.db is damaged: what labels meant is lost, map them again"
    )
    assert statuses()["Re\u0301solu"] == "79199,1"


def test_a_lock_advises_no_replacement(
    monkeypatch: pytest.MonkeyPatch, capsys: Capsys
) -> None:
    path = put("day.json", RENAMED)
    assert run("--status-alias=R\u00e9solu=Closed", path) == 0
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *a, **b: connect(*a, **{**b, "timeout": 0})
    )
    capsys.readouterr()
    with closing(connect("tickets.db")) as other:
        other.execute("begin exclusive")
        for arguments in ([put("later.json", day(1))], ["--replace", path]):
            assert run(*arguments) == 1
            (line,) = told(capsys)
            assert "database is locked" in line
            assert "--replace" not in line
    assert run("--list-aliases") == 0
    assert capsys.readouterr().out == "R\u00e9solu=Closed\n"


def test_a_database_that_fails_ends_a_batch(
    monkeypatch: pytest.MonkeyPatch, capsys: Capsys
) -> None:
    first_look = export_json.first_look
    files = []

    def until_the_disk_is_full(file: BinaryIO) -> Any:
        files.append(file)
        if len(files) > 1:
            raise sqlite3.OperationalError("database or disk is full")
        return first_look(file)

    monkeypatch.setattr(export_json, "first_look", until_the_disk_is_full)
    assert run(*(put(f"{n}.json", day(n)) for n in (1, 2, 3))) == 1
    assert capsys.readouterr() == (
        "tickets.db: 1 export ingested (1.json) with 1 activity, 0 of them"
        " already there\n",
        "error: tickets.db: database or disk is full; it is as it was before,"
        " make room or check the disk, the permissions and who else uses it\n",
    )
    assert ticket_ids() == [1]


@pytest.mark.parametrize("name", [":memory:", "file:x.db", "file:x?mode=ro"])
def test_the_name_of_a_database_is_a_path(name: str) -> None:
    path = put("day.json", RENAMED)
    assert export_json.main(["-d", name, str(path)]) == 0
    assert Path(name).read_bytes().startswith(b"SQLite format 3")
    assert sql_queries.main(["-d", name, "-o", "out"]) == 0
    assert len(lines(Path("out/ticket_metrics.csv"))) == 2


def test_what_is_built_is_nobody_elses_to_read_or_to_lead_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = put("day.json", RENAMED)
    assert run(path) == 0
    reports = ["-d", "tickets.db", "-o", ".", "ticket_metrics"]
    assert sql_queries.main(reports) == 0
    put("victim", "precious")
    for name in ("tickets.db", "ticket_metrics.csv"):
        Path(name).chmod(0o600)
        Path(f".{name}.part").symlink_to("victim")
    modes = []
    built_beside = export_json.built_beside

    @contextmanager
    def noting(target: Path) -> Iterator[Path]:
        with built_beside(target) as part:
            modes.append(stat.S_IMODE(part.lstat().st_mode))
            yield part

    monkeypatch.setattr(export_json, "built_beside", noting)
    monkeypatch.setattr("freshdesk.built_beside", noting)
    assert run("--replace", path) == 0
    assert sql_queries.main(reports) == 0
    assert modes == [0o600, 0o600]
    assert Path("victim").read_text("utf-8") == "precious"
    for name in ("tickets.db", "ticket_metrics.csv"):
        assert not Path(name).is_symlink()


# Reports


def test_a_faulty_report_is_named_and_the_others_are_written(
    capsys: Capsys,
) -> None:
    assert run(put("day.json", export(created("10:00:00")))) == 0
    put("mine/a.sql", "select 1 as one;")
    put("mine/b.sql", "select no_such_column from tickets;")
    put("mine/c.sql", b"select '\xff' as x;")
    put("mine/d.sql", "select 4 as four;")
    put("out/b.csv", "as it was\n")
    capsys.readouterr()
    arguments = ["-d", "tickets.db", "-o", "out", "--sql-dir", "mine"]
    assert sql_queries.main(arguments) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[-1].startswith("out: 2 reports of 1 ticket")
    assert [line[:22] for line in err.splitlines()] == [
        "error: mine/b.sql: no ",
        "error: mine/c.sql: 'ut",
        "error: 2 of 4 reports ",
    ]
    assert {
        path.name: path.read_text("utf-8") for path in Path("out").glob("?.csv")
    } == {
        "a.csv": "one\n1\n",
        "b.csv": "as it was\n",
        "d.csv": "four\n4\n",
    }
    assert sql_queries.main(["-q", *arguments, "d"]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_negative_number_is_no_formula() -> None:
    texts = ["-5", "-5.25", "-1e-07", "-5-1", "-x", "--5", "-", "+5", "=1"]
    assert [writers.defused(text) for text in texts] == [
        *("-5", "-5.25", "-1e-07"),
        *("'-5-1", "'-x", "'--5", "'-", "'+5", "'=1"),
    ]


@pytest.mark.parametrize("value", ["9e999", "-9e999"])
def test_an_infinite_duration_has_no_traceback(value: str) -> None:
    assert run(put("day.json", RENAMED)) == 0
    put("mine/a.sql", f"select {value} as x_seconds union all select 3600;")
    arguments = ["-d", "tickets.db", "-o", "out", "--sql-dir", "mine"]
    assert sql_queries.main([*arguments, "--unit", "hours"]) == 0
    assert set(lines(Path("out/a.csv"))) == {
        "x_hours",
        "1.0",
        "-inf" if value[0] == "-" else "inf",
    }


def test_too_little_memory_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: Capsys
) -> None:
    def none_left(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(export_json, "first_look", none_left)
    assert run(put("day.json", RENAMED)) == 1
    assert told(capsys) == ["error: not enough memory; use a machine with more"]
