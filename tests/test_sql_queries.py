"""What sql_queries.py writes, prints and refuses."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import tracemalloc
from contextlib import closing
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import pandas
import pytest
from conftest import (
    AGENT,
    REPORTS,
    ROOT,
    Json,
    activity,
    created,
    export,
    ingest,
    lines,
    note,
    query,
    write_export,
)
from hypothesis import given
from hypothesis import strategies as st

import export_json
import sql_queries
import ticket_gen
from freshdesk import (
    PRIVATE_NOTE,
    REPLY,
    duration,
    needed_views,
    sqlite,
    views,
    writers,
)

SQL_FILES = sorted(ROOT.glob("sql/**/*.sql"))


@pytest.fixture
def database(workplace: Path) -> Path:
    """A ticket answered after 90 s and closed after an hour; one only seen."""
    ingest(
        export(
            created("10:00:00"),
            note("10:01:30", REPLY, note_id=1),
            activity("10:01:30", status="Pending"),
            activity("11:00:00", status="Closed"),
            note("12:00:00", PRIVATE_NOTE, ticket=600, note_id=2),
        )
    )
    return workplace / "tickets.db"


def run(database: Path, *arguments: str) -> int:
    return sql_queries.main(["-d", str(database), "-o", "out", *arguments])


def own_report(text: str, name: str = "own") -> list[str]:
    """Write a report of the user; return the arguments that run it."""
    Path("mine").mkdir(exist_ok=True)
    Path("mine", f"{name}.sql").write_text(text)
    return ["--sql-dir", "mine"]


def state(folder: Path) -> dict[Path, bytes]:
    """Return all files in a folder, and their bytes."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in files}


# The reports


def test_every_report_has_its_csv_with_one_row_for_every_ticket(
    database: Path,
) -> None:
    assert run(database) == 0
    assert sorted(path.name for path in Path("out").iterdir()) == [
        f"{name}.csv" for name in sorted([*REPORTS, "columns"])
    ]
    assert lines(Path("out/time_to_first_response.csv")) == [
        "ticket_id,time_to_first_response_seconds",
        "1,90",
        "600,",
    ]


def test_a_unit_converts_and_renames_every_column_of_seconds(
    database: Path,
) -> None:
    assert run(database, "--unit", "minutes", "ticket_metrics") == 0
    assert lines(Path("out/ticket_metrics.csv"))[1:] == [
        "1,1.5,0.0,58.5,60.0,1.5,60.0,0,Closed,2017-04-20T10:00:00Z,1,0,1",
        "600,,,,,,,,,,0,0,",
    ]
    assert run(database, "--unit", "hours", "time_in_status") == 0
    assert lines(Path("out/time_in_status.csv"))[:3] == [
        "ticket_id,status,time_in_status_hours,visits",
        "1,Closed,23.0,1",
        "1,Open,0.02,1",  # 90 s: rounded to two decimals
    ]


def test_only_the_reports_that_are_named_run(database: Path) -> None:
    assert run(database, "time_spent_open", "time_in_status") == 0
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "time_in_status.csv",
        "time_spent_open.csv",
    ]


