"""Spark answers as SQLite does, byte for byte.

Skipped where pyspark or Java is missing. Spark takes seconds for each run, so
that the tests share a session and put many exports into one run.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from conftest import (
    AGENT,
    BUSINESS_REPORTS,
    REPORTS,
    ROOT,
    SLA_REPORTS,
    Json,
    activity,
    created,
    export,
    note,
    write_export,
)
from test_settings import PEOPLE, POLICY, office, write_settings

import export_json
import sql_queries
import ticket_gen
from freshdesk import QueryError
from freshdesk.writers import Output

if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
    pytest.skip("Spark needs Java", allow_module_level=True)
pyspark = pytest.importorskip("pyspark", reason="pyspark is missing")

# Planning and compiling take longest where there is little to compute.
FOR_LITTLE_DATA = {
    "spark.default.parallelism": "2",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}
CASES: list[Json] = json.loads(
    Path(__file__).with_name("golden_cases.json").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    """The session that is active, as in a notebook."""
    builder = pyspark.sql.SparkSession.builder.master("local[2]")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        with builder.config(map=FOR_LITTLE_DATA).getOrCreate() as session:
            yield session


def spark(*arguments: str) -> int:
    return sql_queries.main(["--engine", "spark", *arguments])


def by_sqlite(
    files: Sequence[Path], *arguments: str, aliases: Sequence[str] = ()
) -> dict[str, bytes]:
    """Return the bytes of each CSV file as SQLite's engine writes it."""
    ingested = ["-d", "tickets.db", *aliases, *map(str, files)]
    assert export_json.main(ingested) == 0
    queried = ["-d", "tickets.db", "-o", "by_sqlite", *arguments]
    assert sql_queries.main(queried) == 0
    return written(Path("by_sqlite"))


def written(directory: Path) -> dict[str, bytes]:
    """Return {name: bytes} of the CSV files, which is all that is there."""
    assert {file.suffix for file in directory.iterdir()} == {".csv"}
    return {file.stem: file.read_bytes() for file in directory.iterdir()}


def in_parts(directory: Path) -> dict[str, bytes]:
    """Return {name: bytes} of the CSV files, each of which is in parts."""
    files = {}
    for folder in directory.iterdir():
        parts = [part.read_bytes() for part in sorted(folder.glob("*.csv"))]
        header = parts[0].split(b"\n")[0] + b"\n"
        assert all(part.startswith(header) for part in parts)
        rows = b"".join(part.removeprefix(header) for part in parts)
        files[folder.stem] = header + rows
    return files


def printed(capsys: pytest.CaptureFixture[str]) -> tuple[list[str], list[str]]:
    """Return the lines that sql_queries printed last, without the folder's
    name, and the notes on all exports.
    """
    printed = capsys.readouterr()
    *lines, last = printed.out.splitlines()[-9:]
    notes = [
        line
        for line in printed.err.splitlines()
        if line.startswith(("note: no export", "note: not mapped"))
    ]
    return [*lines, last.partition(": ")[2]], sorted({*notes})


# The same answers

ALIASES = ["Esperando por cliente=Waiting on Customer", "a=b=Resolved"]
HOSTILE = export(
    created(
        "10:00:00", group='=cmd|"x"!A1', product="a,\n\r\u2028b", agent_id=None
    ),
    activity("10:00:05", status="esperando  POR cliente "),
    note("10:30:00", 3),
    activity("11:00:00", status="A=B", group="naïve \U0001f600 ﬀ"),
    activity("12:00:00", status="+1\0,\t'\\", product="\tö'"),
    activity("12:00:00", status="+1\0,\t'\\", product="\tö'"),
    created("10:00:00", ticket=2, priority=True, agent_id=AGENT, source="Bot"),
    activity("11:00:00", ticket=2, status="Straße", group={"b": [1, None]}),
    activity("11:30:00", ticket=2, status="STRASSE", priority=None, spam=True),
    created("10:00:00", ticket=-3, priority="true", source=77, group="  "),
    activity("10:00:00", ticket=1 << 40, priority=9, group='{"group":null}'),
    note("10:00:00", 99, ticket=5),
    activity("10:00:00", ticket=6),
    activity("10:00:00", ticket=7, by=None, status=None, contacted_customer=1),
    activity("10:00:00", ticket=7, by=None, contacted_customer=False),
    created("10:00:00", ticket=8, group={"group": None}, priority=[None]),
    created("10:00:00", ticket=9, source={}, product=None, priority=1.5),
    end_at="21-04-2017 11:29:59 +0130",
)
EMPTY = export(
    start_at="23-04-2017 10:00:00 +0000", end_at="23-04-2017 11:00:00 +0000"
)


