"""The Makefile and the installed commands, as a new user meets them.

Virtual environments take long to make, so one test makes a genuine one. The
others have this Python stand in for it.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from conftest import (
    BUSINESS_REPORTS,
    REPORTS,
    ROOT,
    SLA_REPORTS,
    created,
    export,
    lines,
    write_export,
)

from freshdesk.pictures import PICTURES

OUTPUTS = {"columns.csv", *(f"{name}.csv" for name in REPORTS)}
# A made-up helpdesk has working hours and targets, and so all reports.
MADE_UP = OUTPUTS | {
    f"{name}.csv" for name in (*BUSINESS_REPORTS, *SLA_REPORTS)
}
SCRIPTS = ("ticket_gen", "export_json", "sql_queries")
SEEDED = ("NUM_TICKETS=20", "SEED=1", "END_AT=2026-03-04T12:00:00Z")
# Has what a shell, make and a pattern would read. (make reads $$ as one $.)
AWKWARD = 'it\'s  a.json "b" $HOME [c] -d;e'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the project, with a blank in its path and nothing made yet."""
    copy = tmp_path / "a clone" / "project"
    leftovers = shutil.ignore_patterns(
        *(".git", ".venv", "data", "build"),
        *("*.egg-info", "__pycache__", ".*_cache", ".hypothesis"),
    )
    shutil.copytree(ROOT, copy, ignore=leftovers)
    return copy


@pytest.fixture
def prepared(checkout: Path) -> Path:
    """A copy whose virtual environment is the one of these tests."""
    python = f'exec {shlex.quote(sys.executable)} "$@"'
    write_program(checkout / ".venv/bin/python", python)
    for stamp in (".ready", ".ready-excel", ".ready-plot"):
        (checkout / ".venv" / stamp).touch()
    return checkout


