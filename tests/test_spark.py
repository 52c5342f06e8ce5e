"""Spark answers as SQLite does, byte for byte, and works in parallel.

Skipped where pyspark, sqlglot or Java is missing. A session takes seconds to
start and as many to answer, so the tests share one, made for small data.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import (
    AGENT,
    REPORTS,
    ROOT,
    Json,
    activity,
    created,
    export,
    note,
    write_export,
)

import export_json
import sql_queries
import ticket_gen

if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
    pytest.skip("Spark needs Java", allow_module_level=True)
pyspark = pytest.importorskip("pyspark", reason="pyspark is missing")
pytest.importorskip("sqlglot", reason="sqlglot is missing")

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
    "spark.sql.shuffle.partitions": "1",
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
        session = builder.config(map=FOR_LITTLE_DATA).getOrCreate()
        yield session
        session.stop()


def spark(*arguments: str) -> int:
    return sql_queries.main(["--engine", "spark", *arguments])


def options(aliases: Mapping[str, str]) -> list[str]:
    return [f"--status-alias={label}={aliases[label]}" for label in aliases]


def by_sqlite(
    directory: Path,
    files: Sequence[Path],
    *arguments: str,
    aliases: Mapping[str, str] | None = None,
) -> dict[str, bytes]:
    """Return the bytes of each CSV file as SQLite's engine writes it."""
    database = str(directory / "tickets.db")
    paths = [str(file) for file in files]
    ingested = ["-d", database, *options(aliases or {}), *paths]
    assert export_json.main(ingested) == 0
    output = directory / "by_sqlite"
    queried = ["-d", database, "-o", str(output), *arguments]
    assert sql_queries.main(queried) == 0
    return written(output)


def written(directory: Path) -> dict[str, bytes]:
    """Return {name: bytes} of the CSV files, which is all that is there."""
    assert {file.suffix for file in directory.iterdir()} == {".csv"}
    return {file.stem: file.read_bytes() for file in directory.iterdir()}


def joined(directory: Path) -> bytes:
    """Return a CSV file's parts as one, each of which has the header."""
    parts = [part.read_bytes() for part in sorted(directory.glob("part-*"))]
    header = parts[0].split(b"\n")[0] + b"\n"
    assert all(part.startswith(header) for part in parts)
    return header + b"".join(part.removeprefix(header) for part in parts)


def printed_last(
    capsys: pytest.CaptureFixture[str],
) -> tuple[list[str], list[str]]:
    """Return the summary that was printed last, and the notes.

    Without the folder's name, and what only ingest tells.
    """
    printed = capsys.readouterr()
    *lines, last = printed.out.splitlines()[-8:]
    notes = [
        line
        for line in printed.err.splitlines()
        if line.startswith("note: no") and "its window" not in line
    ]
    return [*lines, last.partition(": ")[2]], notes


