"""Kill the scripts at many moments: files stay whole, and can be completed.

A *stage* is a folder, a command that runs there, and all states that the folder
may be left in. A killed command leaves each file as it was or as it becomes,
whole; the queries work on such a folder; the same command again completes it,
and leaves nothing else behind. A command is struck in five ways:

    killed at a call     that changes files, or at the return from it
    interrupted          by Ctrl-C, at the same moments
    killed in a write    when a file grows beyond some size: a page is torn
    failed in a write    at the same sizes, by an error, as on a full disk
    killed in its time   some time after its start, in a Python of its own

`make campaign_kills` tries many moments of each way; the tests, one.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGXFSZ
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

import pandas  # noqa: E402, F401 - once, not in every child

import export_json  # noqa: E402
import sql_queries  # noqa: E402
import ticket_gen  # noqa: E402

MAINS = {
    "export_json": export_json.main,
    "sql_queries": sql_queries.main,
    "ticket_gen": ticket_gen.main,
}
Command = tuple[str, ...]  # a script and its arguments
State = dict[str, Any]  # contents, by the name of a file or of the database
Fault = Callable[[], object]  # is done in the child before the script starts

INGEST = ("export_json", "-d", "tickets.db")
QUERY = ("sql_queries", "-d", "tickets.db", "-o", "outputs")
DEADLINE = 120  # seconds, for a child that hangs


# Children


@dataclass(frozen=True)
class Outcome:
    """How a child ended: its exit status, or minus the signal."""

    status: int
    out: str
    err: str

    @property
    def is_clear_error(self) -> bool:
        """Whether it is status 1 and one line `error: ...`, after notes."""
        *notes, last = self.err.split("\n")[:-1] or [""]
        return (
            self.status == 1
            and self.err.endswith("\n")
            and last.startswith("error: ")
            and all(note.startswith("note: ") for note in notes)
        )


def nothing() -> None:
    """The fault that is none."""


def in_child(command: Command, place: Path, fault: Fault = nothing) -> Outcome:
    """Run a command in a forked child that stands in *place*.

    A fork has the modules loaded already: many times as fast as a new Python.
    """
    # Outside of *place*, and not bound by a limit on the size of files.
    pipes = [os.pipe(), os.pipe()]
    with warnings.catch_warnings():  # numpy's threads are idle
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 99
        try:
            for number, (_, end) in enumerate(pipes, start=1):
                os.dup2(end, number)
            sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
            sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
            signal.signal(SIGINT, signal.default_int_handler)
            signal.alarm(DEADLINE)
            os.chdir(place)
            fault()
            status = MAINS[command[0]](command[1:])
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else 98
        except BaseException:
            traceback.print_exc()
        finally:
            sys.setprofile(None)
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError):
                    stream.flush()
            os._exit(status)
    said = []
    for _, end in pipes:
        os.close(end)
    for end, _ in pipes:  # a pipe holds all that a script prints
        with open(end) as stream:  # noqa: PTH123
            said.append(stream.read())
    _, status = os.waitpid(child, 0)
    return Outcome(os.waitstatus_to_exitcode(status), *said)


def run(command: Command, place: Path, fault: Fault = nothing) -> Outcome:
    """Run a command that has to go well."""
    outcome = in_child(command, place, fault)
    assert outcome.status == 0, outcome
    return outcome


def start(
    command: Command, place: Path, **options: Any
) -> subprocess.Popen[str]:
    """Start a command as a user does, in a Python of its own."""
    script, *arguments = command
    return subprocess.Popen(
        [sys.executable, str(ROOT / f"{script}.py"), *arguments],
        cwd=place,
        text=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )


def finish(process: subprocess.Popen[str]) -> Outcome:
    out, err = process.communicate(timeout=DEADLINE)
    return Outcome(process.returncode, out or "", err or "")


# Faults

# The functions that change files, or are called next to such functions.
CALLS = {
    *("close", "execute", "executemany", "executescript", "flock", "flush"),
    *("fsync", "mkdir", "open", "replace", "seek", "unlink", "write"),
}


def at_call(number: int, act: Callable[[str], object]) -> Fault:
    """Act at this call or return of CALLS, and at all later ones; they count
    from 0 where the script itself begins.
    """
    calls = itertools.count()
    has_begun = False

    def look(frame: FrameType, event: str, function: Any) -> None:
        nonlocal has_begun
        has_begun = has_begun or frame.f_code.co_name == "status_of"
        if (
            has_begun
            and event in ("c_call", "c_return")
            and function.__name__ in CALLS
            and not isinstance(function.__self__, (str, StringIO))
            and next(calls) >= number
        ):
            act(f"{event}:{function.__name__}")

    return lambda: sys.setprofile(look)


def sent(signum: int) -> Callable[[str], object]:
    """Return the act that sends the process a signal, once."""

    def send(_: str) -> None:
        sys.setprofile(None)
        os.kill(os.getpid(), signum)

    return send


def no_file_beyond(size: int, *, fatal: bool) -> Fault:
    """Let no file grow beyond *size* bytes. A larger write is *fatal*, or an
    error; in both cases the bytes that fit are written.
    """

    def limit() -> None:
        if fatal:  # like SIGKILL, nothing of the script runs after it
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            signal.signal(SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


# The state of a folder


def copied(source: Path, target: Path) -> Path:
    """Return *target*, a copy of a folder that replaces the one there."""
    shutil.rmtree(target, ignore_errors=True)
    return Path(shutil.copytree(source, target, symlinks=True))


def listing(place: Path) -> list[str]:
    """Return the names of all files in a folder and below."""
    files = (path for path in place.rglob("*") if not path.is_dir())
    return sorted(str(path.relative_to(place)) for path in files)


def contents(paths: Iterable[Path]) -> State:
    return {path.name: path.read_bytes() for path in paths}


def csv_files(place: Path) -> State:
    """Return the reports in the folder "outputs"."""
    return contents(place.glob("outputs/*.csv"))


def json_files(place: Path) -> State:
    return contents(place.glob("*.json"))


def database_state(place: Path) -> State:
    """Return all that the database holds. The queries have to work on it."""
    database = place / "tickets.db"
    outputs = str(place.parent / "looked")
    looked = in_child((*QUERY[:-1], outputs, "ticket_metrics"), place)
    if not database.exists():
        assert looked.is_clear_error, looked
        return {}
    assert (looked.status, looked.err) == (0, ""), looked
    with (
        closing(sqlite3.connect(database)) as connection,
        closing(sqlite3.connect(":memory:")) as copy,
    ):
        connection.backup(copy)
        assert copy.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert copy.execute("pragma foreign_key_check").fetchall() == []
        # The wall clock differs from run to run.
        copy.execute("update exports set ingested_at = 0")
        return {"database": sorted(copy.iterdump())}


# Stages


@dataclass(frozen=True)
class Stage:
    """A folder, a command, and the states that the folder may be left in."""

    name: str
    template: Path  # the folder; the command runs in a copy
    command: Command
    look: Callable[[Path], State]
    states: list[State]  # before the command, on the way, and after it
    files: list[str]  # the names of all files after the command

    def copy(self) -> Path:
        return copied(self.template, self.template.with_name("struck"))

    def check(self, place: Path) -> None:
        """Assert that a folder is whole, and that the command completes it."""
        remains = copied(place, place.with_name("remains"))
        state = self.look(place)  # lets SQLite undo a killed ingest
        for name in set(state).union(*self.states):
            assert any(state.get(name) == s.get(name) for s in self.states), (
                f"{self.name}: {name} is not whole"
            )
        run(self.command, remains)
        assert listing(remains) == self.files, f"{self.name}: litter"
        assert self.look(remains) == self.states[-1], f"{self.name}: not equal"


def make_exports(place: Path, tickets: int) -> None:
    """Make four days' exports, and one of days two and three together."""
    command = ("ticket_gen", "-n", str(tickets), "--seed", "7", "--days", "4")
    run((*command, "--end-at", "2026-03-05T12:00:00Z", "-o", "day.json"), place)
    for number, path in enumerate(sorted(place.glob("day-*.json")), start=1):
        path.rename(place / f"{number}.json")
    two, three = (json.loads((place / f"{n}.json").read_bytes()) for n in "23")
    activities = two["activities_data"] + three["activities_data"]
    metadata = {
        "start_at": two["metadata"]["start_at"],
        "end_at": three["metadata"]["end_at"],
        "activities_count": len(activities),
    }
    both = {"activities_data": activities, "metadata": metadata}
    with gzip.open(place / "2-3.json.gz", "wt") as file:
        json.dump(both, file)


