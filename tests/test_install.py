"""The Makefile and the installed commands, as a new user meets them.

Virtual environments take long to make, so each is tried once, end to end.
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


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, with a blank in its path and nothing made yet."""
    copy = tmp_path_factory.mktemp("a clone") / "project"
    leftovers = shutil.ignore_patterns(
        *(".git", ".venv", "data", "build"),
        *("*.egg-info", "__pycache__", ".*_cache", ".hypothesis"),
    )
    shutil.copytree(ROOT, copy, ignore=leftovers)
    return copy


def make(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make, without the variables of a make that runs these tests."""
    variables = r"^([A-Z_]+) \??="
    ours = re.findall(variables, (checkout / "Makefile").read_text(), re.M)
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", *ours}
    }
    return subprocess.run(
        ["make", *arguments, f"PYTHON={sys.executable}"],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def made(checkout: Path, *arguments: str) -> list[str]:
    """Run make, which has to go well; return the lines that it prints."""
    run = make(checkout, *arguments)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout.splitlines()


def files(folder: Path) -> dict[str, bytes]:
    """Return the files in a folder and below, by their paths."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_make_alone_lists_every_target_with_its_effect(checkout: Path) -> None:
    targets = [line.split(maxsplit=1) for line in made(checkout)]
    phony = re.findall(
        r"^\.PHONY: (.*)$", (checkout / "Makefile").read_text(), re.M
    )
    assert [target for target, _ in targets] == phony


def test_the_makefile_from_an_empty_checkout_to_the_reports(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = checkout / "data"
    seeded = ["NUM_TICKETS=20", "SEED=1", "END_AT=2026-03-04T12:00:00Z"]
    made(checkout, "create_process_tickets", *seeded)
    assert {f"{name}.csv" for name in REPORTS} == files(data / "outputs").keys()
    assert len(lines(data / "outputs/ticket_metrics.csv")) == 21
    exported = json.loads((data / "json/ticket_activities.json").read_bytes())
    assert exported["metadata"]["end_at"] == "04-03-2026 12:00:00 +0000"

    # Of several days just those that were written are ingested.
    (data / "json/ticket_activities-2020-01-01.json").write_text("stale")
    made(checkout, "create_process_tickets", "DAYS=2", *seeded)
    assert files(data / "json").keys() == {
        "ticket_activities-2026-03-02.json",
        "ticket_activities-2026-03-03.json",
        "ticket_activities.json",
    }

    # Your own exports add to a database of their own, and stay.
    run = make(checkout, "process_tickets")
    assert run.returncode != 0
    assert "error: data/exports: no *.json or *.json.gz there" in run.stderr
    (data / "exports").mkdir()
    write_export(data / "exports/own (1).json", export(created("10:00:00")))
    made(checkout, "process_tickets", "UNIT=hours")
    before = files(data / "outputs/exports")
    assert before["time_spent_open.csv"] == (
        b"ticket_id,time_spent_open_hours\n1,24.0\n"
    )
    made(checkout, "process_tickets", "UNIT=hours")
    assert files(data / "outputs/exports") == before

    monkeypatch.setenv("MPLBACKEND", "module://jupyters")  # of no use here
    made(checkout, "plots")
    assert (data / "outputs/index.html").exists()
    assert len(files(data / "outputs/plots")) == 10

    made(checkout, "clean")
    assert not (checkout / ".venv").exists()
    assert files(data).keys() == {
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
    sources = files(checkout / "sql")
    assert files(site_packages / "freshdesk_sql") == {
        name: text for name, text in sources.items() if name.endswith(".sql")
    }
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for command in ("ticket_gen -n 5", "export_json", "sql_queries --plot"):
        script, *options = command.split()
        run = [str(prefix / "bin" / script), *options]
        subprocess.run(run, cwd=elsewhere, check=True)
    outputs = files(elsewhere / "data/outputs")
    assert {f"{name}.csv" for name in REPORTS} < outputs.keys()
    assert "index.html" in outputs


def run_without_packages(
    place: Path, script: str, *options: str
) -> subprocess.CompletedProcess[str]:
    """Run a script by a Python that has nothing but its own modules."""
    return subprocess.run(
        [sys.executable, "-ES", str(ROOT / f"{script}.py"), *options],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_help_has_examples_and_needs_no_package(
    script: str, tmp_path: Path
) -> None:
    run = run_without_packages(tmp_path, script, "--help")
    assert run.returncode == 0
    assert "examples:\n" in run.stdout


@pytest.mark.parametrize(
    ("command", "package"),
    [(["ticket_gen"], "faker"), (["sql_queries", "--plot"], "pandas")],
)
def test_a_missing_package_is_one_line_that_says_how_to_install_it(
    command: list[str], package: str, tmp_path: Path
) -> None:
    run = run_without_packages(tmp_path, *command)
    assert run.returncode == 1
    (error,) = run.stderr.splitlines()
    assert error.startswith("error: ")
    assert f"python -m pip install {package}" in error
