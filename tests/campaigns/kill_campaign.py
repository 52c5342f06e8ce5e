"""Kill the scripts at every moment that can be named, and at random ones.

A *stage* is a folder as it stands before a command, and what it may say after
it. A kill leaves remains there; they have to be as before the command, or as
after it, or as after some of its files, each of them whole; the queries have to
work on them, and the same command again has to complete them and leave nothing
else behind. A process dies in four ways here:

    at a call    at the n-th call, or return, of what changes files, for every n
    in a write   when a file would grow beyond n bytes: half a page is written
    at a change  when its folder has changed n times, killed from outside
    at random    some time after its start, killed from outside

`make campaign_kills` runs all of it; the tests, a handful.
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
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

import pandas  # noqa: E402, F401 - here, or every child would import it

import export_json  # noqa: E402
import sql_queries  # noqa: E402
import ticket_gen  # noqa: E402

MAINS = {
    "export_json": export_json.main,
    "sql_queries": sql_queries.main,
    "ticket_gen": ticket_gen.main,
}
Command = tuple[str, ...]  # a script and its arguments
State = dict[str, Any]  # what is there, by the name of a file or a table
Fault = Callable[[], object]  # what the child does before the script starts

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
        """Whether it is status 1 and one line `error: ...`, after any notes."""
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
    read_out, write_out = os.pipe()
    read_err, write_err = os.pipe()
    with warnings.catch_warnings():
        # of a fork with threads: those of numpy are idle
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 99
        try:
            os.dup2(write_out, 1)
            os.dup2(write_err, 2)
            sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
            sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
            signal.signal(signal.SIGINT, signal.default_int_handler)
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
            with suppress(OSError):
                sys.stdout.flush()
            with suppress(OSError):
                sys.stderr.flush()
            os._exit(status)
    os.close(write_out)
    os.close(write_err)
    # What a script prints fits into a pipe: one can be read after the other.
    with open(read_out) as out, open(read_err) as err:  # noqa: PTH123
        said, complained = out.read(), err.read()
    _, status = os.waitpid(child, 0)
    return Outcome(os.waitstatus_to_exitcode(status), said, complained)


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

# What changes files, or is next to it; each counts when it is called and when
# it returns.
CALLS = {
    "close",
    "execute",
    "executemany",
    "executescript",
    "flock",
    "flush",
    "fsync",
    "mkdir",
    "open",
    "replace",
    "seek",
    "unlink",
    "write",
}


def signal_at_call(number: int, signum: int = signal.SIGKILL) -> Fault:
    """Send the process *signum* at the n-th call or return of CALLS.

    They count from where the script has read its arguments.
    """
    calls = itertools.count(1)
    begun = False

    def count(frame: FrameType, event: str, function: Any) -> None:
        nonlocal begun
        begun = begun or frame.f_code.co_name == "exit_status"
        if (
            begun
            and event in ("c_call", "c_return")
            and function.__name__ in CALLS
            and next(calls) == number
        ):
            sys.setprofile(None)
            os.kill(os.getpid(), signum)

    def begin() -> None:
        # A process that the script starts is not counted in.
        os.register_at_fork(after_in_child=lambda: sys.setprofile(None))
        sys.setprofile(count)

    return begin


def no_file_beyond(size: int, *, fatal: bool) -> Fault:
    """Let no file grow beyond *size* bytes: *fatal*ly, or with an error.

    What fits is still written, so that a page may be torn.
    """

    def limit() -> None:
        if fatal:  # as sudden as SIGKILL: nothing runs after it
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


# Stages


@dataclass(frozen=True)
class Stage:
    """A folder before a command, and what it may say after it."""

    name: str
    template: Path  # the folder, to be copied
    command: Command
    look: Callable[[Path], State]
    states: list[State]  # what it says before, (in between,) and after
    each_file: bool  # is as in any of the states, whatever the others are
    files: list[str]  # that are there when all went well

    def copy(self, number: int = 0) -> Path:
        """Return a fresh copy of the folder."""
        place = self.template.parent / f"{self.template.name}-{number}"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.template, place, symlinks=True)
        return place

    def allows(self, state: State) -> bool:
        if self.each_file:
            return all(
                any(state.get(name) == other.get(name) for other in self.states)
                for name in set(state).union(*self.states)
            )
        return state in self.states

    def check(self, place: Path) -> None:
        """Assert that what stands there is whole, and can be completed."""
        remains = self.copy(1)  # looking mends what was killed: keep it
        shutil.rmtree(remains)
        shutil.copytree(place, remains, symlinks=True)
        assert self.allows(self.look(place)), f"{self.name}: not whole"
        self.complete(remains)

    def complete(self, place: Path) -> None:
        """Assert that the same command again completes what stands there."""
        again = in_child(self.command, place)
        assert again.status == 0, f"{self.name}: {again}"
        assert self.look(place) == self.states[-1], f"{self.name}: not the same"
        assert listing(place) == self.files, f"{self.name}: litter"


def listing(place: Path) -> list[str]:
    """Return the names of all files in a folder and below."""
    files = (path for path in place.rglob("*") if not path.is_dir())
    return sorted(str(path.relative_to(place)) for path in files)


def csv_files(place: Path) -> State:
    """Return the reports in the folder "outputs"."""
    return contents(place.glob("outputs/*.csv"))


def json_files(place: Path) -> State:
    return contents(place.glob("*.json"))


def contents(paths: Iterable[Path]) -> State:
    return {path.name: path.read_bytes() for path in paths}


def database_state(place: Path) -> State:
    """Return all that the database says, and what sql_queries makes of it."""
    database = place / "tickets.db"
    outputs = place.parent / "looked"
    looked = in_child((*QUERY[:-1], str(outputs)), place)
    if not database.exists():
        assert looked.is_clear_error, looked
        return {}
    assert looked.status == 0, looked
    assert looked.err == ""
    state = contents(outputs.iterdir())
    uri = f"{database.as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        execute = connection.execute
        assert execute("pragma integrity_check").fetchall() == [("ok",)]
        assert execute("pragma foreign_key_check").fetchall() == []
        # The wall clock, for people to read, differs from run to run.
        tables = "select name from sqlite_master where type = 'table'"
        for (table,) in execute(tables).fetchall():
            cursor = execute(f"select * from {table}")
            names = [name for name, *_ in cursor.description]
            state[table] = [
                tuple(
                    value
                    for name, value in zip(names, row, strict=True)
                    if name != "ingested_at"
                )
                for row in cursor
            ]
    return state


def make_exports(place: Path, tickets: int) -> None:
    """Make four days' exports, and one of days two and three together."""
    command = ("ticket_gen", "-n", str(tickets), "--seed", "7", "--days", "4")
    window = ("--end-at", "2026-03-05T12:00:00Z", "-o", "day.json")
    outcome = in_child((*command, *window), place)
    assert outcome.status == 0, outcome
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
        place = directory / name.replace(" ", "_")
        shutil.copytree(days, place)
        for command in commands:
            outcome = in_child(command, place)
            assert outcome.status == 0, outcome
        return place

    def stage(
        name: str,
        template: Path,
        *commands: Command,
        look: Callable[[Path], State] = database_state,
        each_file: bool = False,
    ) -> Stage:
        """Return the stage of the last command; the others lead up to it."""
        states = []
        trial = directory / "trial"
        for number in range(len(commands) + 1):
            shutil.rmtree(trial, ignore_errors=True)
            shutil.copytree(template, trial)
            for command in commands[number - 1 : number] if number else ():
                outcome = in_child(command, trial)
                assert outcome.status == 0, outcome
            files = listing(trial)  # before looking
            states.append(look(trial))
        return Stage(
            name, template, commands[-1], look, states, each_file, files
        )

    ingest = ("export_json", "-d", "tickets.db")
    history = (*ingest, "1.json", "2-3.json.gz")
    more = (*ingest, "--status-alias", "New=Pending", "3.json", "4.json")
    anew = (*ingest, "--replace", "2.json", "4.json")

    yield stage(
        "ingest into a new database",
        begin("new"),
        (*ingest, "1.json"),
        (*ingest, "1.json", "2-3.json.gz"),
    )
    existing = begin("existing", history)
    yield stage("ingest into an existing one", existing, more[:-1], more)
    # So large, for all its white space, that two processes share the work.
    padding = b" " * export_json.PARALLEL_SIZE
    two = begin("two", history)
    (two / "large.json").write_bytes((two / "4.json").read_bytes() + padding)
    large = (*ingest, "3.json", "large.json")
    yield stage("ingest by two processes", two, large[:-1], large)
    yield stage("ingest with --replace", existing, anew)

    # Killed as late as can be: all but the last page are in the database.
    halfway = begin("halfway", history)
    before = (halfway / "tickets.db").read_bytes()
    size = size_after(more, existing, directory / "trial")
    killed = in_child(more, halfway, no_file_beyond(size - 1, fatal=True))
    assert killed.status == -signal.SIGXFSZ, killed
    if (halfway / "tickets.db-journal").exists():
        assert (halfway / "tickets.db").read_bytes() != before
        yield stage("ingest after a kill", halfway, more[:-1], more)
        yield stage("--replace after a kill", halfway, anew)

    old = begin("old", (*ingest, "1.json"), QUERY, history)
    yield stage("query", old, QUERY, look=csv_files, each_file=True)
    half_old = begin("half_old", (*ingest, "1.json"), QUERY)
    for name in ("tickets.db", "tickets.db-journal"):
        if (halfway / name).exists():
            shutil.copy(halfway / name, half_old)
    yield stage(
        "query after a kill", half_old, QUERY, look=csv_files, each_file=True
    )

    generate = ("ticket_gen", "--seed", "7", "--end-at", "2026-03-05T12:00:00Z")
    one = (*generate, "-n", str(tickets), "-o", "1.json")
    three = (*generate, "-n", str(tickets + 1), "--days", "3", "-o", "x.json")
    yield stage("generate", begin("gen"), one, look=json_files, each_file=True)
    made = begin("made", (*generate, "-n", "1", "--days", "3", "-o", "x.json"))
    yield stage("generate days", made, three, look=json_files, each_file=True)