def write_program(path: Path, text: str) -> Path:
    """Write a program for the shell to *path*."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


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
        ["make", f"PYTHON={sys.executable}", *arguments],
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


def refused(checkout: Path, *arguments: str) -> str:
    """Run make, which has to fail; return the one error that is told."""
    run = make(checkout, *arguments)
    assert run.returncode != 0
    assert "Traceback" not in run.stderr
    (error,) = re.findall(r"(?:error:|Makefile:\d+: \*\*\*) .*", run.stderr)
    return str(error)


def files(folder: Path) -> dict[str, bytes]:
    """Return the files in a folder and below, by their paths."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def write_files(folder: Path, *names: str) -> None:
    """Write files that are somebody's own."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("own")


def test_make_alone_lists_every_target_with_its_effect(checkout: Path) -> None:
    targets = [line.split(maxsplit=1) for line in made(checkout)]
    phony = re.findall(
        r"^\.PHONY: (.*)$", (checkout / "Makefile").read_text(), re.M
    )
    assert [target for target, _ in targets] == phony


def test_the_makefile_from_an_empty_checkout_to_the_reports(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as offline:
        offline.setenv("PIP_NO_INDEX", "1")
        offline.setenv("PIP_CONFIG_FILE", os.devnull)
        offline.delenv("PIP_FIND_LINKS", raising=False)
        run = make(checkout, "complete_set_up")
    assert run.returncode != 0
    *_, error, makes = run.stderr.splitlines()
    assert error.startswith("error: pip cannot install into .venv, see above")
    assert makes.startswith("make: ***")

    # The next try, with what pip needs, begins anew.
    data = checkout / "data"
    printed = made(checkout, "create_process_tickets", *SEEDED)
    set_up = "making .venv: the packages in requirements.txt, half a minute"
    assert printed[0] == set_up
    assert files(data / "outputs").keys() == MADE_UP
    assert len(lines(data / "outputs/ticket_metrics.csv")) == 21
    exported = json.loads((data / "json/ticket_activities.json").read_bytes())
    assert exported["metadata"]["end_at"] == "04-03-2026 12:00:00 +0000"

    # Of several days just those that were written are ingested.
    (data / "json/ticket_activities-2020-01-01.json").write_text("stale")
    printed = made(checkout, "create_process_tickets", "DAYS=2", *SEEDED)
    assert printed[0].startswith("data/json/ticket_activities-2026-03-02.json")
    assert files(data / "json").keys() == {
        "ticket_activities-2026-03-02.json",
        "ticket_activities-2026-03-03.json",
        "ticket_activities.json",
    }

    monkeypatch.setenv("MPLBACKEND", "module://jupyters")  # of no use here
    printed = made(checkout, "plots")
    assert (
        printed[0] == "adding to .venv: the packages for plot, a minute or more"
    )
    assert (data / "outputs/index.html").exists()
    pictures = {*PICTURES, "targets_met"}  # its targets are known
    assert {
        name.rpartition(".")[0] for name in files(data / "outputs/plots")
    } == (pictures)

    write_files(data, "outputs/plots/own.svg")
    made(checkout, "clean")
    assert not (checkout / ".venv").exists()
    assert files(data).keys() == {"outputs/plots/own.svg"}


@pytest.mark.parametrize(
    "damage",
    [
        "rm .venv/.ready",
        "ln -sf nowhere .venv/bin/python",
        "echo 'exit 1' > .venv/bin/python",
    ],
)
def test_a_broken_virtual_environment_is_made_anew(
    damage: str, checkout: Path
) -> None:
    python = write_program(
        checkout / "python",
        'test "$1 $2" != "-m venv" ||'
        ' { rm -r "$4"; mkdir -p "$4/bin" && cp "$0" "$4/bin"; }',
    )
    write_files(checkout, ".venv/old")
    first = made(checkout, "complete_set_up", f"PYTHON={python}")
    assert first[0].startswith("making .venv")
    assert not (checkout / ".venv/old").exists()

    write_files(checkout, ".venv/old")
    made(checkout, "complete_set_up", f"PYTHON={python}")
    assert (checkout / ".venv/old").exists()
    subprocess.run(damage, shell=True, cwd=checkout, check=True)
    made(checkout, "complete_set_up", f"PYTHON={python}")
    assert not (checkout / ".venv/old").exists()


@pytest.mark.parametrize("python", ["an old python", "no python"])
def test_make_refuses_too_old_a_python_before_it_makes_anything(
    python: str, checkout: Path
) -> None:
    old = "import sys; sys.version_info = (3, 9, 2); exec(sys.argv[1])"
    write_program(
        checkout / "an old python",
        'test "$1" = -c || { echo Python 3.9.2; exit; }\n'
        f'exec {shlex.quote(sys.executable)} -c "{old}" "$2"',
    )
    error = refused(checkout, "create_tickets", f"PYTHON=./{python}")
    assert error.startswith(f"error: ./{python} (")
    assert "not Python 3.10 or later; name one" in error
    assert "Python 3.9.2" in error or python == "no python"
    assert not (checkout / ".venv").exists()


def test_any_name_is_possible(prepared: Path, tmp_path: Path) -> None:
    data = tmp_path / AWKWARD
    (data / "exports").mkdir(parents=True)
    write_export(data / "exports/own.json", export(created("10:00:00")))
    # A shell that splits the name finds these.
    others = ["it's", "a.json", "b", AWKWARD.replace("  ", " ")]
    write_files(tmp_path, *others)
    where = f"DATA_DIR={data}".replace("$", "$$")

    made(prepared, "create_process_tickets", where, "DAYS=2", *SEEDED)
    made(prepared, "process_tickets", where, "UNIT=hours")
    outputs = {f"outputs/{name}" for name in MADE_UP}
    yours = {"exports/own.json", "database/exports.db"}
    yours |= {f"outputs/exports/{name}" for name in OUTPUTS}
    assert files(data).keys() == outputs | yours | {
        "json/ticket_activities-2026-03-02.json",
        "json/ticket_activities-2026-03-03.json",
        "database/ticket_activities.db",
        *("settings/business_hours.json", "settings/sla_policies.json"),
        "settings/agents.json",
    }
    assert files(data / "outputs/exports")["time_spent_open.csv"] == (
        b"ticket_id,time_spent_open_hours\n1,24.0\n"
    )
    made(prepared, "clean", where)
    assert files(data).keys() == yours
    assert files(tmp_path).keys() >= {*others}


@pytest.mark.parametrize(
    ("exports", "ingested"),
    [
        (AWKWARD.replace("$", "$$"), 1),
        (f"{AWKWARD}/1.json".replace("$", "$$"), 1),
        ("[12].json", 2),
        ("1.json '2.json'", 2),
    ],
)
def test_exports_are_a_name_or_several_as_the_shell_reads_them(
    exports: str, ingested: int, prepared: Path
) -> None:
    (prepared / AWKWARD).mkdir()
    for number, name in enumerate(("1.json", "2.json", f"{AWKWARD}/1.json")):
        write_export(
            prepared / name, export(created("10:00:00", ticket=number))
        )
    printed = made(prepared, "process_tickets", f"EXPORTS={exports}")
    assert f" {ingested} export" in printed[0]


def test_a_bad_export_fails_in_the_end_after_the_reports(
    prepared: Path,
) -> None:
    assert "data/exports" in refused(prepared, "process_tickets")
    exports = prepared / "data/exports"
    exports.mkdir(parents=True)
    assert "data/exports" in refused(prepared, "process_tickets")
    write_files(exports, "1.json")
    write_export(exports / "2.json", export(created("10:00:00")))
    run = make(prepared, "process_tickets")
    assert run.returncode != 0
    assert "error: data/exports/1.json: " in run.stderr
    reports = prepared / "data/outputs/exports"
    assert len(lines(reports / "ticket_metrics.csv")) == 2


def test_a_run_may_write_a_workbook_and_draw(prepared: Path) -> None:
    write_export(prepared / "own.json", export(created("10:00:00")))
    options = ["EXPORTS=own.json", "FORMAT=xlsx", "PLOT=1"]
    printed = made(prepared, "process_tickets", *options)
    assert printed[-1].endswith("; open data/outputs/exports/index.html")
    outputs = files(prepared / "data/outputs/exports").keys()
    assert {"tickets.xlsx", "columns.csv", "index.html"} < outputs
    assert not {"time_spent_open.csv"} & outputs


@pytest.mark.parametrize(
    "value",
    [
        *("DAYS=01", "DAYS=x", "DAYS=2x", "JSON=data/x.txt", "UNIT=days"),
        *("FORMAT=pdf", "SETTINGS=nowhere"),
        *("NUM_TICKETS=0", "LOCALE=xx", "TIMEZONE=Mars", "FORM=none"),
        *(
            "SEED=x",
            "END_AT=today",
            "DATABASE=data/../data/database/exports.db",
        ),
    ],
)
def test_a_wrong_value_is_refused_before_a_file_changes(
    value: str, prepared: Path
) -> None:
    write_files(
        prepared / "data",
        *("json/ticket_activities.json", "x.txt", "database/exports.db"),
        *("json/ticket_activities-2020-01-01.json", "exports/1.json"),
    )
    before = files(prepared / "data")
    made_up, own = "create_process_tickets", "process_tickets"
    targets = {"UNIT=days": [made_up, own], "SETTINGS=nowhere": [own]}
    for target in targets.get(value, [made_up]):
        refused(prepared, target, "DAYS=2", value)
        assert files(prepared / "data") == before


def test_clean_removes_what_runs_make_and_nothing_else(checkout: Path) -> None:
    data = checkout / "data"
    outputs = [*OUTPUTS, *(f"{name}.parquet" for name in REPORTS)]
    outputs += [
        "tickets.xlsx",
        "index.html",
        *(f"plots/{name}.png" for name in PICTURES),
    ]
    generated = [
        "json/ticket_activities.json",
        "json/ticket_activities-2026-03-02.json",
        "database/ticket_activities.db",
        *(f"outputs/{name}" for name in outputs),
    ]
    parts = [re.sub("([^/]+)$", r".\1.part", name) for name in generated]
    journals = ["ticket_activities.db", ".ticket_activities.db.part"]
    own = [
        "json/ticket_activities-mine.json",
        "json/ticket_activities-2026-03-02.json.gz",
        "json/.mine.json.part",
        "exports/ticket_activities.json",
        "database/exports.db",
        "outputs/mine.csv",
        "outputs/plots/mine.png",
        *(f"outputs/exports/{name}" for name in outputs),
    ]
    write_files(data, *generated, *parts, *own)
    write_files(data / "database", *(f"{name}-journal" for name in journals))
    write_files(checkout, "mine.egg-info/PKG-INFO")
    # Your exports' database and outputs stay even by another name.
    yours = [
        "DATABASE=./data/database/exports.db",
        "OUTPUTS=data/outputs/exports",
    ]
    made(checkout, "clean", *yours)
    assert {*own} < files(data).keys()
    made(checkout, "clean")
    assert files(data).keys() == {*own}
    assert (checkout / "mine.egg-info/PKG-INFO").exists()


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
        name: text for name, text in sources.items() if "README" not in name
    }
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for command in ("ticket_gen -n 5", "export_json", "sql_queries --plot"):
        script, *options = command.split()
        run = [str(prefix / "bin" / script), *options]
        subprocess.run(run, cwd=elsewhere, check=True)
    outputs = files(elsewhere / "data/outputs")
    assert outputs.keys() > OUTPUTS
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
@pytest.mark.parametrize(
    ("lacking", "remedy"),
    [
        (
            "sys.version_info = (3, 8, 10); sys.modules['zoneinfo'] = None;"
            " del functools.cache, types.NoneType",
            "Python 3.10 or later",
        ),
        ("sys.modules['fcntl'] = None", "on Windows in WSL"),
    ],
)
def test_an_old_python_or_windows_is_refused_in_one_line(
    lacking: str, remedy: str, script: str
) -> None:
    path = ROOT / f"{script}.py"
    code = (
        f"import functools, runpy, sys, types; sys.path[0] = {str(ROOT)!r};"
        f" {lacking}; runpy.run_path({str(path)!r}, run_name='__main__')"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    (error,) = run.stderr.splitlines()
    assert error.startswith("error: ")
    assert remedy in error


@pytest.mark.parametrize("module", [*SCRIPTS, "freshdesk/__init__"])
def test_an_old_python_can_parse_what_refuses_it(module: str) -> None:
    text = (ROOT / f"{module}.py").read_text(encoding="utf-8")
    ast.parse(text, feature_version=(3, 8))


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