def stages(directory: Path, tickets: int) -> Iterator[Stage]:
    """Yield every stage, made in *directory* of so many tickets."""
    days = directory / "days"
    days.mkdir()
    make_exports(days, tickets)

    def begin(name: str, *commands: Command) -> Path:
        """Return a folder with the exports, in which these commands ran."""
        place = copied(days, directory / name)
        for command in commands:
            run(command, place)
        return place

    def stage(
        name: str,
        template: Path,
        *commands: Command,
        look: Callable[[Path], State] = database_state,
    ) -> Stage:
        """Return the stage of the last command; the others stop on the way."""
        states = [look(copied(template, directory / "trial"))]
        for command in commands:
            trial = copied(template, directory / "trial")
            run(command, trial)
            files = listing(trial)
            states.append(look(trial))
        return Stage(name, template, commands[-1], look, states, files)

    history = (*INGEST, "1.json", "2-3.json.gz")
    more = (*INGEST, "--status-alias", "New=Pending", "3.json", "4.json")
    anew = (*INGEST, "--replace", "2.json", "4.json")

    new = begin("new")
    yield stage("ingest into a new database", new, history[:-1], history)
    old = begin("existing", history)
    yield stage("ingest into an existing one", old, more[:-1], more)
    yield stage("ingest with --replace", old, anew)

    # Killed as late as possible: all but the last page are in the database.
    size = (begin("trial", history, more) / "tickets.db").stat().st_size
    halfway = begin("halfway", history)
    killed = in_child(more, halfway, no_file_beyond(size - 1, fatal=True))
    assert killed.status == -SIGXFSZ, killed
    assert (halfway / "tickets.db-journal").exists()
    yield stage("ingest after a kill", halfway, more[:-1], more)
    yield stage("--replace after a kill", halfway, anew)

    old = begin("queried", (*INGEST, "1.json"), QUERY, history)
    yield stage("query", old, QUERY, look=csv_files)
    half_old = begin("half_queried", (*INGEST, "1.json"), QUERY)
    for name in ("tickets.db", "tickets.db-journal"):
        shutil.copy(halfway / name, half_old)
    yield stage("query after a kill", half_old, QUERY, look=csv_files)

    generate = ("ticket_gen", "--seed", "7", "--end-at", "2026-03-05T12:00:00Z")
    one = (*generate, "-n", str(tickets), "-o", "1.json")
    yield stage("generate", new, one, look=json_files)
    days_of = (*generate, "--days", "3", "-o", "x.json", "-n")
    made = begin("made", (*days_of, "1"))
    yield stage("generate days", made, (*days_of, "9"), look=json_files)