def size_after(command: Command, template: Path, place: Path) -> int:
    """Return how large the database is after a command."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(template, place)
    outcome = in_child(command, place)
    assert outcome.status == 0, outcome
    return (place / "tickets.db").stat().st_size


# Kills


def kill_at_calls(stage: Stage, first: int = 1, step: int = 1) -> int:
    """Kill at every *step*-th call, from the *first* on; return how often."""
    for kills in itertools.count():
        place = stage.copy()
        call = signal_at_call(first + kills * step)
        outcome = in_child(stage.command, place, call)
        if outcome.status != -signal.SIGKILL:  # it ended before that
            assert outcome.status == 0, outcome
            return kills
        stage.check(place)
    raise AssertionError


def kill_in_writes(stage: Stage, times: int) -> int:
    """Kill when a file outgrows each of some sizes; return how often."""
    for kills, size in enumerate(sizes(stage, times)):
        place = stage.copy()
        limit = no_file_beyond(size, fatal=True)
        outcome = in_child(stage.command, place, limit)
        if outcome.status != -signal.SIGXFSZ:
            assert outcome.status == 0, outcome
            return kills
        stage.check(place)
    return times


def sizes(stage: Stage, times: int) -> Iterator[int]:
    """Yield so many sizes of files, up to the largest one's; seldom round."""
    place = stage.copy()
    assert in_child(stage.command, place).status == 0
    largest = max(
        path.stat().st_size
        for path in map(place.joinpath, listing(place))
        if not (old := stage.template / path.relative_to(place)).exists()
        or old.read_bytes() != path.read_bytes()
    )
    for number in range(times):
        yield largest * number // times