def test_reports_run_in_one_process(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("fork", "posix_spawn"):
        monkeypatch.delattr(os, name)
    assert run(database) == 0


def test_a_run_with_sqlite_imports_nothing_of_spark_or_pictures(
    database: Path,
) -> None:
    script = (
        "import sys, sql_queries\n"
        "assert sql_queries.main(['-d', 'tickets.db', '-o', 'out']) == 0\n"
        "print(*{'export_json', 'pyspark', 'matplotlib', 'freshdesk.spark',"
        " 'pyarrow.parquet', 'xlsxwriter'} & set(sys.modules))"
    )
    printed = subprocess.check_output(
        [sys.executable, "-c", script],
        cwd=database.parent,
        env={"PYTHONPATH": str(ROOT)},
        text=True,
    )
    assert printed.splitlines()[-1] == ""


# Reports of the user

VALUES = "(select 3 as v union all select 1 union all select null)"
OWN_REPORTS = {
    "a report may read any view": (
        "-- Who is an agent?\nselect agent_id from agents order by agent_id",
        f"agent_id\n{AGENT}\n",
    ),
    "big integers beside nulls stay as they are": (
        "select 9223372036854775807 as big, 1 as one"
        " union all select null, null union all select 1, null",
        "big,one\n9223372036854775807,1\n,\n1,\n",
    ),
    "percentiles of integers": (
        f"select percentile_disc(v, 0.5) as p50, percentile_disc(v, 0.9) as p90"
        f" from {VALUES}",
        "p50,p90\n1,3\n",
    ),
    "percentiles of reals": (
        f"select percentile_disc(v + 0.5, 0.51) as p from {VALUES}",
        "p\n3.5\n",
    ),
    "percentiles of no values are unknown": (
        "select percentile_disc(null, 0.5) as a, percentile_disc(v, 0.5) as b"
        f" from {VALUES} where v is null",
        "a,b\n,\n",
    ),
    "times are shown in ISO 8601": (
        "select 0 as seen_at, 1492682400 as hour, 5 as n"
        " union all select null, -1, null",
        "seen_at,hour,n\n1970-01-01T00:00:00Z,2017-04-20T10:00:00Z,5\n"
        ",1969-12-31T23:59:59Z,\n",
    ),
    "a text that a spreadsheet would run is defused, a number is not": (
        "select '=1+1' as a, '-5' as b, -5 as c, '@x, y' as \"=d\"",
        "a,b,c,'=d\n'=1+1,-5,-5,\"'@x, y\"\n",
    ),
    "a carriage return does not end a row": (
        "select 'a' || char(13) || 'b' as one, 1 as two"
        " union all select char(13, 10), 'c'",
        'one,two\n"a\rb",1\n"\'\r\n",c\n',
    ),
    "a NUL is replaced": (
        "select char(97, 0, 98) as a",
        "a\na\ufffdb\n",
    ),
    "a result without rows is a file with its header": (
        "select ticket_id, created_at from ticket_metrics where false",
        "ticket_id,created_at\n",
    ),
}


@pytest.mark.parametrize(
    ("text", "expected"), OWN_REPORTS.values(), ids=OWN_REPORTS
)
def test_a_report_that_a_user_puts_there_gets_its_csv(
    database: Path, text: str, expected: str
) -> None:
    assert run(database, *own_report(text)) == 0
    assert Path("out/own.csv").read_bytes() == expected.encode()


INTEGERS = st.none() | st.integers(-(1 << 63), (1 << 63) - 1)
TEXTS = st.none() | st.text() | st.text(alphabet="=-+@,\"'\t\r\n\0a1")


@given(rows=st.lists(st.tuples(INTEGERS, TEXTS), min_size=1, max_size=4))
def test_a_csv_file_is_read_as_it_was_written(
    rows: list[tuple[int | None, str | None]],
) -> None:
    values = ", ".join(["(?, ?)"] * len(rows))
    with closing(sqlite3.connect(":memory:")) as connection:
        frame = pandas.read_sql_query(
            f"values {values}",
            connection,
            params=[*chain(*rows)],
            dtype_backend="numpy_nullable",
        )
    written = writers.csv_text(frame, "seconds", with_header=False)
    read = list(csv.reader(io.StringIO(written, newline=""), strict=True))

    def shown(value: Any) -> str:
        return "" if value is None else str(writers.defused(value))

    assert read == [[*map(shown, row)] for row in rows]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("select a from nowhere", "no such table: nowhere"),
        ("select interrupted from agents", "no such column: interrupted"),
        ("select ? as a", ""),
        ("select 1 as a, 2 as a", "two columns have one name"),
        ("select 'x' as a_seconds", "a_seconds is not of numbers"),
        ("select abs(-9223372036854775807 - 1) as a", "integer overflow"),
        ("select 1 as a; select 2 as a", ""),
        ("", "no query in it"),
        ("insert into sources values (99, 'x') returning source", ""),
        ("delete from activities", ""),
        ("create temp table t (x)", ""),
        ("attach 'other.db' as other", ""),
        ("pragma user_version = 9", ""),
        ("commit", ""),
    ],
)
def test_a_report_that_is_not_one_query_is_refused_and_changes_no_file(
    database: Path,
    text: str,
    problem: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(database) == 0
    shutil.copytree(ROOT / "sql", "mine")
    name = "time_until_broken"
    arguments = [*own_report(text, name), "--unit", "hours", name]
    before = state(Path())
    capsys.readouterr()
    assert run(database, *arguments) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith(f"error: mine/time_until_broken.sql: {problem}")
    assert error.endswith("; a report is one select, and only reads")
    assert state(Path()) == before


# The views


def test_views_are_read_from_their_files_not_from_the_database(
    database: Path,
) -> None:
    expected = query()
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("drop view ticket_metrics")
        connection.execute("drop view clock")
        connection.execute("create view clock as select 0 as as_of")
        connection.execute(
            "create table agents_of_mine as select 7 as agent_id"
        )
        connection.commit()
    assert query() == expected


def test_a_mended_definition_needs_no_new_ingest(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(views(), "agents", "select 7 as agent_id")
    assert query()["time_to_first_response"][1:] == ["1,", "600,"]
    assert database.exists()


def test_only_the_views_that_the_reports_need_are_evaluated() -> None:
    report = "select * from Tickets where 'no_tickets' <> 'first_response'"
    assert [*needed_views([report])] == ["tickets"]
    report = 'select started_at from "visits" -- not agents'
    needed = ["clock", "named_statuses", "visits"]
    assert [*needed_views([report])] == needed


def test_rows_of_a_view_are_unique_by_its_key(workplace: Path) -> None:
    options = "-n 200 --seed 7 --days 2 --end-at 2017-04-22T10:00:00Z"
    assert ticket_gen.main([*options.split(), "-o", "activities.json"]) == 0
    days = [path.read_bytes() for path in workplace.glob("*.json")]
    an_agents_own = created("10:00:00", ticket=600_001, requester_id=AGENT)
    spam = activity("10:00:00", ticket=600_002, agent_id=AGENT, spam=True)
    ingest(*days, export(an_agents_own, spam))
    with closing(sqlite3.connect("tickets.db")) as connection:
        assert {
            name
            for (name,) in connection.execute(
                "select name from sqlite_master where type = 'view'"
            )
        } == views().keys()
        for name, text in views().items():
            key = re.search(r"^--.*\bKey: ([a-z_, ]+)$", text, re.MULTILINE)
            columns = key[1].replace(" desc", "") if key else "null"
            ((rows, keys),) = connection.execute(
                "select total(rows), count(*) from"
                f" (select count(*) as rows from {name} group by {columns})"
            )
            assert rows == keys
            assert key or "-- One row: " in text
            # all but those that only --settings fills
            is_empty = name == "worked_before" or "This has no rows" in text
            assert (rows == 0) == is_empty, name


@pytest.mark.parametrize("path", SQL_FILES, ids=lambda path: path.stem)
def test_sql_is_formatted_alike(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    folder = path.parent.name
    head = text.splitlines()[0]
    assert head.startswith("-- "), "a head comment says what it is for"
    assert head.endswith("?") or folder in ("ingest", "schema")
    assert text.endswith(";\n")
    assert max(map(len, text.splitlines())) <= 80
    assert "\t" not in text
    keywords = {"SELECT", "FROM", "WHERE", "JOIN", "ORDER", "GROUP", "CASE"}
    assert not keywords & set(text.split())
    if folder == "sql":
        assert "\norder by" in text, "so that files can be compared"


# What a run costs


class Counting(sqlite3.Connection):
    """A connection that counts its steps, by thousands."""

    steps = 0

    def set_progress_handler(self, *_: object) -> None:
        def count() -> None:
            Counting.steps += 1

        super().set_progress_handler(count, 1_000)


def test_time_grows_with_the_notes_of_a_ticket_whose_requester_is_an_agent(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = partial(sqlite3.connect, factory=Counting)
    steps = []
    for notes in (1_000, 8_000):
        records: list[Json] = [
            created("10:00:00", requester_id=AGENT),
            activity("10:00:00", ticket=2, agent_id=AGENT),
            *(
                note(f"{11 + n // 3600}:{n // 60 % 60:02}:{n % 60:02}", REPLY)
                for n in range(notes)
            ),
        ]
        place = workplace / str(notes)
        place.mkdir()
        ingest(export(*records), directory=place)
        with monkeypatch.context() as patched:
            patched.setattr(sqlite.sqlite3, "connect", connect)
            Counting.steps = 0
            assert query(place)["time_to_first_response"][1] == "1,"
        steps.append(Counting.steps)
    few, many = steps
    assert 0 < many <= 12 * few


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_chunk_of_a_result_is_in_memory_at_a_time(
    form: str, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "CHUNK_ROWS", 500)

    def peak(rows: int) -> int:
        """Return how many bytes a report of so many rows takes at most."""
        numbers = f"select 1 union all select i + 1 from n where i < {rows}"
        report = f"with recursive n (i) as ({numbers}) select i as a from n"
        arguments = own_report(report)
        tracemalloc.start()
        try:
            assert run(database, *arguments, "--format", form, "own") == 0
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1_000)  # imports
    assert peak(10_000) < 1.5 * peak(2_000)
    if form == "csv":
        assert len(lines(Path("out/own.csv"))) == 1 + 2_000


def test_ctrl_c_ends_a_long_query_on_a_small_database(database: Path) -> None:
    numbers = "select 1 union all select i + 1 from n where i < 1000000000"
    report = f"with recursive n (i) as ({numbers}) select max(i) as a from n"
    arguments = ["-d", str(database), "-o", "out", *own_report(report)]
    with subprocess.Popen(
        [sys.executable, str(ROOT / "sql_queries.py"), *arguments],
        stderr=subprocess.PIPE,
    ) as process:
        try:
            while not [*Path().glob("out/.*")]:  # it has not begun yet
                assert process.poll() is None
                time.sleep(0.05)
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            _, printed = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, printed) == (130, b"")
    assert state(Path("out")) == {}


# The terminal


def test_the_terminal_sums_up_the_metrics_in_durations_that_people_read(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten tickets are answered after 1, 2, ... 10 minutes; four wait; one was
    closed without a word. One more is older than the export.
    """
    records = []
    for ticket in range(1, 11):
        records += [
            created("10:00:00", ticket=ticket, agent_id=AGENT),
            note(f"10:{ticket:02}:00", REPLY, ticket=ticket),
            activity(f"10:{ticket:02}:00", ticket=ticket, status="Pending"),
        ]
    for ticket, minute in (14, 0), (13, 2), (12, 2), (11, 3), (15, 1):
        records.append(created(f"10:0{minute}:00", ticket=ticket))
    records.append(activity("10:20:00", ticket=15, status="Closed"))
    third_party = "Waiting on Third Party"
    records.append(activity("10:20:00", ticket=16, status=third_party))
    ingest(export(*records, end_at="11:30:00"))
    capsys.readouterr()
    assert run(workplace / "tickets.db") == 0
    assert (
        capsys.readouterr().out
        == """\
                                tickets  median  90% within  maximum
Time spent Open                      16      7m      1h 28m   1h 30m
Time spent Waiting on Customer       16      0s          0s       0s
Time spent Pending                   16  1h 21m      1h 28m   1h 29m
Time till resolution                  1     19m         19m      19m
Time to first response               10      5m          9m      10m
Longest without a response (3 of 4): 14 for 1h 30m, 12 for 1h 28m, 13 for 1h 28m
Oldest open tickets (3 of 15; 1 of unknown age): 1 for 1h 30m, 2 for 1h 30m, \
3 for 1h 30m
out: 24 reports of 16 tickets as of 2017-04-20 11:30:00 UTC
"""
    )


@pytest.mark.parametrize(
    ("first", "line"),
    [
        (10, "(the one before): created 2 (1), resolved 1 (0), backlog 2 (1)"),
        (11, ": created 2, resolved 1, backlog 2"),
        (18, None),
    ],
)
@pytest.mark.usefixtures("workplace")
def test_the_last_whole_week_is_told(
    first: int, line: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    ingest(
        export(
            created("12-04-2017 10:00:00 +0000"),
            *(
                created("18-04-2017 10:00:00 +0000", ticket=ticket)
                for ticket in (2, 3)
            ),
            activity("19-04-2017 10:00:00 +0000", ticket=3, status="Closed"),
            activity("20-04-2017 10:00:00 +0000", ticket=4, status="Open"),
            activity("20-04-2017 10:00:00 +0000", ticket=4, spam=True),
            created("25-04-2017 10:00:00 +0000", ticket=5),
            start_at=f"{first}-04-2017 00:00:00 +0000",
            end_at="27-04-2017 10:00:00 +0000",
        )
    )
    capsys.readouterr()
    assert run(Path("tickets.db")) == 0
    told = re.search("^Week of (.*)$", capsys.readouterr().out, re.M)
    assert (told and told[1].removeprefix("2017-04-17").strip()) == line


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (5400, "1h 30m"),
        (5401, "1h 30m"),
        (86_400, "1d"),
        (86_459, "1d"),
        (93_600, "1d 2h"),
    ],
)
def test_a_duration_reads_as_its_two_largest_units(
    seconds: int | None, text: str
) -> None:
    assert duration(seconds) == text


# Paths and refusals


def test_a_link_leads_to_the_database(database: Path) -> None:
    Path("links").mkdir()
    Path("links/tickets.db").symlink_to(database)
    assert run(Path("links/tickets.db")) == 0


@pytest.mark.usefixtures("database")
def test_outputs_may_stand_beside_the_database() -> None:
    arguments = ["-d", "tickets.db", "-o", ".", "time_spent_open"]
    assert sql_queries.main(arguments) == 0
    assert lines(Path("time_spent_open.csv"))[1:] == ["1,90", "600,"]


def test_a_database_is_found_whatever_its_path_looks_like(
    workplace: Path,
) -> None:
    database = workplace / "50 % of ü?#" / "data base.db"
    path = write_export(workplace / "x.json", export(created("10:00:00")))
    assert export_json.main(["-d", str(database), str(path)]) == 0
    assert run(database) == 0


def test_the_journal_of_a_killed_ingest_is_undone(workplace: Path) -> None:
    records = [created("10:00:00", ticket=ticket) for ticket in range(2_000)]
    ingest(export(*records))
    expected = query()
    database = workplace / "tickets.db"
    whole = database.read_bytes()
    killed = workplace / "killed"
    killed.mkdir()
    with closing(sqlite3.connect(database)) as writer:
        writer.execute("pragma cache_size = 1")  # writes before the commit
        writer.execute("update activities set status = null")
        for path in workplace.glob("tickets.db*"):
            shutil.copy(path, killed)
        writer.rollback()
    assert (killed / "tickets.db").read_bytes() != whole
    assert query(killed) == expected
    assert (killed / "tickets.db").read_bytes() == whole


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("-d missing.db", "error: missing.db: no such database"),
        ("-d notes.txt", "error: notes.txt: not a database of ticket"),
        ("-d other.db", "error: other.db: not a database of ticket"),
        ("-d damaged.db", "error: damaged.db: cannot be read"),
        ("--sql-dir empty", "error: empty: no .sql files there"),
        ("no_such", "no_such.sql: no such report; there are: event_log"),
        ("-o notes.txt", "error: notes.txt: File exists"),
        ("-d loop.db", "error: loop.db: "),
    ],
)
def test_what_cannot_be_done_is_one_line_and_makes_no_file(
    database: Path,
    arguments: str,
    error: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("notes.txt").write_text("not a database")
    sqlite3.connect("other.db").execute("create table t (x)").connection.close()
    header = database.read_bytes()[:100]
    Path("damaged.db").write_bytes(header + b"?" * 9_000)
    Path("loop.db").symlink_to("loop.db")
    Path("empty").mkdir()
    Path("out").mkdir()

    def times() -> dict[Path, int]:
        return {path: path.lstat().st_mtime_ns for path in Path().rglob("*")}

    before = times()
    assert run(database, *arguments.split()) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert error in line
    assert times() == before


SPARK = "--engine spark --exports a.json"


@pytest.mark.parametrize(
    "arguments",
    [
        "--unit days",
        "--no-such-option",
        "-d",
        "--timezone Mars/Olympus",
        "--since 2026-02-30",
        "--until 20260301",
        "--since 2026-03-02 --until 2026-03-01",
        "--exports a.json",
        "--status-alias Esperando=Pending",
        "--partitioned",
        "--format pdf",
        "-o -",
        "-o - time_spent_open open_tickets",
        "-o - time_spent_open --plot",
        "-o - time_spent_open --format xlsx",
        "--engine spark",
        f"{SPARK} -d other.db",
        f"{SPARK} --status-alias a",
        f"{SPARK} --partitioned --plot",
        f"{SPARK} --partitioned --format parquet",
        f"{SPARK} -o s3a://bucket/out",
    ],
)
def test_wrong_usage_exits_2(
    arguments: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        sql_queries.main(arguments.split())
    assert stopped.value.code == 2
    assert "sql_queries: error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("package", "arguments", "advice"),
    [
        ("pandas", "-d tickets.db", "pandas"),
        ("matplotlib", "-d tickets.db --plot", "matplotlib jinja2"),
        ("jinja2", "-d tickets.db --plot", "matplotlib jinja2"),
        ("xlsxwriter", "-d tickets.db --format xlsx", "xlsxwriter"),
        ("pyarrow", "-d tickets.db --format parquet", "pyarrow"),
        ("pyspark", SPARK, "'pyspark>=4'"),
    ],
)
@pytest.mark.usefixtures("database")
def test_without_a_package_one_line_says_what_to_install(
    package: str,
    arguments: str,
    advice: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    assert sql_queries.main(["-o", "out", *arguments.split()]) == 1
    assert capsys.readouterr().err == (
        f"error: {package} is missing; install it with:"
        f" python -m pip install {advice}\n"
    )
    assert not Path("out").exists()
