"""The Makefile and the installed commands, as a new user meets them.

Slow (virtual environments are made), so each is tried once, end to end.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from conftest import REPORTS, ROOT, created, export, lines, write_export

SCRIPTS = ("ticket_gen", "export_json", "sql_queries")
VARIABLE = re.compile(r"^([A-Z_]+) \??=", re.MULTILINE)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, with a blank in its path and nothing made yet."""
    copy = tmp_path_factory.mktemp("a clone") / "project"
    leftovers = shutil.ignore_patterns(
        ".git",
        ".venv",
        "data",
        "build",
        "*.egg-info",
        "__pycache__",
        ".*_cache",
    )
    shutil.copytree(ROOT, copy, ignore=leftovers)
    return copy


def make(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # without the variables of the make that these tests may be run by
    ours = set(VARIABLE.findall((ROOT / "Makefile").read_text()))
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"} | ours
    }
    return subprocess.run(
        ["make", *arguments, f"PYTHON={sys.executable}"],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_make_alone_lists_every_target_with_what_it_does(
    checkout: Path,
) -> None:
    run = make(checkout)
    phony = re.findall(
        r"^\.PHONY: (.*)$", (checkout / "Makefile").read_text(), re.M
    )
    assert run.returncode == 0
    assert [line.split()[0] for line in run.stdout.splitlines()] == phony
    assert all(len(line.split()) > 1 for line in run.stdout.splitlines())


def test_the_makefile_from_an_empty_checkout_to_the_reports(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded = ["NUM_TICKETS=20", "SEED=1", "END_AT=2026-03-04T12:00:00Z"]
    run = make(checkout, "create_process_tickets", *seeded)
    assert run.returncode == 0, run.stdout + run.stderr
    data = checkout / "data"
    outputs = {name: lines(data / f"outputs/{name}.csv") for name in REPORTS}
    assert len(outputs["ticket_metrics"]) == 21
    export_file = data / "json/ticket_activities.json"
    made = json.loads(export_file.read_bytes())
    assert made["metadata"]["end_at"] == "04-03-2026 12:00:00 +0000"

    # Of several days just those that were written are ingested.
    (data / "json/ticket_activities-2020-01-01.json").write_text("stale")
    run = make(checkout, "create_process_tickets", "DAYS=2", *seeded)
    assert run.returncode == 0, run.stdout + run.stderr
    assert sorted(path.name for path in (data / "json").iterdir()) == [
        "ticket_activities-2026-03-02.json",
        "ticket_activities-2026-03-03.json",
        "ticket_activities.json",
    ]

    # One's own exports add to a database of their own, and stay.
    run = make(checkout, "process_tickets")
    assert run.returncode != 0
    assert "error: data/exports: no *.json or *.json.gz there" in run.stderr
    (data / "exports").mkdir()
    write_export(data / "exports/own (1).json", export(created("10:00:00")))
    own = data / "outputs/exports"
    run = make(checkout, "process_tickets", "UNIT=hours")
    assert run.returncode == 0, run.stdout + run.stderr
    assert lines(own / "time_spent_open.csv") == [
        "ticket_id,time_spent_open_hours",
        "1,24.0",
    ]
    before = {path.name: path.read_bytes() for path in own.iterdir()}
    run = make(checkout, "process_tickets", "UNIT=hours")
    assert run.returncode == 0, run.stdout + run.stderr
    assert {path.name: path.read_bytes() for path in own.iterdir()} == before

    monkeypatch.setenv("MPLBACKEND", "module://jupyters")  # of no use here
    run = make(checkout, "plots")
    assert run.returncode == 0, run.stdout + run.stderr
    assert (data / "outputs/index.html").exists()
    assert len(list((data / "outputs/plots").iterdir())) == 10

    run = make(checkout, "clean")
    assert run.returncode == 0, run.stdout + run.stderr
    assert not (checkout / ".venv").exists()
    kept = [path for path in data.rglob("*") if path.is_file()]
    assert {path.relative_to(data).as_posix() for path in kept} == {
        "exports/own (1).json",
        "database/exports.db",
        *(f"outputs/exports/{name}.csv" for name in REPORTS),
    }


def test_the_installed_commands_work_from_any_directory(
    checkout: Path, tmp_path: Path
) -> None:
    prefix = tmp_path / "installed"
    venv.create(prefix, with_pip=True)
    pip = [str(prefix / "bin/python"), "-m", "pip", "install", "--quiet"]
    # What the scripts need is here already; the test is of what is ours.
    subprocess.run([*pip, "--no-deps", str(checkout)], check=True)
    site_packages = next((prefix / "lib").glob("python*/site-packages"))
    ours = Path(pytest.__file__).parent.parent
    (site_packages / "dependencies.pth").write_text(str(ours))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for command in (
        "ticket_gen -n 5 --seed 1",
        "export_json",
        "sql_queries --plot",
    ):
        subprocess.run(
            [str(prefix / "bin" / command.split()[0]), *command.split()[1:]],
            cwd=elsewhere,
            check=True,
        )
    assert sorted(
        path.stem for path in elsewhere.glob("data/outputs/*.csv")
    ) == (REPORTS)
    assert (elsewhere / "data/outputs/index.html").exists()


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_help_has_examples_and_runs_without_faker_and_pandas(
    script: str, tmp_path: Path
) -> None:
    run = subprocess.run(
        [sys.executable, "-ES", str(ROOT / f"{script}.py"), "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "examples:\n" in run.stdout


@pytest.mark.parametrize(
    ("command", "package"),
    [(["ticket_gen.py"], "faker"), (["sql_queries.py", "--plot"], "pandas")],
)
def test_a_missing_package_is_one_line_that_says_how_to_install_it(
    command: list[str], package: str, tmp_path: Path
) -> None:
    script, *options = command
    run = subprocess.run(
        [sys.executable, "-ES", str(ROOT / script), *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    (error,) = run.stderr.splitlines()
    assert error.startswith("error: ")
    assert f"python -m pip install {package}" in error