def snapshot(place: Path) -> list[tuple[str, int, int]]:
    """Return the names, sizes and times of what is in a folder."""
    found = []
    for folder in (place, place / "outputs"):
        with suppress(OSError):
            for entry in os.scandir(folder):
                with suppress(OSError):
                    stat = entry.stat()
                    found.append((entry.path, stat.st_size, stat.st_mtime_ns))
    return found


def kill_at_changes(stage: Stage, numbers: Sequence[int]) -> int:
    """Kill a real process when its folder has changed so often.

    Returns how many were killed before they had ended.
    """
    kills = 0
    for number in numbers:
        place = stage.copy()
        process = start(stage.command, place)
        seen, changes = snapshot(place), 0
        while changes < number and process.poll() is None:
            now = snapshot(place)
            changes += now != seen
            seen = now
        process.kill()
        kills += finish(process).status == -signal.SIGKILL
        stage.check(place)
    return kills


def kill_at_random(stage: Stage, times: int, draw: random.Random) -> int:
    """Kill a real process so many times, whenever while it runs.

    Returns how many were killed before they had ended.
    """
    begin = time.monotonic()
    assert finish(start(stage.command, stage.copy())).status == 0
    span = time.monotonic() - begin
    kills = 0
    for _ in range(times):
        place = stage.copy()
        process = start(stage.command, place)
        time.sleep(draw.uniform(0, span))
        process.kill()
        kills += finish(process).status == -signal.SIGKILL
        stage.check(place)
    return kills


