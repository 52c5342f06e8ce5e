"""What sql_queries.py writes, prints and refuses."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from conftest import (
    AGENT,
    REPORTS,
    ROOT,
    activity,
    created,
    export,
    ingest,
    ingest_and_query,
    lines,
    note,
    write_export,
)
from hypothesis import given
from hypothesis import strategies as st

import export_json
import sql_queries
from freshdesk import PRIVATE_NOTE, REPLY, Failure, duration
from sql_queries import Task, run_tasks

REPORT_FILES = sorted(ROOT.glob("sql/*.sql"))


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


def own_report(directory: Path, name: str, text: str) -> None:
    directory.mkdir(exist_ok=True)
    (directory / f"{name}.sql").write_text(text)


def test_every_report_has_its_csv_with_one_row_for_every_ticket(
    database: Path,
) -> None:
    assert run(database) == 0
    assert sorted(path.name for path in Path("out").iterdir()) == [
        f"{name}.csv" for name in REPORTS
    ]
    assert lines(Path("out/time_to_first_response.csv")) == [
        "ticket_id,time_to_first_response_seconds",
        "1,90",
        "600,",
    ]
    assert lines(Path("out/ticket_metrics.csv")) == [
        "ticket_id,time_spent_open_seconds,"
        "time_spent_waiting_on_customer_seconds,"
        "time_spent_waiting_for_response_seconds,"
        "time_till_resolution_seconds,time_to_first_response_seconds,"
        "time_till_first_resolution_seconds,reopens,current_status,created_at",
        "1,90,0,3510,3600,90,3600,0,Closed,2017-04-20T10:00:00Z",
        "600,,,,,,,,,",
    ]
    assert lines(Path("out/time_in_status.csv")) == [
        "ticket_id,status,time_in_status_seconds,visits",
        "1,Closed,82799,1",
        "1,Open,90,1",
        "1,Pending,3510,1",
    ]


def test_the_terminal_sums_up_the_metrics_in_durations_that_people_read(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(database) == 0
    printed = capsys.readouterr().out.splitlines()[-8:]
    assert [line.split("  ")[0] for line in printed] == [
        "",
        "Time spent Open",
        "Time spent Waiting on Customer",
        "Time spent Pending",
        "Time till resolution",
        "Time to first response",
        "Longest without a response: none",
        "out: 15 reports of 2 tickets as of 21-04-2017 09:59:59 +0000",
    ]
    rows = [re.split("  +", line)[1:] for line in printed[:-2]]
    assert rows == [
        ["tickets", "median", "90 % within", "maximum"],
        ["1", "1m 30s", "1m 30s", "1m 30s"],
        ["1", "0s", "0s", "0s"],
        ["1", "58m 30s", "58m 30s", "58m 30s"],
        ["1", "1h", "1h", "1h"],
        ["1", "1m 30s", "1m 30s", "1m 30s"],
    ]


def test_the_terminal_names_the_three_that_have_waited_longest(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ingest(
        export(
            created("10:00:00", ticket=1),  # answered
            note("10:10:00", REPLY, ticket=1),
            activity("10:10:00", ticket=1, agent_id=AGENT),
            created("10:01:00", ticket=2),  # closed without a word
            activity("10:20:00", ticket=2, status="Closed"),
            created("10:00:00", ticket=6),
            created("10:02:00", ticket=5),
            created("10:02:00", ticket=4),
            created("10:03:00", ticket=3),
            end_at="11:30:00",
        )
    )
    assert run(workplace / "tickets.db") == 0
    assert capsys.readouterr().out.splitlines()[-2] == (
        "Longest without a response: 6 for 1h 30m, 4 for 1h 28m, 5 for 1h 28m"
    )


def test_a_metric_that_no_ticket_has_is_said_to_have_none(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ingest(export(created("10:00:00")))
    assert run(workplace / "tickets.db") == 0
    printed = capsys.readouterr().out.splitlines()
    rows = [line.split() for line in printed[-8:-2]]
    assert rows[-1] == ["Time", "to", "first", "response", "0"]


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


def test_median_and_90th_percentile_are_values_that_occurred(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Ten tickets, answered after 1, 2, ... 10 minutes: half are within five.
    ingest(
        *(
            export(
                created("10:00:00", ticket=ticket),
                note(f"10:{ticket:02}:00", REPLY, ticket=ticket),
                activity("12:00:00", ticket=ticket, agent_id=AGENT),
            )
            for ticket in range(1, 11)
        )
    )
    assert run(workplace / "tickets.db") == 0
    (row,) = (
        line.split()
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("Time to first response")
    )
    assert row[-4:] == ["10", "5m", "9m", "10m"]


def test_a_unit_converts_and_renames_every_column_of_seconds(
    database: Path,
) -> None:
    assert run(database, "--unit", "minutes", "ticket_metrics") == 0
    assert lines(Path("out/ticket_metrics.csv"))[1:] == [
        "1,1.5,0.0,58.5,60.0,1.5,60.0,0,Closed,2017-04-20T10:00:00Z",
        "600,,,,,,,,,",
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


def test_a_report_that_a_user_puts_there_gets_its_csv(database: Path) -> None:
    own_report(
        Path("mine"),
        "agents",
        "-- who?\nselect agent_id from agents order by agent_id",
    )
    assert run(database, "--sql-dir", "mine") == 0
    assert lines(Path("out/agents.csv")) == ["agent_id", str(AGENT)]


def test_integers_beyond_a_float_and_beside_nulls_stay_as_they_are(
    database: Path,
) -> None:
    own_report(
        Path("mine"),
        "big",
        "select 9223372036854775807 as big, 1 as one"
        " union all select null, null union all select 1, null",
    )
    assert run(database, "--sql-dir", "mine") == 0
    assert lines(Path("out/big.csv"))[1:] == [
        "9223372036854775807,1",
        ",",
        "1,",
    ]


@pytest.mark.usefixtures("workplace")
def test_text_that_a_spreadsheet_would_run_is_defused() -> None:
    reports = ingest_and_query(
        export(
            created("10:00:00", status="=1+1"),
            activity("10:00:01", status="@on hold, really"),
            activity("10:00:02", status="-5"),
        )
    )
    assert reports["time_in_status"][1:] == [
        "1,'-5,86397,1",
        "1,'=1+1,1,1",
        '1,"\'@on hold, really",1,1',
    ]


@pytest.mark.usefixtures("workplace")
def test_steps_within_a_second_follow_each_other_in_their_order() -> None:
    """What was open for a second is reopened, closed and opened in one."""
    reports = ingest_and_query(
        export(
            activity("10:00:00", status="Open"),
            activity("10:00:01", status="Closed"),
            activity("10:00:01", status="Open"),
            created("10:00:01"),  # comes first, being marked
        )
    )
    assert reports["status_transitions"][1:] == [
        "Closed,Open,1,0",
        "Open,Closed,1,1",
    ]


@pytest.mark.usefixtures("workplace")
def test_a_nul_in_a_label_does_not_break_the_file() -> None:
    reports = ingest_and_query(export(created("10:00:00", status="on\0hold")))
    assert reports["time_in_status"][1:] == ["1,on\ufffdhold,86399,1"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [("\0", "\ufffd"), ("a\0b", "a\ufffdb"), ("\\u0000", "\\u0000")],
)
@pytest.mark.usefixtures("workplace")
def test_a_nul_in_a_property_does_not_end_it(text: str, shown: str) -> None:
    named = created("10:00:00", group=text, product=text, source=text)
    reports = ingest_and_query(export(named))
    assert reports["ticket_properties"][1:] == [f"1,,{shown},,{shown},{shown}"]


@pytest.mark.usefixtures("workplace")
def test_a_property_that_is_set_to_nothing_is_told_from_one_that_holds_it() -> (
    None
):
    nothing = created("10:00:00", ticket=1, group=None, source=None)
    holder = created("10:00:00", ticket=2, group={"group": None}, source=[None])
    reports = ingest_and_query(export(nothing, holder))
    assert reports["ticket_properties"][1:] == [
        "1,,(none),,,(none)",
        '2,,"{""group"":null}",,,[null]',
    ]


@pytest.mark.usefixtures("workplace")
def test_a_result_without_rows_is_a_file_with_its_header() -> None:
    reports = ingest_and_query(export())
    assert reports["time_in_status"] == [
        "ticket_id,status,time_in_status_seconds,visits"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "select nothing from nowhere",
        "",
        "-- only a comment",
        "select 1 as a; select 2 as a",
        "select ? as a",
        "select 1 as a, 2 as a",
        "insert into sources values (99, 'x') returning source",
        "delete from notes",
        "create table t (x)",
        "create temp table t (x)",
        "drop view ticket_metrics",
        "attach 'other.db' as other",
        "pragma user_version = 9",
        "vacuum",
        "select 1 as a from (select abs(-9223372036854775807 - 1))",
    ],
)
def test_a_report_that_is_not_one_query_is_refused_and_changes_no_file(
    database: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(database) == 0
    capsys.readouterr()
    before = {path: path.read_bytes() for path in Path("out").iterdir()}
    stored = database.read_bytes()
    mine = Path("mine")
    shutil.copytree(ROOT / "sql", mine)
    own_report(mine, "time_until_broken", text)
    assert run(database, "--sql-dir", "mine", "--unit", "hours") == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("error: mine/time_until_broken.sql: ")
    assert {path: path.read_bytes() for path in Path("out").iterdir()} == before
    assert database.read_bytes() == stored
    assert not Path("other.db").exists()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["-d", "missing.db"], "error: missing.db: no such database"),
        (["-d", "notes.txt"], "error: notes.txt: not a database of ticket"),
        (["-d", "other.db"], "error: other.db: not a database of ticket"),
        (["--sql-dir", "empty"], "error: empty: no .sql files there"),
        (
            ["no_such"],
            "no_such.sql: no such report; there are: metrics_by_agent",
        ),
        (["-o", "notes.txt"], "error: notes.txt: File exists"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_makes_no_file(
    database: Path,
    arguments: list[str],
    error: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("notes.txt").write_text("not a database")
    sqlite3.connect("other.db").execute("create table t (x)").connection.close()
    Path("empty").mkdir()
    before = {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
    assert run(database, *arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert error in line
    made = {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
    assert made == before


@pytest.mark.parametrize(
    "arguments", [["--unit", "days"], ["--no-such-option"], ["-d"]]
)
def test_wrong_usage_exits_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        sql_queries.main(arguments)
    assert stop.value.code == 2


def test_the_reports_do_not_wait_for_pandas(database: Path) -> None:
    program = (
        "import sys, sql_queries; sql_queries.main(sys.argv[1:]);"
        " sys.exit('pandas' in sys.modules)"
    )
    subprocess.run(
        [sys.executable, "-c", program, "--database", str(database)],
        env={"PYTHONPATH": str(ROOT)},
        check=True,
    )


def test_only_the_shared_views_that_the_reports_need_are_evaluated(
    database: Path,
) -> None:
    with sql_queries.snapshot(database) as taken:
        query = "select * from Agents where 'no_agents' <> 'first_response'"
        definitions = taken.definitions
        assert sql_queries.needed_views([query], definitions) == ["agents"]
        query = 'select position from "status_intervals" -- not agents'
        assert sql_queries.needed_views([query], definitions) == [
            "clock",
            "named_statuses",
            "status_intervals",
        ]
        assert [
            (task.name, task.needs) for task in taken.evaluations([query])
        ] == [
            ("clock", []),
            ("named_statuses", []),
            ("status_intervals", ["clock", "named_statuses"]),
        ]


@pytest.fixture
def side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let any database deserve several processes."""
    monkeypatch.setattr(sql_queries, "PARALLEL_SIZE", 0)
    monkeypatch.setattr(sql_queries.os, "cpu_count", lambda: 3)


