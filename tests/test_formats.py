"""The reports as a workbook, as Parquet files and on stdout; columns.csv."""

from __future__ import annotations

import csv
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from conftest import (
    AGENT,
    BUSINESS_REPORTS,
    REPORTS,
    ROOT,
    SLA_REPORTS,
    activity,
    created,
    export,
    ingest,
)
from openpyxl import load_workbook
from pyarrow import parquet
from test_settings import office, write_settings

import sql_queries
from freshdesk import sqlite, writers

Capsys = pytest.CaptureFixture[str]

KINDS = """\
select 600 as ticket_id, '=1+1' as subject, 5400 as waited_seconds,
    1492682400 as seen_at, 1492682400 as hour, 1492387200 as week, 0.5 as share
union all
select 601, null, null, null, null, null, null
"""


@pytest.fixture(autouse=True)
def database(workplace: Path) -> Path:
    """A ticket that was created and closed."""
    ingest(
        export(
            created("10:00:00", agent_id=AGENT),
            activity("11:00:00", status="Closed"),
        )
    )
    return workplace / "tickets.db"


def run(*arguments: str) -> int:
    return sql_queries.main(["-d", "tickets.db", "-o", "out", *arguments])


def run_own(text: str, *arguments: str, name: str = "own") -> int:
    """Run a report of the user."""
    Path("mine").mkdir(exist_ok=True)
    Path("mine", f"{name}.sql").write_text(text)
    return run("--sql-dir", "mine", *arguments)


def sheet(name: str) -> list[tuple[Any, ...]]:
    """Return the rows of a sheet."""
    book = load_workbook("out/tickets.xlsx")
    return list(book[name].iter_rows(values_only=True))


def table(name: str) -> dict[str, list[Any]]:
    """Return the columns of a Parquet file."""
    columns: dict[str, list[Any]] = parquet.read_table(
        f"out/{name}.parquet"
    ).to_pydict()
    return columns


def schema(name: str) -> dict[str, str]:
    """Return the types of a Parquet file."""
    return {
        column.name: str(column.type)
        for column in parquet.read_schema(f"out/{name}.parquet")
    }


# Excel


def test_a_sheet_has_dates_as_dates_and_durations_as_numbers() -> None:
    options = ["--unit", "hours", "--timezone", "Europe/Berlin"]
    assert run_own(KINDS, "--format", "xlsx", *options) == 0
    assert sheet("own") == [
        (
            *("ticket_id", "subject", "waited_hours", "seen_at", "hour"),
            *("week", "share"),
        ),
        (
            *(600, "=1+1", 1.5),
            datetime(2017, 4, 20, 10),
            datetime(2017, 4, 20, 12),
            datetime(2017, 4, 17),
            0.5,
        ),
        (601, None, None, None, None, None, None),
    ]
    own = load_workbook("out/tickets.xlsx")["own"]
    assert own["B2"].data_type in ("s", "inlineStr")  # no formula
    assert own["D2"].number_format == "yyyy-mm-dd hh:mm:ss"
    assert own["F2"].number_format == "yyyy-mm-dd"
    assert own.freeze_panes == "A2"


def test_a_workbook_has_a_sheet_for_each_report() -> None:
    assert run("--format", "xlsx") == 0
    assert load_workbook("out/tickets.xlsx").sheetnames == REPORTS
    assert sheet("time_spent_open")[1:] == [(1, 3600)]
    assert {path.name for path in Path("out").iterdir()} == {
        "tickets.xlsx",
        "columns.csv",
    }


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("999999999999999", 999_999_999_999_999),
        ("1000000000000001", "1000000000000001"),
        ("9e999", "inf"),
        ("'http://a.example'", "http://a.example"),
        ("'a' || char(0) || 'b'", "a\ufffdb"),
        ("replace(hex(zeroblob(20000)), '0', 'x')", "x" * 32_766 + "\u2026"),
    ],
)
def test_nothing_is_lost_that_excel_rounds_or_refuses(
    value: str, cell: object
) -> None:
    assert run_own(f"select {value} as value", "--format", "xlsx") == 0
    assert sheet("own")[1] == (cell,)


@pytest.mark.parametrize(
    ("second", "cell"),
    [
        (-62135596800, "0001-01-01T00:00:00"),
        (-2203891200, datetime(1900, 3, 1)),
        (253402300799, datetime(9999, 12, 31, 23, 59, 59)),
    ],
)
def test_a_date_before_excels_first_one_is_text(
    second: int, cell: object
) -> None:
    assert run_own(f"select {second} as seen_at", "--format", "xlsx") == 0
    assert sheet("own")[1] == (cell,)


def test_of_a_report_too_long_for_a_sheet_the_csv_has_all(
    monkeypatch: pytest.MonkeyPatch, capsys: Capsys
) -> None:
    monkeypatch.setattr(writers, "SHEET_ROWS", 3)
    monkeypatch.setattr(sqlite, "CHUNK_ROWS", 2)
    three = "select 1 as n union all select 2 union all select 3"
    assert run_own(three, "--format", "xlsx") == 0
    told = (
        "its sheet 'cut own' has the first 2 of 3 rows, as many as Excel"
        " takes; own.csv has all of them"
    )
    assert f"note: out/tickets.xlsx: {told}\n" in capsys.readouterr().err
    assert sheet("cut own") == [("n",), (1,), (2,)]
    assert Path("out/own.csv").read_text() == "n\n1\n2\n3\n"


