"""Nothing lost, nothing doubled: kills, full disks, company, hostile files.

A handful of each here; `make campaign_kills` and `make campaign_fuzz` try many.
"""

from __future__ import annotations

import codecs
import json
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from campaigns.fuzz_campaign import campaign
from campaigns.kill_campaign import (
    QUERY,
    ROOT,
    Outcome,
    Stage,
    csv_files,
    database_state,
    fail_writes,
    finish,
    in_child,
    interrupt_at_calls,
    json_files,
    kill_at_calls,
    kill_at_changes,
    kill_at_random,
    kill_in_writes,
    listing,
    make_exports,
    nothing,
    stages,
    start,
)

STAGES = [
    "ingest into a new database",
    "ingest into an existing one",
    "ingest by two processes",
    "ingest with --replace",
    "ingest after a kill",
    "--replace after a kill",
    "query",
    "query after a kill",
    "generate",
    "generate days",
]
INGEST = ("export_json", "-d", "tickets.db")
NOBODY = 65_534  # a user and a group who own nothing


@pytest.fixture(scope="module")
def all_stages(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Stage]:
    directory = tmp_path_factory.mktemp("stages")
    return {stage.name: stage for stage in stages(directory, tickets=12)}


@pytest.fixture
def stage(
    request: pytest.FixtureRequest, all_stages: dict[str, Stage]
) -> Stage:
    if request.param not in all_stages:
        pytest.skip("SQLite has written less than was thought: nothing halfway")
    return all_stages[request.param]


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with exports, a database of the first one, and its reports."""
    directory = tmp_path_factory.mktemp("exports")
    make_exports(directory, tickets=40)
    run((*INGEST, "1.json"), directory)
    run(QUERY, directory)
    return directory


@pytest.fixture
def place(tmp_path: Path, exports: Path) -> Path:
    """A copy of that folder."""
    return shutil.copytree(exports, tmp_path / "place")


def run(
    command: tuple[str, ...], place: Path, fault: Callable[[], object] = nothing
) -> Outcome:
    """Run a command that has to go well."""
    outcome = in_child(command, place, fault)
    assert outcome.status == 0, outcome
    return outcome


def refused(
    command: tuple[str, ...], place: Path, fault: Callable[[], object] = nothing
) -> str:
    """Run a command that has to fail with one clear line; return that."""
    outcome = in_child(command, place, fault)
    assert outcome.is_clear_error, outcome
    assert outcome.err.count("\n") == 1, outcome
    return outcome.err


# Killed, interrupted, and with writes that fail

each_stage = pytest.mark.parametrize("stage", STAGES, indirect=True)


@each_stage
def test_killed_at_any_call_all_is_whole_and_can_be_completed(
    stage: Stage,
) -> None:
    assert kill_at_calls(stage, first=30, step=110) > 0


@each_stage
def test_killed_in_the_middle_of_a_write_all_is_whole(stage: Stage) -> None:
    assert kill_in_writes(stage, 2) > 0


@each_stage
def test_killed_at_a_random_moment_all_is_whole(stage: Stage) -> None:
    kill_at_random(stage, 1, random.Random(stage.name))


def test_killed_when_its_folder_changes_all_is_whole(
    all_stages: dict[str, Stage],
) -> None:
    kill_at_changes(all_stages["ingest into an existing one"], [1, 2, 3])


@each_stage
def test_ctrl_c_at_any_call_is_status_130_and_silent(stage: Stage) -> None:
    assert interrupt_at_calls(stage, first=20, step=130) > 0


@each_stage
def test_a_write_that_fails_is_one_clear_error(stage: Stage) -> None:
    assert fail_writes(stage, 2) > 0


@pytest.mark.parametrize(
    ("command", "part"),
    [
        (("export_json", "-d", "new.db", "day.json"), ".new.db.part"),
        (("sql_queries", "-d", "day.db"), ".ticket_metrics.csv.part"),
        (("ticket_gen", "-n", "50000", "-o", "x.json"), ".x.json.part"),
    ],
    ids=["export_json", "sql_queries", "ticket_gen"],
)
def test_ctrl_c_at_a_terminal_is_status_130_and_silent(
    tmp_path: Path, command: tuple[str, ...], part: str
) -> None:
    template = tmp_path / "template"
    template.mkdir()
    generate = ("ticket_gen", "-n", "4000", "--seed", "1", "-o", "day.json")
    run(generate, template)
    run(("export_json", "-d", "day.db", "day.json"), template)
    for attempt in range(5):  # it may end before it is interrupted
        place = tmp_path / str(attempt)
        shutil.copytree(template, place)
        process = start(command, place)
        while process.poll() is None and not list(place.rglob(part)):
            pass
        process.send_signal(signal.SIGINT)
        outcome = finish(process)
        if outcome.status != 0:
            break
    assert outcome == Outcome(130, "", "")
    assert listing(place) == listing(template)


# Full disks


@pytest.fixture
def full_device() -> str:
    if not Path("/dev/full").is_char_device():
        pytest.skip("this system has no /dev/full")
    return "/dev/full"


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a small disk with these options, again with others."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def mount(options: str) -> Path:
        again = "remount," if disk.is_mount() else ""
        command = ["mount", "-t", "tmpfs", "-o", again + options]
        if (
            sys.platform != "linux"
            or shutil.which("mount") is None
            or subprocess.run(
                [*command, "tmpfs", str(disk)], capture_output=True
            ).returncode
        ):
            pytest.skip("no small disk can be mounted by this user here")
        return disk

    yield mount
    if disk.is_mount():
        subprocess.run(["umount", str(disk)], check=True)


def test_a_generated_export_that_meets_a_full_disk_is_refused_by_name(
    tmp_path: Path, full_device: str
) -> None:
    command = ("ticket_gen", "-n", "5", "-o")
    (tmp_path / "link.json").symlink_to(full_device)
    for output in (full_device, "link.json"):
        assert refused((*command, output), tmp_path).startswith(
            f"error: {output}: "
        )
    assert Path(full_device).is_char_device()


def test_a_report_that_meets_a_full_disk_is_named_and_the_others_stay_old(
    place: Path, full_device: str
) -> None:
    run((*INGEST, "2.json"), place)
    full = place / "outputs" / "time_spent_open.csv"
    full.unlink()
    full.symlink_to(full_device)

    def others() -> dict[str, bytes]:
        return {
            path.name: path.read_bytes()
            for path in (place / "outputs").iterdir()
            if path != full
        }

    before = others()
    assert refused(QUERY, place).startswith(
        "error: outputs/time_spent_open.csv: "
    )
    assert others() == before


@pytest.mark.parametrize("script", ["export_json", "sql_queries", "ticket_gen"])
def test_a_full_disk_under_what_is_printed_is_one_line(
    place: Path, script: str, full_device: str
) -> None:
    command = {
        "export_json": (*INGEST, "2.json"),
        "sql_queries": QUERY,
        "ticket_gen": ("ticket_gen", "-n", "5", "-o", "day.json"),
    }[script]
    with Path(full_device).open("w") as full:
        outcome = finish(start(command, place, stdout=full))
    assert outcome.is_clear_error, outcome


@pytest.mark.parametrize("script", ["export_json", "sql_queries", "ticket_gen"])
def test_help_that_nobody_can_read_is_not_given(
    place: Path, script: str, full_device: str
) -> None:
    with Path(full_device).open("w") as full:
        outcome = finish(start((script, "--help"), place, stdout=full))
    assert outcome.is_clear_error, outcome


def test_an_error_that_nobody_can_read_is_status_1(
    place: Path, full_device: str
) -> None:
    with Path(full_device).open("w") as full:
        outcome = finish(start((*INGEST, "none.json"), place, stderr=full))
    assert (outcome.status, outcome.out) == (1, "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_with_nowhere_to_print_to_the_work_is_done(
    tmp_path: Path, closed: str
) -> None:
    script = [sys.executable, str(ROOT / "ticket_gen.py"), "-o", "day.json"]
    shell = ["sh", "-c", f'"$@" {closed}', "sh", *script]
    done = subprocess.run(shell, cwd=tmp_path, capture_output=True, check=True)
    assert (done.stdout == b"") == (closed != "2>&-")
    assert done.stderr == b""
    day = json.loads((tmp_path / "day.json").read_text())
    assert len(day["activities_data"]) == day["metadata"]["activities_count"]


@pytest.mark.parametrize("room", [0, 40, 80, 120, 160])  # KiB
def test_on_a_full_disk_all_stays_as_it_was_until_there_is_room(
    place: Path,
    tmp_path: Path,
    mounted: Callable[[str], Path],
    room: int,
) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(place, whole)
    exports = [str(place / name) for name in ("3.json", "2-3.json.gz")]
    database, outputs = "tickets.db", "outputs"
    add = ("export_json", "-d", database, *exports)
    query = ("sql_queries", "-d", database, "-o", outputs)
    run(add, whole)
    after_first = tmp_path / "after_first"
    shutil.copytree(place, after_first)
    run(add[:-1], after_first)

    disk = mounted("size=1m")
    shutil.copy(place / database, disk)
    shutil.copytree(place / outputs, disk / outputs)
    old_reports = csv_files(disk)
    # from no room at all to nearly enough, beyond what is there
    blocks = os.statvfs(disk)
    used = (blocks.f_blocks - blocks.f_bfree) * blocks.f_frsize // 1024
    disk = mounted(f"size={used + room}k")
    for command in (add, query, (*add, "--replace")):
        outcome = in_child(command, disk)
        assert outcome.status == 0 or outcome.is_clear_error, outcome
        assert not [name for name in listing(disk) if ".part" in name]
        if command == add:
            allowed = map(database_state, (place, after_first, whole))
            assert database_state(disk) in list(allowed)
        if command == query and outcome.status:
            assert csv_files(disk) == old_reports
    disk = mounted("size=4m")
    for command in (add, query):
        run(command, disk)
    assert listing(disk) == [
        *(f"{outputs}/{name}" for name in sorted(old_reports)),
        database,
    ]


# Folders and disks that are read-only


@pytest.fixture
def as_user(
    place: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], None]:
    """The fault of being a user whom permissions bind, as they do not root."""
    if os.geteuid() != 0:
        return nothing
    base = tmp_path_factory.getbasetemp()
    ours = [path for path in place.parents if path.is_relative_to(base)]
    if base.parent.name.startswith("pytest-of-"):
        ours.append(base.parent)
    for folder in ours:  # pytest keeps them to the user
        folder.chmod(folder.stat().st_mode | 0o055)
    for folder in (*place.parents, ROOT, *ROOT.parents):
        if not folder.stat().st_mode & stat.S_IXOTH:
            pytest.skip(f"run by root, and others may not enter {folder}")

    def become_nobody() -> None:
        codecs.lookup("utf-8-sig")  # others may not read Python's own modules
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    return become_nobody


def read_only(place: Path) -> None:
    for path in (*place.rglob("*"), place):
        path.chmod(0o555 if path.is_dir() else 0o444)


@pytest.fixture(autouse=True)
def writable_again(tmp_path: Path) -> Iterator[None]:
    """Let pytest remove what a test has made read-only."""
    yield
    for path in (tmp_path, *tmp_path.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            with suppress(OSError):
                path.chmod(0o755)


@pytest.mark.parametrize(
    "command",
    [
        (*INGEST, "2.json"),
        (*INGEST, "--replace", "2.json"),
        ("export_json", "-d", "new.db", "2.json"),
        ("export_json", "-d", "new/new.db", "2.json"),
        QUERY,
        ("sql_queries", "-d", "tickets.db", "-o", "new"),
        ("ticket_gen", "-n", "5", "-o", "1.json"),
        ("ticket_gen", "-n", "5", "-o", "new/new.json"),
    ],
    ids=" ".join,
)
def test_in_a_read_only_folder_nothing_changes_and_the_error_is_clear(
    place: Path, as_user: Callable[[], None], command: tuple[str, ...]
) -> None:
    before = [listing(place), json_files(place), csv_files(place)]
    database = (place / "tickets.db").read_bytes()
    read_only(place)
    refused(command, place, as_user)
    assert [listing(place), json_files(place), csv_files(place)] == before
    assert (place / "tickets.db").read_bytes() == database


def test_a_file_that_may_not_be_read_is_named(
    place: Path, as_user: Callable[[], None]
) -> None:
    (place / "2.json").chmod(0)
    (place / "tickets.db").chmod(0o666)
    place.chmod(0o777)
    assert refused((*INGEST, "2.json"), place, as_user).startswith(
        "error: 2.json: "
    )


def test_a_database_that_may_only_be_read_can_be_queried(
    place: Path, tmp_path: Path, as_user: Callable[[], None]
) -> None:
    expected = csv_files(place)
    read_only(place)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o777)
    elsewhere.chmod(0o777)
    run((*QUERY[:-1], str(elsewhere / "outputs")), place, as_user)
    assert csv_files(elsewhere) == expected


def test_a_database_on_a_read_only_disk_can_be_queried(
    place: Path, tmp_path: Path, mounted: Callable[[str], Path]
) -> None:
    disk = mounted("size=4m")
    shutil.copy(place / "tickets.db", disk)
    mounted("size=4m,ro")
    run((*QUERY[:-1], str(tmp_path / "outputs")), disk)
    assert csv_files(tmp_path) == csv_files(place)
    refused((*INGEST, str(place / "2.json")), disk)


# In company


def test_two_ingests_at_once_say_the_same_as_one_after_the_other(
    place: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(place, alone)
    run((*INGEST, "3.json", "2-3.json.gz"), alone)
    first = start((*INGEST, "3.json", "2-3.json.gz"), place)
    second = start((*INGEST, "2-3.json.gz", "3.json"), place)
    assert [finish(first).status, finish(second).status] == [0, 0]
    for folder in (alone, place):
        run(QUERY, folder)
    assert csv_files(place) == csv_files(alone)
    assert listing(place) == listing(alone)


def test_many_at_once_all_end_well(place: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(place, alone)
    files = ["1.json", "2.json", "3.json", "4.json", "2-3.json.gz"]
    run(("export_json", "-d", "new.db", *files), alone)
    # the database is still to be made, by one of them
    crowd = [start(("export_json", "-d", "new.db", f), place) for f in files]
    crowd += [start(QUERY, place) for _ in range(2)]
    assert [finish(process).status for process in crowd] == [0] * len(crowd)
    for folder in (alone, place):
        run(("sql_queries", "-d", "new.db", "-o", "outputs"), folder)
    assert csv_files(place) == csv_files(alone)
    assert listing(place) == listing(alone)


def test_queries_during_an_ingest_see_the_state_before_or_after_it(
    place: Path, tmp_path: Path
) -> None:
    later = tmp_path / "later"
    shutil.copytree(place, later)
    run((*INGEST, "2.json", "3.json"), later)
    states = [csv_files(place)]
    for copy, files in ((tmp_path / "between", ["2.json"]), (later, [])):
        if files:
            shutil.copytree(place, copy)
            run((*INGEST, *files), copy)
        run(QUERY, copy)
        states.append(csv_files(copy))
    ingest = start((*INGEST, "2.json", "3.json"), place)
    running = True
    while running:
        running = ingest.poll() is None  # once more after its end
        run(QUERY, place)
        assert csv_files(place) in states
    assert finish(ingest).status == 0
    assert csv_files(place) == states[-1]


def test_a_query_of_a_database_that_another_program_writes_waits_or_says_so(
    place: Path,
) -> None:
    # Not one of ours: it holds SQLite's lock, for as long as it lives.
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sqlite3, sys;"
            "connection = sqlite3.connect('tickets.db');"
            "connection.execute('begin immediate');"
            "print('held', flush=True); sys.stdin.read()",
        ],
        cwd=place,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        run(QUERY, place)  # it has not written anything yet
    finally:
        holder.communicate("")


# Reports that try to write


@pytest.mark.parametrize(
    "text",
    [
        "insert into exports (name) values ('x')",
        "delete from activities",
        "update activities set position = 1",
        "create table mine (x)",
        "create temp table mine as select 1",
        "create temp view mine as select 1",
        "drop view ticket_metrics",
        "attach 'other.db' as other",
        "vacuum into 'other.db'",
        "pragma user_version = 7",
        "pragma user_version",
        "begin",
        "commit",
        "select 1; select 2",
        "select 1; delete from exports",
        "select load_extension('x')",
        "with old as (select 1) delete from exports returning *",
        "selec 1",
        "select 1 from nowhere",
        "select 'a' as x, 'b' as x",
        "",
        "-- nothing but a comment",
    ],
)
def test_a_report_that_does_not_just_read_is_refused_by_name(
    place: Path, text: str
) -> None:
    run((*INGEST, "2.json"), place)  # the reports are old
    database = (place / "tickets.db").read_bytes()
    reports = csv_files(place)
    shutil.copytree(Path(__file__).parent.parent / "sql", place / "sql")
    (place / "sql" / "time_spent_mine.sql").write_text(text)
    before = listing(place)
    error = refused((*QUERY, "--sql-dir", "sql"), place)
    assert error.startswith("error: sql/time_spent_mine.sql: ")
    assert csv_files(place) == reports
    assert (place / "tickets.db").read_bytes() == database
    assert listing(place) == before


# Damaged exports


def test_a_damaged_export_is_taken_as_it_reads_or_refused_in_one_line(
    tmp_path: Path,
) -> None:
    tried = campaign(tmp_path, mutants=400, seed=0)
    assert min(tried["taken"], tried["refused"]) > 50