@pytest.mark.usefixtures("side_by_side")
def test_several_processes_write_what_one_does(database: Path) -> None:
    assert run(database) == 0
    several = {path: path.read_bytes() for path in Path("out").iterdir()}
    sql_queries.PARALLEL_SIZE = 1 << 40
    assert run(database) == 0
    assert several == {
        path: path.read_bytes() for path in Path("out").iterdir()
    }


@pytest.mark.usefixtures("side_by_side")
def test_a_report_may_name_more_shared_views_than_can_be_attached(
    database: Path,
) -> None:
    counts = [
        f"(select count(*) from {view}) as {view}"
        for view in sql_queries.SHARED_VIEWS
    ]
    own_report(Path("mine"), "all", f"select {', '.join(counts)}")
    assert run(database, "--sql-dir", "mine") == 0
    several = Path("out/all.csv").read_bytes()
    sql_queries.PARALLEL_SIZE = 1 << 40
    assert run(database, "--sql-dir", "mine") == 0
    assert Path("out/all.csv").read_bytes() == several


def test_what_a_task_returns_may_be_longer_than_a_pipe() -> None:
    tasks = [
        Task(name, needs, lambda name=name: name * 1_000_000)
        for name, needs in (("a", []), ("b", []), ("c", ["a", "b"]))
    ]
    several = run_tasks(tasks, processes=2)
    assert several == run_tasks(tasks, processes=1)


