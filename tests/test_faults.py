"""Nothing lost, nothing doubled: kills, full disks, company, damaged exports.

A handful of each here; `make campaign_kills` and `make campaign_fuzz` try many.
"""

from __future__ import annotations

import codecs
import json
import os
import random
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from signal import SIGINT

import pytest
from campaigns import fuzz_campaign, kill_campaign
from campaigns.kill_campaign import (
    INGEST,
    QUERY,
    ROOT,
    Command,
    Fault,
    Outcome,
    Stage,
    contents,
    csv_files,
    database_state,
    finish,
    in_child,
    listing,
    make_exports,
    nothing,
    run,
    stages,
    start,
)

STAGES = [
    "ingest into a new database",
    "ingest into an existing one",
    "ingest with --replace",
    "ingest after a kill",
    "--replace after a kill",
    "query",
    "query after a kill",
    "generate",
    "generate days",
]
NOBODY = 65_534  # a user and a group who own nothing
GENERATE = ("ticket_gen", "-n", "5", "-o", "made.json")
WRITERS = pytest.mark.parametrize(
    "command", [(*INGEST, "2.json"), QUERY, GENERATE], ids=lambda c: c[0]
)


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
    return Path(shutil.copytree(exports, tmp_path / "place"))


def refused(command: Command, place: Path, fault: Fault = nothing) -> str:
    """Run a command that has to fail with one clear line; return that."""
    outcome = in_child(command, place, fault)
    assert outcome.is_clear_error, outcome
    assert outcome.err.count("\n") == 1, outcome
    return outcome.err


def everything(place: Path) -> dict[str, bytes]:
    """Return all files in a folder and below, by their names."""
    return {name: (place / name).read_bytes() for name in listing(place)}


# Killed, interrupted, and with writes that fail


@pytest.fixture(scope="module")
def all_stages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stage]:
    directory = tmp_path_factory.mktemp("stages")
    found = {stage.name: stage for stage in stages(directory, tickets=12)}
    assert [*found] == STAGES
    return found


@pytest.mark.parametrize("name", STAGES)
def test_however_a_command_ends_all_is_whole_and_can_be_completed(
    name: str, all_stages: dict[str, Stage]
) -> None:
    draw = random.Random(name)
    done = kill_campaign.campaign(all_stages[name], times=1, draw=draw)
    assert done.total() >= 3  # it may end before it is killed


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
    tmp_path: Path, command: Command, part: str
) -> None:
    generate = ("ticket_gen", "-n", "4000", "--seed", "1", "-o", "day.json")
    run(generate, tmp_path)
    run(("export_json", "-d", "day.db", "day.json"), tmp_path)
    before = listing(tmp_path)
    for _ in range(5):  # it may end before it is interrupted
        process = start(command, tmp_path)
        while process.poll() is None and not list(tmp_path.rglob(part)):
            pass
        process.send_signal(SIGINT)
        outcome = finish(process)
        if outcome.status != 0:
            break
    assert outcome == Outcome(130, "", "")
    assert listing(tmp_path) == before


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
    (tmp_path / "link.json").symlink_to(full_device)
    for output in (full_device, "link.json"):
        error = refused((*GENERATE[:-1], output), tmp_path)
        assert error.startswith(f"error: {output}: ")
    assert Path(full_device).is_char_device()


def test_a_report_that_meets_a_full_disk_is_named_and_the_others_stay_old(
    place: Path, full_device: str
) -> None:
    run((*INGEST, "2.json"), place)
    full = place / "outputs" / "time_spent_open.csv"
    full.unlink()
    full.symlink_to(full_device)
    others = [path for path in full.parent.iterdir() if path != full]
    before = contents(others)
    error = refused(QUERY, place)
    assert error.startswith("error: outputs/time_spent_open.csv: ")
    assert contents(others) == before