def shifted(case: Json, by: int) -> Iterator[Json]:
    """Yield the exports of a case, with ticket ids of its own."""
    for one in case["exports"]:
        activities = [
            {**record, "ticket_id": record["ticket_id"] + by}
            for record in one["activities_data"]
        ]
        yield {**one, "activities_data": activities}


def generated(directory: Path) -> list[Path]:
    """Return three days in both forms; two overlap, and one is there twice."""
    for form in ("readme", "today"):
        arguments = ["-n", "120", "--seed", "7", "--days", "3", "--form", form]
        output = ["-o", str(directory / f"{form}.json")]
        moment = ["--end-at", "2026-03-03T12:00:00Z"]
        assert ticket_gen.main([*arguments, *output, *moment]) == 0
        first, second, _ = sorted(directory.glob(f"{form}-*.json"))
        days = [json.loads(day.read_bytes()) for day in (first, second)]
        overlap = export(
            *days[0]["activities_data"][100:],
            *days[1]["activities_data"][:100],
            start_at=days[0]["metadata"]["start_at"],
            end_at=days[1]["metadata"]["end_at"],
        )
        write_export(directory / f"{form}.json", overlap)
        zipped = gzip.compress(first.read_bytes())
        write_export(directory / f"{form}.json.gz", zipped)
    return [*directory.iterdir()]