def test_a_task_whose_process_is_killed_is_one_line() -> None:
    def kill() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    tasks = [Task("fine", [], list), Task("clock", [], kill)]
    with pytest.raises(Failure, match=r"clock: the process .* was killed"):
        run_tasks(tasks, processes=2)


@pytest.mark.usefixtures("side_by_side")
def test_children_of_others_are_left_to_them(database: Path) -> None:
    """A shell that has started some may become our process."""
    with subprocess.Popen(["sh", "-c", "exit 7"]) as other:
        assert run(database) == 0
        assert other.wait() == 7


@pytest.mark.usefixtures("side_by_side")
def test_a_process_that_was_told_to_ignore_children_has_some(
    database: Path,
) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    assert run(database) == 0


def test_a_carriage_return_does_not_end_a_row(database: Path) -> None:
    texts = "select 'a' || char(13) || 'b' as one, 1 as two union all"
    own_report(Path("mine"), "a", f"{texts} select char(13, 10), 'c'")
    assert run(database, "--sql-dir", "mine") == 0
    written = Path("out/a.csv").read_bytes()
    assert written == b'one,two\n"a\rb",1\n"\'\r\n",c\n'


def test_no_room_for_what_is_sorted_is_not_blamed_on_the_database(
    database: Path,
) -> None:
    with (
        sql_queries.snapshot(database) as taken,
        pytest.raises(Failure, match=r"^temporary files: .* make room"),
        taken.readable(),
    ):
        raise sqlite3.OperationalError("database or disk is full")