def test_a_faulty_report_leaves_the_workbook_as_it_was(capsys: Capsys) -> None:
    assert run_own("select 1 as n", "--format", "xlsx", name="a") == 0
    before = Path("out/tickets.xlsx").read_bytes()
    capsys.readouterr()
    assert run_own("select no_such", "--format", "xlsx", name="b") == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("error: mine/b.sql: no such column")
    assert second == (
        "error: 1 of 2 reports faulty; the lines above say why; tickets.xlsx"
        " is left as it was"
    )
    assert Path("out/tickets.xlsx").read_bytes() == before
    assert not list(Path("out").glob(".*"))


@pytest.mark.parametrize(
    ("report", "name"),
    [
        ("time_spent_waiting_for_response", "time_spent_waiting_for_response"),
        (
            "time_spent_waiting_for_response_2",
            "time_spent_waiting_for_respon~2",
        ),
        ("Own", "Own~2"),
        ("history", "history~2"),
        ("a/b:c", "a_b_c"),
    ],
)
def test_a_sheet_has_a_name_of_its_own(report: str, name: str) -> None:
    taken = ["time_spent_waiting_for_response", "own"][report in REPORTS :]
    assert writers.sheet_name(report, taken) == name


# Parquet


def test_a_parquet_file_has_types() -> None:
    assert run_own(KINDS, "--format", "parquet") == 0
    assert schema("own") == {
        "ticket_id": "int64",
        "subject": "string",
        "waited_seconds": "int64",
        "seen_at": "timestamp[ms, tz=UTC]",
        "hour": "timestamp[ms, tz=UTC]",
        "week": "date32[day]",
        "share": "double",
    }
    ten = datetime(2017, 4, 20, 10, tzinfo=timezone.utc)
    assert table("own") == {
        "ticket_id": [600, 601],
        "subject": ["=1+1", None],
        "waited_seconds": [5400, None],
        "seen_at": [ten, None],
        "hour": [ten, None],
        "week": [date(2017, 4, 17), None],
        "share": [0.5, None],
    }


def test_a_type_does_not_depend_on_which_values_are_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sqlite, "CHUNK_ROWS", 1)
    assert run("--format", "parquet", "--unit", "minutes") == 0
    assert table("resolved_by_due_date")["ticket_id"] == []
    assert schema("resolved_by_due_date") == {
        "ticket_id": "int64",
        "due_at": "timestamp[ms, tz=UTC]",
        "resolved_at": "timestamp[ms, tz=UTC]",
        "overdue_minutes": "double",
    }


@pytest.mark.parametrize(
    ("values", "read"),
    [
        (("1", "null", "2.5"), [1.0, None, 2.5]),
        (("1", "'x'"), ["1", "x"]),
        (("null", "null"), [None, None]),
    ],
)
def test_a_type_holds_all_values_wherever_they_stand(
    values: tuple[str, ...], read: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "CHUNK_ROWS", 1)
    text = " union all ".join(f"select {value} as n" for value in values)
    assert run_own(text, "--format", "parquet") == 0
    assert table("own") == {"n": read}


def test_what_parquet_cannot_hold_is_refused(capsys: Capsys) -> None:
    text = "select 9223372036854775807 as seen_at"
    capsys.readouterr()
    assert run_own(text, "--format", "parquet") == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("error: mine/own.sql: not for Parquet (")
    assert not list(Path("out").iterdir())


# Stdout


def test_one_report_goes_to_stdout_and_nothing_else(capsys: Capsys) -> None:
    capsys.readouterr()
    assert run("-o", "-", "time_spent_open") == 0
    assert capsys.readouterr() == (
        "ticket_id,time_spent_open_seconds\n1,3600\n",
        "",
    )
    assert not Path("-").exists()


# The files of a run


def test_columns_csv_says_what_is_in_every_column_of_every_file() -> None:
    settings = write_settings(
        Path("told"),
        business_hours=[office("Europe/Berlin")],
        sla_policies=[{"sla_target": {}}],
    )
    assert run("--unit", "hours", *settings) == 0
    with Path("out/columns.csv").open() as file:
        rows = list(csv.DictReader(file))
    for report in (*REPORTS, *BUSINESS_REPORTS, *SLA_REPORTS):
        header = Path(f"out/{report}.csv").read_text().split("\n")[0]
        own = [row for row in rows if row["file"] == f"{report}.csv"]
        assert ",".join(row["column"] for row in own) == header
        for row in own:
            assert row["meaning"], row
            assert (row["unit"] == "hours") == row["column"].endswith("_hours")

    # Nothing is described that no report has.
    output = {(row["file"].removesuffix(".csv"), row["column"]) for row in rows}
    with (ROOT / "sql/columns.csv").open() as file:
        described = [
            (row["report"], row["column"]) for row in csv.DictReader(file)
        ]
    specific = {name for name in described if name[0]}
    for report, column in described:
        shown = writers.renamed(column, "hours")
        assert any(
            shown == other
            and report in ("", name)
            and (report or (name, column) not in specific)
            for name, other in output
        ), (report, column)


def test_files_of_another_format_are_told(capsys: Capsys) -> None:
    assert run() == 0
    assert run("--format", "parquet") == 0
    assert capsys.readouterr().err == (
        "note: out/event_log.csv and 23 more: left from an earlier run in"
        " another format; remove it, or run that format, too\n"
    )
    assert run("--format", "parquet", "time_spent_open") == 0
    assert capsys.readouterr().err == ""