@WRITERS
def test_a_full_disk_under_what_is_printed_is_one_line(
    place: Path, command: Command, full_device: str
) -> None:
    for told in (command, (command[0], "--help")):
        with Path(full_device).open("w") as full:
            outcome = finish(start(told, place, stdout=full))
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
    place: Path, tmp_path: Path, mounted: Callable[[str], Path], room: int
) -> None:
    add = (*INGEST, str(place / "3.json"), str(place / "2-3.json.gz"))
    allowed = [database_state(place)]
    for command in (add[:-1], add):
        trial = kill_campaign.copied(place, tmp_path / "trial")
        run(command, trial)
        allowed.append(database_state(trial))

    disk = mounted("size=2m")
    shutil.copy(place / "tickets.db", disk)
    shutil.copytree(place / "outputs", disk / "outputs")
    before = listing(disk)
    old_reports = csv_files(disk)
    # from no room at all to nearly enough, beyond what is there
    blocks = os.statvfs(disk)
    used = (blocks.f_blocks - blocks.f_bfree) * blocks.f_frsize // 1024
    disk = mounted(f"size={used + room}k")
    for command in (add, QUERY, (*add, "--replace")):
        outcome = in_child(command, disk)
        assert outcome.status == 0 or outcome.is_clear_error, outcome
        assert not [name for name in listing(disk) if ".part" in name]
        if command == add:
            assert database_state(disk) in allowed
        if command == QUERY and outcome.status:
            assert csv_files(disk) == old_reports
    disk = mounted("size=4m")
    for command in (add, QUERY):
        run(command, disk)
    assert listing(disk) == before


# Folders and disks that are read-only


@pytest.fixture
def as_user(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Fault:
    """The fault of being a user whom permissions bind, as they do not root."""
    if os.geteuid() != 0:
        return nothing
    base = tmp_path_factory.getbasetemp()
    for folder in place.parents:  # pytest keeps its own to the user
        if folder.is_relative_to(base) or "pytest-of-" in str(folder):
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


def make_read_only(place: Path) -> None:
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
        (*QUERY[:-1], "new"),
        (*GENERATE[:-1], "1.json"),
        (*GENERATE[:-1], "new/new.json"),
    ],
    ids=" ".join,
)
def test_in_a_read_only_folder_nothing_changes_and_the_error_is_clear(
    place: Path, as_user: Fault, command: Command
) -> None:
    before = everything(place)
    make_read_only(place)
    refused(command, place, as_user)
    assert everything(place) == before


def test_a_file_that_may_not_be_read_is_named(
    place: Path, as_user: Fault
) -> None:
    (place / "2.json").chmod(0)
    (place / "tickets.db").chmod(0o666)
    place.chmod(0o777)
    error = refused((*INGEST, "2.json"), place, as_user)
    assert error.startswith("error: 2.json: ")


def test_a_database_that_may_only_be_read_can_be_queried(
    place: Path, tmp_path: Path, as_user: Fault
) -> None:
    make_read_only(place)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    elsewhere.chmod(0o777)
    run((*QUERY[:-1], str(elsewhere / "outputs")), place, as_user)
    assert csv_files(elsewhere) == csv_files(place)


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


@pytest.mark.parametrize("database", ["tickets.db", "new.db"])
def test_many_runs_at_once_say_the_same_as_one_after_the_other(
    place: Path, tmp_path: Path, database: str
) -> None:
    alone = kill_campaign.copied(place, tmp_path / "alone")
    files = ["1.json", "2.json", "3.json", "4.json", "2-3.json.gz"]
    ingest = ("export_json", "-d", database)
    query = ("sql_queries", "-d", database, "-o", "outputs")
    run((*ingest, *files), alone)
    # A new database is still to be made, by one of them.
    crowd = [start((*ingest, file), place) for file in reversed(files)]
    crowd += [start(QUERY, place) for _ in range(2)]
    assert [finish(process).status for process in crowd] == [0] * len(crowd)
    for folder in (alone, place):
        run(query, folder)
    assert csv_files(place) == csv_files(alone)
    assert listing(place) == listing(alone)


def test_queries_during_an_ingest_see_the_state_before_or_after_it(
    place: Path, tmp_path: Path
) -> None:
    files = ("2.json", "3.json")
    states = [csv_files(place)]
    trial = kill_campaign.copied(place, tmp_path / "trial")
    for file in files:
        run((*INGEST, file), trial)
        run(QUERY, trial)
        states.append(csv_files(trial))
    ingest = start((*INGEST, *files), place)
    running = True
    while running:
        running = ingest.poll() is None  # once more after its end
        run(QUERY, place)
        assert csv_files(place) in states
    assert finish(ingest).status == 0
    assert csv_files(place) == states[-1]


def test_a_database_that_another_program_is_about_to_write_can_be_queried(
    place: Path,
) -> None:
    # It holds SQLite's lock for as long as it lives.
    program = (
        "import sqlite3, sys;"
        "connection = sqlite3.connect('tickets.db');"
        "connection.execute('begin immediate');"
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=place,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        run(QUERY, place)
        holder.communicate("")


# Damaged exports


def test_a_damaged_export_is_taken_as_it_reads_or_refused_in_one_line(
    tmp_path: Path,
) -> None:
    tried = fuzz_campaign.campaign(tmp_path, mutants=400, seed=0)
    assert min(tried["taken"], tried["refused"]) > 50
