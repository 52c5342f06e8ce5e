"""Works, each done in a fresh process, and the table of their figures."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tabulate import tabulate  # which sqlite-utils needs, too

ROOT = Path(__file__).resolve().parent.parent.parent
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes
MAKES_VARIABLES = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES"}
COLUMNS = [
    *("work", "against", "wall s", "CPU s", "activities/s", "memory MiB"),
    *("file MB", "wall ratio", "CPU ratio", "targets"),
]

Command = Sequence[str]


class WrongError(Exception):
    """A command failed, or did something else than the others did."""


class Run(NamedTuple):
    """The figures of one run of a work; or ratios of these."""

    wall: float  # seconds
    cpu: float  # seconds
    memory: float = 0  # MiB, of the largest process
    file: float = 0  # MB that it makes


@dataclass(frozen=True)
class Work:
    """A command to measure. The targets of a script of ours are of figures of
    a Run, those of its peers are of the ratios of our figures to theirs.
    """

    name: str
    command: Command
    activities: int = 0  # 0 where they do not matter
    makes: Path | None = None  # a file or a folder, removed beforehand
    targets: Mapping[str, float] = field(default_factory=dict)
    holds: int = 0  # activities in the file; 0: those that the work is about
    begins_with: Path | None = None  # a file that is copied there
    scale: float = 1  # it does so many times less than the work it is about
    same: str = "*"  # which of the reports it makes have to be as ours are


def command(script: Path, *arguments: object) -> Command:
    return [sys.executable, str(script), *map(str, arguments)]


def peer(*arguments: object) -> Command:
    return command(Path(__file__).with_name("peers.py"), *arguments)


def in_turn(works: Sequence[Work], rounds: int) -> list[list[Run]]:
    """Do all the works in turn, some rounds; return the runs of each."""
    done = [[measured(work) for work in works] for _ in range(rounds)]
    return [list(runs) for runs in zip(*done, strict=True)]


def measured(work: Work) -> Run:
    """Do a work, check what it did, and return its figures."""
    show(work.name)
    if work.makes:
        remove(work.makes)
        if work.begins_with:
            shutil.copyfile(work.begins_with, work.makes)
    os.sync()  # so that no work waits for the disk because of another one
    run = run_process(work.command)
    if work.makes and work.makes.is_file():
        run = run._replace(file=work.makes.stat().st_size / 1e6)
        found, expected = count(work.makes), work.holds or work.activities
        if found != expected:
            raise WrongError(
                f"{work.name}: {found:,} activities instead of {expected:,}"
            )
    elif work.makes:
        agree(work.makes.with_name("ours"), work.makes, work.same)
    return run._replace(wall=run.wall * work.scale, cpu=run.cpu * work.scale)


def run_process(command: Command) -> Run:
    """Run a command in a fresh process.

    If it prints its own seconds as JSON, these count: without the start-up.
    Its memory includes our own, as it was when we started it.
    """
    outside_make = {
        name: value
        for name, value in os.environ.items()
        if name not in MAKES_VARIABLES
    }
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=outside_make,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)  # its children's, too
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if process.returncode:
        raise WrongError(f"{' '.join(command)[:500]} failed:\n{text}")
    memory = usage.ru_maxrss * MAXRSS_UNIT / 2**20
    run = Run(wall, usage.ru_utime + usage.ru_stime, memory)
    return run._replace(**json.loads(text)) if text.startswith("{") else run


def remove(path: Path) -> None:
    """Remove a folder, or a file and what databases put beside it."""
    if path.is_dir():
        shutil.rmtree(path)
    for suffix in ("", "-journal", ".wal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def count(path: Path) -> int:
    """Return how many activities an export or a database has."""
    with path.open("rb") as file:
        head = file.read(1000)
    if found := re.search(rb'"activities_count": *([0-9]+)', head):
        return int(found[1])
    if not head.startswith(b"SQLite"):
        # In a process of its own: see run_process() on memory.
        return int(subprocess.check_output(peer("duckdb_count", path)))
    with closing(sqlite3.connect(path)) as connection:
        cursor = connection.execute("select count(*) from activities")
        return int(cursor.fetchone()[0])


def agree(ours: Path, theirs: Path, pattern: str) -> None:
    """Check that reports are the same in two folders, field by field."""
    for report in theirs.glob(pattern):
        names = [ours / report.name, report]
        with names[0].open(newline="") as a, names[1].open(newline="") as b:
            rows = zip_longest(csv.reader(a), csv.reader(b))
            for number, (our_row, their_row) in enumerate(rows, start=1):
                if our_row != their_row:
                    raise WrongError(
                        f"{names[0]} and {names[1]} differ in row {number}:"
                        f"\n{our_row}\n{their_row}"
                    )


def show(text: str) -> None:
    """Say on a terminal what is being done."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text[:78]}", end="", file=sys.stderr, flush=True)


# The table


def middle(runs: Sequence[Run]) -> Run:
    """Return the median of each figure."""
    return Run(*map(median, zip(*runs, strict=True)))


def ratio(ours: Sequence[Run], theirs: Sequence[Run]) -> Run:
    """Return the median of the rounds' ratios, for each figure."""
    rounds = zip(ours, theirs, strict=True)
    return middle(
        [
            Run(*(a / b if b else 0 for a, b in zip(our, their, strict=True)))
            for our, their in rounds
        ]
    )


def table_row(
    work: Work, runs: Sequence[Run], ours: Sequence[Run] = ()
) -> list[str]:
    """Return the cells of a work of ours, or of a peer of *ours*."""
    run = middle(runs)
    ratios = ratio(ours, runs) if ours else None
    judged = ratios or run
    return [
        *(["", work.name] if ratios else [work.name, ""]),
        f"{run.wall:.2f}",
        f"{run.cpu:.2f}",
        f"{work.activities / run.wall:,.0f}" if work.activities else "",
        f"{run.memory:,.0f}",
        f"{run.file:,.1f}" if run.file else "",
        *(f"{part:.3g}" if ratios else "" for part in judged[:2]),
        "; ".join(
            f"{name.replace('cpu', 'CPU')} at most {limit:g}:"
            f" {'met' if getattr(judged, name) <= limit else 'missed'}"
            for name, limit in work.targets.items()
        ),
    ]


def markdown(rows: Sequence[Sequence[str]]) -> str:
    alignments = ["left"] * 2 + ["right"] * 7 + ["left"]
    return tabulate(
        rows, COLUMNS, "github", colalign=alignments, disable_numparse=True
    )