# Strikes


def strikes(
    stage: Stage, times: int, draw: random.Random
) -> Iterator[tuple[str, Fault, int]]:
    """Yield faults at random moments. Each has the name of its way, and the
    exit status (or minus the signal) that it has to end in.
    """
    for number in spread(calls(stage), times, draw):
        kill, interrupt = (sent(signum) for signum in (SIGKILL, SIGINT))
        yield "killed at a call", at_call(number, kill), -SIGKILL
        yield "interrupted", at_call(number, interrupt), 130
    sizes = range(largest_size(stage))
    for size in draw.sample(sizes, min(times, len(sizes))):
        kind = "killed in a write"
        yield kind, no_file_beyond(size, fatal=True), -SIGXFSZ
        yield "failed in a write", no_file_beyond(size, fatal=False), 1


def calls(stage: Stage) -> list[str]:
    """Return the kinds of all calls and returns of CALLS in the command."""
    with tempfile.TemporaryFile("w+") as log:
        act = partial(print, file=log, flush=True)
        run(stage.command, stage.copy(), at_call(0, act))
        log.seek(0)
        return log.read().split()


def spread(kinds: Sequence[str], times: int, draw: random.Random) -> list[int]:
    """Return random places in *kinds*; seldom kinds are drawn as often."""
    places: dict[str, list[int]] = {kind: [] for kind in kinds}
    for place in draw.sample(range(len(kinds)), len(kinds)):
        places[kinds[place]].append(place)
    order = draw.sample([*places.values()], len(places))
    drawn = (n for turn in itertools.zip_longest(*order) for n in turn)
    return [place for place in drawn if place is not None][:times]


