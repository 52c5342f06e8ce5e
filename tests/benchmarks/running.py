"""Pieces of work, done in fresh processes, and what they took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes
MAKES_VARIABLES = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES"}

Command = Sequence[str]


class WrongError(Exception):
    """A command failed, or did something else than the others did."""


@dataclass(frozen=True)
class Run:
    """What a work took: of one process, or of several one after the other."""

    seconds: float
    cpu_seconds: float
    peak: int  # bytes of memory, of the largest single process
    processes: int  # at once
    answer: dict[str, Any]  # of peers.py, which says what it did


@dataclass(frozen=True)
class Work:
    """Commands to measure, and what to do before and after them."""

    name: str
    commands: Sequence[Command]
    activities: int = 0  # that it is about; 0 where they do not matter
    prepare: Callable[[], object] = lambda: None
    check: Callable[[Run], object] = lambda _: None
    adjust: Callable[[Run], Run] = lambda run: run


def in_turn(works: Sequence[Work], rounds: int) -> list[list[Run]]:
    """Do all the works in turn, some rounds; return the runs of each."""
    done = [[measured(work) for work in works] for _ in range(rounds)]
    return [list(runs) for runs in zip(*done, strict=True)]


def measured(work: Work) -> Run:
    """Do a work, check what it did, and return what it took."""
    show(work.name)
    work.prepare()
    os.sync()  # so that nobody waits for what others have written
    runs = [run_process(command) for command in work.commands]
    run = Run(
        sum(run.seconds for run in runs),
        sum(run.cpu_seconds for run in runs),
        max(run.peak for run in runs),
        max(run.processes for run in runs),
        runs[-1].answer,
    )
    work.check(run)
    return work.adjust(run)


def scaled(run: Run, factor: float) -> Run:
    """Return *run* as if it had been of so many times the work.

    The start-up (Python and its imports) does not grow.
    """
    more = factor - 1
    return replace(
        run,
        seconds=run.seconds + more * run.answer["seconds"],
        cpu_seconds=run.cpu_seconds + more * run.answer["cpu_seconds"],
    )


def run_process(command: Command) -> Run:
    """Run a command in a fresh process, and return what it took."""
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
        with Watch(process.pid) as watch:
            # of the process and of those that it waited for: the sum of their
            # times, and the memory of the largest one
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if process.returncode:
        raise WrongError(f"{' '.join(command)} failed:\n{text}")
    return Run(
        seconds,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss * MAXRSS_UNIT,
        1 + watch.children,
        json.loads(text) if text.startswith("{") else {},
    )


class Watch(threading.Thread):
    """Looks how many children a process has at once, where /proc tells."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.tasks = Path(f"/proc/{pid}/task")
        self.children = 0
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.05):
            try:
                lists = [
                    (task / "children").read_text()
                    for task in self.tasks.iterdir()
                ]
            except OSError:  # it has just ended, or this is not Linux
                continue
            children = sum(len(text.split()) for text in lists)
            self.children = max(self.children, children)

    def __enter__(self) -> Watch:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.join()


def show(text: str) -> None:
    """Say on a terminal what is being done."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text[:78]}", end="", file=sys.stderr, flush=True)