def test_a_link_leads_to_the_database(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("links").mkdir()
    Path("links/tickets.db").symlink_to(database)
    assert run(Path("links/tickets.db")) == 0
    Path("links/loop.db").symlink_to("loop.db")
    capsys.readouterr()
    assert run(Path("links/loop.db")) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.usefixtures("side_by_side")
def test_a_report_that_fails_in_another_process_is_one_line_too(
    database: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    own_report(Path("mine"), "a", "select 1 as a")
    own_report(Path("mine"), "b", "select 1 as a from nowhere")
    assert run(database, "--sql-dir", "mine") == 1
    assert capfd.readouterr().err == (
        "error: mine/b.sql: no such table: nowhere; a report is one select,"
        " and only reads\n"
    )
    assert list(Path("out").iterdir()) == []


@pytest.mark.usefixtures("side_by_side")
def test_a_programming_error_in_another_process_keeps_its_traceback(
    database: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sql_queries, "renamed", lambda *_: 1 / 0)
    with pytest.raises(RuntimeError, match="time_spent_open"):
        run(database, "time_spent_open")
    assert "ZeroDivisionError" in capfd.readouterr().err
    assert list(Path("out").iterdir()) == []


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


VALUES = st.one_of(
    st.none(),
    st.integers(),
    st.text(),
    st.text(alphabet="=-+@,\"'\t\r\n\0a1"),
)


@given(rows=st.lists(st.tuples(VALUES, VALUES), max_size=4))
def test_csv_is_as_if_each_field_was_looked_at(
    rows: list[tuple[object, object]],
) -> None:
    """Though it is searched as a whole for what a spreadsheet would run."""
    fields = [[sql_queries.defused(value) for value in row] for row in rows]
    assert sql_queries.csv_text(
        "seconds", ["a", "b"], rows, with_header=False
    ) == sql_queries.written(fields)


def plan(connection: sqlite3.Connection, query: str) -> list[str]:
    """Return the steps by which SQLite answers *query*."""
    explained = connection.execute(f"explain query plan {query}")
    return [detail for *_, detail in explained]


def test_the_windows_read_in_order_and_sort_what_they_select_at_most(
    database: Path,
) -> None:
    """The intervals not at all; the candidates for a creation, the few there
    are, within their ticket."""
    sorts = {"status_intervals": [], "ticket_creations": ["RIGHT PART|LAST"]}
    with sql_queries.snapshot(database) as taken:
        sql_queries.run_tasks(taken.evaluations(sorts), 1)
        for view, expected in sorts.items():
            query = taken.definitions[view].partition(" as\n")[2]
            with taken.opened(query) as connection:
                steps = plan(connection, query)
            assert any(
                "p USING COVERING INDEX property_changes_in_order" in step
                for step in steps
            ), steps
            found = [step for step in steps if "TEMP B-TREE" in step]
            assert len(found) == len(expected), steps
            assert all(map(re.search, expected, found)), steps


def test_what_reads_the_intervals_of_a_ticket_needs_no_sort(
    database: Path,
) -> None:
    with sql_queries.snapshot(database) as taken:
        queries = [
            taken.definitions["ticket_statuses"].partition(" as\n")[2],
            (ROOT / "sql/time_in_status.sql").read_text(),
            (ROOT / "sql/ticket_metrics.sql").read_text(),
        ]
        sql_queries.run_tasks(taken.evaluations(queries), 1)
        for query in queries:
            with taken.opened(query) as connection:
                steps = plan(connection, query)
            assert not [step for step in steps if "TEMP B-TREE" in step], steps


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("sql/**/*.sql")), ids=lambda path: path.stem
)
def test_sql_is_formatted_alike(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("-- "), "a head comment says what it is for"
    assert text.endswith(";\n")
    assert max(map(len, text.splitlines())) <= 80
    assert "\t" not in text
    keywords = {"SELECT", "FROM", "WHERE", "JOIN", "ORDER", "GROUP", "CASE"}
    assert not keywords & set(text.split())


@pytest.mark.parametrize("path", REPORT_FILES, ids=lambda path: path.stem)
def test_reports_are_ordered_so_that_their_files_can_be_compared(
    path: Path,
) -> None:
    assert "\norder by " in path.read_text(encoding="utf-8")


# The other engine, which test_spark.py runs


@pytest.mark.parametrize("package", ["pyspark", "sqlglot"])
def test_without_a_package_of_spark_one_line_says_what_to_install(
    workplace: Path,
    package: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("pyspark", "sqlglot"):
        module = None if name == package else ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
    path = str(write_export(workplace / "a.json", export()))
    arguments = ["--engine", "spark", "--exports", path, "-o", "out"]
    assert sql_queries.main(arguments) == 1
    assert capsys.readouterr().err == (
        f"error: {package} is missing; install it with:"
        " python -m pip install 'pyspark>=4' sqlglot\n"
    )
    assert not Path("out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--exports", "a.json"],
        ["--status-alias", "Esperando=Pending"],
        ["--partitioned"],
        ["--engine", "spark"],
        ["--engine", "spark", "--exports", "a.json", "-d", "other.db"],
        ["--engine", "spark", "--exports", "a.json", "--status-alias", "a=b"],
        [
            *("--engine", "spark", "--exports", "a.json"),
            *("--partitioned", "--plot"),
        ],
        ["--engine", "spark", "--exports", "a.json", "-o", "s3a://bucket/out"],
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        sql_queries.main(arguments)
    assert stopped.value.code == 2
    assert "sql_queries: error: " in capsys.readouterr().err


def test_a_run_with_sqlite_imports_nothing_of_spark(database: Path) -> None:
    script = (
        "import sys, sql_queries\n"
        "assert sql_queries.main(['-d', 'tickets.db', '-o', 'out']) == 0\n"
        "print(*{'export_json', 'pyspark', 'sqlglot', 'freshdesk.spark'}"
        " & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=database.parent,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.splitlines()[-1] == ""