def test_all_reports_are_those_of_sqlite(
    session: Any, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exports = [HOSTILE, EMPTY]
    aliases = {f"--status-alias={alias}" for alias in ALIASES}
    for number, case in enumerate(CASES, start=1):
        exports += shifted(case, by=10_000_000 * number)
        for label, status in case["aliases"].items():
            aliases.add(f"--status-alias={label}={status}")
    folder = workplace / "exports"
    folder.mkdir()
    files = generated(folder)
    for number, one in enumerate(exports):
        files.append(write_export(folder / f"{number} 100%.json", one))
    random.Random(1).shuffle(files)
    told = write_settings(
        workplace / "told",
        business_hours=[office("Australia/Lord_Howe")],
        sla_policies=[POLICY],
        agents=PEOPLE,
    )
    expected = by_sqlite(files, *told, aliases=sorted(aliases))
    in_sqlite = printed(capsys)
    arguments = ["--exports", f"{folder}/*", "-o", "out", *sorted(aliases)]
    assert spark(*arguments, *told) == 0
    assert written(Path("out")) == expected
    reports = [*REPORTS, *BUSINESS_REPORTS, *SLA_REPORTS]
    assert {*expected} == {*reports, "columns"}
    assert printed(capsys) == in_sqlite
    assert len(in_sqlite[1]) >= 2

    # Nothing is left behind in the session that was active.
    active = pyspark.sql.SparkSession.getActiveSession()
    assert active._jsparkSession.equals(session._jsparkSession)
    assert session.conf.get("spark.sql.files.maxPartitionBytes") != "1"
    assert session.catalog.listTables() == []


VALUES = r"""
    select
        a.ticket_id, a.position, a.is_new_ticket, a.performer_id, a.note_type,
        a.status, a.priority, a.agent_id, a.contacted_customer,
        a.other_properties, a.position * 0.5 as half_seconds, null as unknown,
        a.ticket_id > 2 as is_late, '\n' as text, e.name, e.activities_count,
        e.outside_window, e.last_performed_at
    from activities as a
    cross join exports as e
    order by a.ticket_id, a.position;
"""


@pytest.mark.usefixtures("session")
def test_ones_own_reports_and_their_parts_are_those_of_sqlite(
    workplace: Path,
) -> None:
    exports = write_export(workplace / "hostile.json", HOSTILE)
    Path("mine").mkdir()
    Path("mine/values.sql").write_text(VALUES)
    Path("mine/nothing.sql").write_text("select as_of from clock where false")
    arguments = ["--sql-dir", "mine", "--unit", "hours"]
    expected = by_sqlite([exports], *arguments)
    arguments += ["--exports", str(exports)]
    assert spark(*arguments, "-o", "out") == 0
    assert written(Path("out")) == expected
    del expected["columns"]  # describes files, not folders
    Path("mine/sla").mkdir()  # needs settings: an earlier run had them
    Path("mine/sla/late.sql").write_text("select 1 as a")
    Path("parts/late.csv").mkdir(parents=True)
    for _ in range(2):  # the second time in the first one's place
        output = ["-o", str(workplace / "parts")]
        assert spark(*arguments, *output, "--partitioned") == 0
        assert in_parts(Path("parts")) == expected


# Refusals


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("way", ["one file", "partitioned"])
def test_the_first_malformed_export_is_refused_as_with_sqlite(
    workplace: Path, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    good = export(created("10:00:00"))
    bad = export(created("10:00:00"), activity("10:00:01", note={"id": 1}))
    cut_off = gzip.compress(json.dumps(good).encode())[:-9]
    first, second = (bad, cut_off) if way == "partitioned" else (cut_off, bad)
    files = [
        write_export(workplace / "a.json", good),
        write_export(workplace / "b.json", first),
        write_export(workplace / "c.json", second),
    ]
    assert export_json.main(["-d", "tickets.db", *map(str, files)]) == 1
    expected = capsys.readouterr().err.splitlines()[0]
    assert expected.startswith(f"error: {files[1]}: ")
    arguments = ["--exports", *map(str, files), "-o", str(workplace / "out")]
    arguments += ["--partitioned"] * (way == "partitioned")
    assert spark(*arguments) == 1
    assert capsys.readouterr().err.splitlines() == [expected]
    assert list(Path("out").iterdir()) == []


@pytest.mark.usefixtures("session")
def test_exports_that_are_not_there_are_one_line(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty").mkdir()
    for path in (f"{workplace}/*.json", f"{workplace}/empty"):
        assert spark("--exports", path, "-o", "out") == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: {path}: ")


@pytest.mark.usefixtures("session")
def test_all_but_a_query_that_spark_understands_is_refused_in_one_line(
    workplace: Path,
) -> None:
    from freshdesk import spark

    path = write_export(workplace / "a.json", HOSTILE)
    with spark.opened([str(path)], [], []) as engine:
        for query in (
            "drop view activities;",
            "-- nothing\n",
            "select 1 as a; select 2 as a;",
            "select nothing from exports;",
            "select 4000000 * 4000000 as a",
            "select cast(status as bigint) as a from activities",
            "select percentile_disc(1.5 * position, 0.5) from activities",
        ):
            with pytest.raises(QueryError, match=r"^.+$"):
                list(engine(query))
        output = Output(engine, str(workplace))
        with (
            pytest.raises(QueryError, match=r"^two columns have one name.*$"),
            ExitStack() as files,
        ):
            engine.write(output, "a", "select 1 as a, 2 as a", files)
    assert [*workplace.iterdir()] == [path]


# Other sessions


def run(workplace: Path, *arguments: str, **variables: str) -> Any:
    """Run the script in a process that knows nothing of the project."""
    script = [sys.executable, str(ROOT / "sql_queries.py"), "--engine", "spark"]
    return subprocess.run(
        [*script, *arguments],
        cwd=workplace,
        env={"SPARK_LOCAL_IP": "127.0.0.1", **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_missing_java_is_one_line(workplace: Path) -> None:
    Path("bin").mkdir()
    for tool in ("bash", "dirname"):  # of Spark's own script
        Path("bin", tool).symlink_to(str(shutil.which(tool)))
    ended = run(workplace, "--exports", "a.json", PATH=f"{workplace}/bin")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("error: Spark does not start ")


def test_workers_need_not_have_the_project(workplace: Path) -> None:
    exports = write_export(workplace / "hostile.json", HOSTILE)
    Path("mine").mkdir()
    Path("mine/values.sql").write_text(VALUES)
    names = ["values", "--sql-dir", "mine"]
    expected = by_sqlite([exports], *names)
    settings = FOR_LITTLE_DATA | {"spark.executor.memory": "512m"}
    options = [f"--conf {name}={settings[name]}" for name in settings]
    ended = run(
        workplace,
        *(*names, "--exports", str(exports)),
        *("-o", str(workplace / "out"), "--partitioned"),
        PATH=os.environ["PATH"],
        JAVA_HOME=os.environ.get("JAVA_HOME", ""),
        PYSPARK_SUBMIT_ARGS=" ".join([*options, "pyspark-shell"]),
        SPARK_MASTER="local-cluster[2,1,512]",
    )
    assert ended.returncode == 0, ended.stderr
    assert in_parts(workplace / "out") == expected