def interrupt_at_calls(stage: Stage, first: int = 1, step: int = 1) -> int:
    """Interrupt (Ctrl-C) at every *step*-th call; return how often.

    The script has the time to clean up, so it leaves no litter, either.
    """
    before = listing(stage.template)
    for interrupts in itertools.count():
        place = stage.copy()
        call = signal_at_call(first + interrupts * step, signal.SIGINT)
        outcome = in_child(stage.command, place, call)
        if outcome.status == 0:
            return interrupts
        assert outcome.status == 130, outcome
        # Notes may have been said by then.
        assert all(
            line.startswith("note: ") for line in outcome.err.splitlines()
        ), outcome
        assert set(listing(place)) <= {*before, *stage.files}, (
            f"{stage.name}: litter"
        )
        stage.check(place)
    raise AssertionError


def fail_writes(stage: Stage, times: int) -> int:
    """Let writes fail beyond some sizes of a file; return how often."""
    # Where SQLite may not write the old pages back, either, the journal stays
    # for the next one who opens the database.
    expected = {*listing(stage.template), *stage.files, "tickets.db-journal"}
    for failures, size in enumerate(sizes(stage, times)):
        place = stage.copy()
        limit = no_file_beyond(size, fatal=False)
        outcome = in_child(stage.command, place, limit)
        if outcome.status == 0:
            return failures
        assert outcome.is_clear_error, outcome
        assert set(listing(place)) <= expected, f"{stage.name}: litter"
        stage.check(place)
    return times


# The campaign


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Kill the scripts.")
    parser.add_argument(
        "--kills",
        type=int,
        default=50,
        help="of each stage and each kind, at random or evenly distributed",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    parser.add_argument(
        "--tickets", type=int, default=30, help="in the exports"
    )
    args = parser.parse_args(argv)
    draw = random.Random(args.seed)
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as directory:
        for stage in stages(Path(directory), args.tickets):
            changes = range(1, args.kills + 1)
            done = {
                "killed at a call": kill_at_calls(stage),
                "killed in a write": kill_in_writes(stage, args.kills),
                "killed at a change": kill_at_changes(stage, changes),
                "killed at random": kill_at_random(stage, args.kills, draw),
                "interrupted": interrupt_at_calls(stage),
                "failed writes": fail_writes(stage, args.kills),
            }
            total.update(done)
            figures = ", ".join(f"{n:,} {what}" for what, n in done.items())
            print(f"{stage.name}: {figures}", flush=True)
    figures = ", ".join(f"{n:,} {what}" for what, n in total.items())
    print(f"survived: {figures}; {total.total():,} in all")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