# The same answers


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_case_comes_out_as_with_sqlite(
    case: Json, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [
        write_export(workplace / f"{number}.json", one)
        for number, one in enumerate(case["exports"])
    ]
    expected = by_sqlite(workplace, files, aliases=case["aliases"])
    printed = printed_last(capsys)
    aliases = options(case["aliases"])
    assert spark("--exports", f"{workplace}/*.json", "-o", "out", *aliases) == 0
    assert written(Path("out")) == expected
    assert sorted(expected) == REPORTS
    assert printed_last(capsys) == printed


def generated(directory: Path) -> list[Path]:
    """Return days that overlap, one of them twice, in both forms."""
    for form in ("readme", "today"):
        arguments = ["-n", "120", "--seed", "7", "--days", "3", "--form", form]
        output = ["-o", str(directory / f"{form}.json")]
        moment = ["--end-at", "2026-03-03T12:00:00Z"]
        assert ticket_gen.main([*arguments, *output, *moment]) == 0
    first, second, _ = sorted(directory.glob("today-*.json"))
    halves = [json.loads(day.read_bytes()) for day in (first, second)]
    overlap = export(
        *halves[0]["activities_data"][100:],
        *halves[1]["activities_data"][:100],
        start_at=halves[0]["metadata"]["start_at"],
        end_at=halves[1]["metadata"]["end_at"],
    )
    write_export(directory / "overlap.json", overlap)
    for name, day in (("again", first), ("second", second)):
        zipped = gzip.compress(day.read_bytes())
        write_export(directory / f"{name}.json.gz", zipped)
    second.unlink()
    return sorted(directory.iterdir(), reverse=True)


@pytest.mark.usefixtures("session")
def test_generated_days_that_overlap_come_out_as_with_sqlite(
    workplace: Path,
) -> None:
    folder = workplace / "exports"
    folder.mkdir()
    files = generated(folder)
    expected = by_sqlite(workplace, files)
    paths = [str(file) for file in files]
    assert spark("--exports", *paths, "-o", "out") == 0
    assert written(Path("out")) == expected


SPANISH = {"Esperando por cliente": "Waiting on Customer", "a=b": "Resolved"}
HOSTILE = export(
    created(
        "10:00:00", group='=cmd|"x"!A1', product="a,\n\r\u2028b", agent_id=None
    ),
    activity("10:00:05", status="esperando  POR cliente "),
    note("10:30:00", 3),
    activity("11:00:00", status="A=B", group="naïve \U0001f600 ﬀ"),
    activity("12:00:00", status="+1\0,\t'\\", product="\tö'"),
    created("10:00:00", ticket=2, priority=True, agent_id=AGENT, source="Bot"),
    activity("11:00:00", ticket=2, status="Straße", group={"b": [1, None]}),
    activity("11:30:00", ticket=2, status="STRASSE", priority=None, spam=True),
    created("10:00:00", ticket=-3, priority="true", source=77, group="  "),
    activity("10:00:00", ticket=1 << 40, priority=9, group='{"group":null}'),
    note("10:00:00", 99, ticket=5),
    activity("10:00:00", ticket=6),
    activity("10:00:00", ticket=7, by=None, status=None, contacted_customer=1),
    created("10:00:00", ticket=8, group={"group": None}, priority=[None]),
    created("10:00:00", ticket=9, source={}, product=None, priority=1.5),
    end_at="21-04-2017 11:29:59 +0130",
)


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("unit", ["seconds", "hours"])
def test_any_text_and_alias_comes_out_as_with_sqlite(
    workplace: Path, unit: str
) -> None:
    files = [write_export(workplace / "hostile.json", HOSTILE)]
    names = [] if unit == "seconds" else ["ticket_metrics", "metrics_by_agent"]
    arguments = [*names, "--unit", unit]
    expected = by_sqlite(workplace, files, *arguments, aliases=SPANISH)
    arguments += ["--exports", str(files[0]), "-o", "out"]
    assert spark(*arguments, *options(SPANISH)) == 0
    assert written(Path("out")) == expected


@pytest.mark.usefixtures("session")
def test_a_value_in_json_is_of_the_same_type_as_with_sqlite(
    workplace: Path,
) -> None:
    costs = [None, True, False, 1, 1.0, -1.5, 1e300, "é", [1], {"a": 1}]
    activities = [activity("10:00:00", cost=cost) for cost in [..., *costs]]
    del activities[0]["activity"]["cost"]
    files = [write_export(workplace / "costs.json", export(*activities))]
    Path("mine").mkdir()
    Path("mine/types.sql").write_text(
        """select position, json_type(other_properties, '$.cost') as type
        from property_changes order by position"""
    )
    arguments = ["--sql-dir", "mine"]
    expected = by_sqlite(workplace, files, *arguments)
    arguments += ["--exports", str(files[0]), "-o", "out"]
    assert spark(*arguments) == 0
    assert written(Path("out")) == expected


@pytest.mark.usefixtures("session")
def test_the_parts_of_a_result_make_up_sqlites_file(workplace: Path) -> None:
    files = [
        write_export(workplace / "hostile.json", HOSTILE),
        write_export(
            workplace / "more.json",
            export(*(created("10:20:00", ticket=100 + n) for n in range(50))),
        ),
    ]
    names = ["ticket_metrics", "ticket_properties"]
    expected = by_sqlite(workplace, files, *names, aliases=SPANISH)
    arguments = [*names, "-o", str(workplace / "out"), "--partitioned"]
    arguments += ["--exports", f"{workplace}/*.json", *options(SPANISH)]
    for _ in range(2):  # the second time in the first one's place
        assert spark(*arguments) == 0
        folders = sorted(Path("out").iterdir())
        assert [folder.name for folder in folders] == [
            f"{name}.csv" for name in names
        ]
        for folder in folders:
            assert joined(folder) == expected[folder.stem]


@pytest.mark.usefixtures("session")
def test_exports_without_activities_have_headers_alone(
    workplace: Path,
) -> None:
    files = [write_export(workplace / "empty.json", export())]
    expected = by_sqlite(workplace, files)
    assert spark("--exports", str(files[0]), "-o", "out") == 0
    assert written(Path("out")) == expected
    arguments = ["time_in_status", "--exports", str(files[0]), "--partitioned"]
    assert spark(*arguments, "-o", str(workplace / "parts")) == 0
    parts = workplace / "parts" / "time_in_status.csv"
    assert joined(parts) == expected["time_in_status"]


# What is refused


@pytest.mark.usefixtures("session")
def test_a_malformed_export_is_refused_as_with_sqlite(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_export(workplace / "a.json", export(created("10:00:00")))
    bad = export(created("10:00:00"), activity("10:00:01", note={"id": 1}))
    path = write_export(workplace / "b.json", bad)
    assert export_json.main(["-d", "tickets.db", str(path)]) == 1
    expected = capsys.readouterr().err
    assert expected.startswith(f"error: {path}: record 2: the note's type")
    for arguments in ([], ["--partitioned"]):
        paths = ["--exports", f"{workplace}/*.json"]
        output = ["-o", str(workplace / "out"), *arguments]
        assert spark(*paths, *output) == 1
        assert capsys.readouterr().err == expected
        assert list(Path("out").iterdir()) == []


@pytest.mark.usefixtures("session")
def test_a_file_that_is_cut_off_is_refused_as_with_sqlite(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = gzip.compress(json.dumps(export(created("10:00:00"))).encode())
    path = write_export(workplace / "a.json.gz", whole[:-9])
    assert export_json.main(["-d", "tickets.db", str(path)]) == 1
    expected = capsys.readouterr().err
    assert spark("--exports", str(path), "-o", "out") == 1
    assert capsys.readouterr().err == expected


@pytest.mark.usefixtures("session")
def test_exports_that_are_not_there_are_one_line(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert spark("--exports", f"{workplace}/*.json", "-o", "out") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {workplace}/*.json: ")


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize(
    "text",
    [
        "drop view clock;",
        "select nothing from exports;",
        "-- nothing\n",
        "select 1 as a, 2 as a;",
    ],
)
def test_a_report_that_is_not_one_query_is_one_line(
    workplace: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_export(workplace / "a.json", export())
    Path("sql").mkdir()
    Path("sql/mine.sql").write_text(text)
    arguments = ["--exports", str(path), "--sql-dir", "sql", "-o", "out"]
    assert spark(*arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: sql/mine.sql: ")
    assert list(Path("out").iterdir()) == []


# A real cluster


@contextmanager
def cluster(directory: Path) -> Iterator[str]:
    """Start a master and two workers of one core, and yield their address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    master = f"spark://127.0.0.1:{port}"
    place = ["--host", "127.0.0.1", "--webui-port", "0"]
    deploy = "org.apache.spark.deploy"
    with ExitStack() as running:
        start(
            running,
            directory,
            f"{deploy}.master.Master",
            *place,
            "--port",
            str(port),
        )
        for name in ("one", "two"):
            start(
                running,
                directory,
                f"{deploy}.worker.Worker",
                *place,
                "--cores",
                "1",
                "--memory",
                "1g",
                "--work-dir",
                str(directory / name),
                master,
            )
        yield master


def start(running: ExitStack, directory: Path, *command: str) -> None:
    """Start a part of Spark's; end it, however the test ends."""
    log = running.enter_context((directory / "cluster.log").open("ab"))
    process = subprocess.Popen(
        [spark_home() / "bin" / "spark-class", *command],
        stdout=log,
        stderr=log,
        cwd=directory,
        env=environment(),
    )
    running.callback(process.wait)
    running.callback(process.terminate)


def spark_home() -> Path:
    return Path(pyspark.__file__).parent


def environment() -> dict[str, str]:
    """Return the variables of a machine that knows nothing of the project."""
    kept = ("HOME", "JAVA_HOME", "PATH")
    return {
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        **{name: os.environ[name] for name in kept if name in os.environ},
    }


def test_a_cluster_reads_each_file_in_a_task_of_its_own(
    workplace: Path,
) -> None:
    folder = workplace / "exports"
    folder.mkdir()
    files = generated(folder)
    expected = by_sqlite(workplace, files)
    settings = FOR_LITTLE_DATA | {
        "spark.cores.max": "2",
        "spark.eventLog.compress": "false",
        "spark.eventLog.dir": workplace.as_uri(),
        "spark.eventLog.enabled": "true",
        "spark.eventLog.rolling.enabled": "false",
        "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1",
        "spark.executor.memory": "512m",
        "spark.scheduler.maxRegisteredResourcesWaitingTime": "120s",
        "spark.scheduler.minRegisteredResourcesRatio": "1",
        "spark.sql.shuffle.partitions": "2",
    }
    with cluster(workplace) as master:
        submit = [spark_home() / "bin" / "spark-submit", "--master", master]
        for name, value in settings.items():
            submit += ["--conf", f"{name}={value}"]
        script = [ROOT / "sql_queries.py", "--engine", "spark", "--partitioned"]
        run = subprocess.run(
            [*submit, *script, "--exports", f"{folder}/*", "-o", "out"],
            cwd=workplace,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert run.returncode == 0, run.stderr
    for name, file in expected.items():
        assert joined(workplace / "out" / f"{name}.csv") == file
    assert len(list(workplace.glob("out/ticket_metrics.csv/part-*.csv"))) == 2

    # Reading is the first that is done, and it is not done again.
    (log,) = workplace.glob("app-*")
    events = map(json.loads, log.read_text().splitlines())
    tasks = [
        event
        for event in events
        if event["Event"] == "SparkListenerTaskEnd" and event["Stage ID"] == 0
    ]
    assert [records_read(task) for task in tasks] == [1] * len(files)
    assert {task["Task Info"]["Executor ID"] for task in tasks} == {"0", "1"}


def records_read(task: Json) -> int:
    """Return how many records, which are whole files here, a task has read."""
    number: int = task["Task Metrics"]["Input Metrics"]["Records Read"]
    return number