def largest_size(stage: Stage) -> int:
    """Return the size of the largest file that the command writes."""
    place = stage.copy()
    run(stage.command, place)
    before = contents(stage.template.rglob("*.*"))
    after = contents(place.rglob("*.*"))
    return max(
        len(after[name]) for name in after if after[name] != before.get(name)
    )


def strike(stage: Stage, fault: Fault, status: int) -> bool:
    """Run a stage's command with a fault; return whether that ended it."""
    place = stage.copy()
    outcome = in_child(stage.command, place, fault)
    if outcome.status == 0:  # the command was done before
        return False
    assert outcome.status == status, outcome
    if status == 1:
        assert outcome.is_clear_error, outcome
    if status == 130:
        notes = outcome.err.splitlines()
        assert all(note.startswith("note: ") for note in notes), outcome
    if status > 0:  # the command had the time to clean up
        # Where SQLite fails to write the old pages back, too, the journal
        # stays: the next run that opens the database finishes that.
        allowed = {*listing(stage.template), *stage.files, "tickets.db-journal"}
        assert set(listing(place)) <= allowed, f"{stage.name}: litter"
    stage.check(place)
    return True


def kill_in_time(stage: Stage, times: int, draw: random.Random) -> int:
    """Kill real processes at random moments. Return how many of them that
    ended, and not the end of their work.
    """
    begin = time.monotonic()
    assert finish(start(stage.command, stage.copy())).status == 0
    span = time.monotonic() - begin
    kills = 0
    for _ in range(times):
        place = stage.copy()
        process = start(stage.command, place, start_new_session=True)
        time.sleep(draw.uniform(0, span))
        process.kill()
        kills += finish(process).status == -SIGKILL
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 0)
            raise AssertionError(f"{stage.name}: a process is left")
        stage.check(place)
    return kills


def campaign(stage: Stage, times: int, draw: random.Random) -> Counter[str]:
    """Strike a stage so many times in each way; return how often that ended
    the command before its work did.
    """
    done: Counter[str] = Counter()
    for way, fault, status in strikes(stage, times, draw):
        done[way] += strike(stage, fault, status)
    done["killed in its time"] += kill_in_time(stage, times, draw)
    return done


def described(done: Counter[str]) -> str:
    return ", ".join(f"{number:,} {way}" for way, number in done.items())


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Kill the scripts.")
    parser.add_argument(
        "--kills", type=int, default=50, help="of each stage in each way"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    args = parser.parse_args(argv)
    draw = random.Random(args.seed)
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as directory:
        for stage in stages(Path(directory), tickets=30):
            done = campaign(stage, args.kills, draw)
            total.update(done)
            print(f"{stage.name}: {described(done)}", flush=True)
    print(f"survived: {described(total)}; {total.total():,} in all")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
