"""Measure the three scripts against other ways to do the same work.

    make benchmark
    make benchmark BENCHMARK_ACTIVITIES=200000

Our scripts and their peers (those in peers.py, and the first release of ours)
run in turn, each in a fresh process, for a few rounds. A figure is the median
of the rounds; a ratio, our figure through the peer's in the same round, is the
median of the rounds' ratios. All have to load the same activities and to agree
on every field of the reports; the first release, which answers to older
definitions, on the times in each status. The exit status does not judge the
figures.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from measuring import (
    ROOT,
    Command,
    Run,
    Work,
    WrongError,
    command,
    count,
    in_turn,
    markdown,
    peer,
    run_process,
    show,
    table_row,
)
from peers import REPORTS

FIRST_RELEASE = "4bc84b18e6095875aae3593c64e0f1ab104e6da3"
FIRST = "the first release"
FIFTEEN = (  # its reports
    *REPORTS,
    *("ticket_properties", "tickets_by_hour", "status_transitions"),
    *("metrics_by_agent", "metrics_by_group", "metrics_by_priority"),
    *("metrics_by_product", "metrics_by_source"),
)
UNCHANGED = "time_[is]*.csv"  # of these: time_in_status and time_spent_*
SEED = 1
END_AT = "2026-03-04T12:00:00Z"  # a Wednesday: the last day is a full one
SAMPLE = 2_000  # tickets tell how many activities a ticket has
FAKED = 3_000  # activities tell how slow Faker is
PART = 200_000  # activities for peers that would take minutes for all
DAYS, DAY_SHARE = 100, 50  # so many days, each a 50th of the benchmark's size
DAY = 86_400  # seconds
TENFOLD = 10

# Makes a command of the input and of the path that it writes.
How = Callable[[Any, Path], Command]


# The commands of the scripts, ours or another release's


def generate(
    tickets: int, made: Path, days: int = 1, root: Path = ROOT
) -> Command:
    return command(
        root / "ticket_gen.py",
        *("--tickets", tickets, "--days", days, "--output", made),
        *("--seed", SEED, "--end-at", END_AT),
    )


def ingest(exports: Sequence[Path], made: Path, root: Path = ROOT) -> Command:
    return command(root / "export_json.py", "--database", made, *exports)


def query(database: Path, made: Path, root: Path = ROOT) -> Command:
    script = root / "sql_queries.py"
    return command(script, "--database", database, "--output-dir", made)


def query_seven(database: Path, made: Path, root: Path = ROOT) -> Command:
    return [*query(database, made, root), *REPORTS]


def query_fifteen(database: Path, made: Path, root: Path = ROOT) -> Command:
    return [*query(database, made, root), *FIFTEEN]


class Benchmark:
    """The folder of all files, and the table's rows so far."""

    def __init__(self, directory: Path, activities: int, rounds: int) -> None:
        self.directory = directory
        self.rounds = rounds
        self.rows: list[list[str]] = []
        sample = self.generated("sample.json", SAMPLE)
        self.tickets = max(1, activities * SAMPLE // count(sample))
        self.export = self.generated("export.json", self.tickets)
        self.activities = count(self.export)
        self.first = directory / "first_release"
        self.has_first = extract(FIRST_RELEASE, self.first)

    def generated(self, name: str, tickets: int, days: int = 1) -> Path:
        """Return the path of a new export, or the name of many days' ones."""
        export = self.directory / name
        show(f"generating {tickets:,} tickets")
        run_process(generate(tickets, export, days))
        return export

    def work(
        self, name: str, how: How, given: Any, made: str, **targets: float
    ) -> Work:
        """Return the work to make a file or a folder of what is given."""
        path = self.directory / made
        return Work(name, how(given, path), self.activities, path, targets)

    def generating(self, **targets: float) -> Work:
        name = f"`ticket_gen.py` of {self.tickets:,} tickets"
        return self.work(name, generate, self.tickets, "a.json", **targets)

    def loading(self, **targets: float) -> Work:
        name = "`export_json.py`"
        return self.work(name, ingest, [self.export], "ours.db", **targets)

    def querying(self, **targets: float) -> Work:
        name = "`sql_queries.py`, seven files"
        database = self.directory / "ours.db"
        return self.work(name, query_seven, database, "seven/ours", **targets)

    def compare(self, *works: Work) -> list[list[Run]]:
        """Measure works in turn: one of ours, and its peers. Add their rows.

        Where git does not have the first release, it is left out.
        """
        works = tuple(w for w in works if self.has_first or w.name != FIRST)
        runs = in_turn(works, self.rounds)
        self.add(works, runs)
        return runs

    def add(self, works: Sequence[Work], runs: Sequence[list[Run]]) -> None:
        """Add the rows of a work of ours, and of its peers."""
        self.rows.append(table_row(works[0], runs[0]))
        for work, theirs in zip(works[1:], runs[1:], strict=True):
            self.rows.append(table_row(work, theirs, runs[0]))

    def compare_generating(self) -> None:
        faked = self.directory / "faked.json"
        dumps = Work(
            "`json.dumps` of the same records, already built",
            peer("dumps", self.export),
            self.activities,
            targets={"wall": 1.3},
        )
        faker = Work(
            f"Faker called per field (scaled from {FAKED:,})",
            peer("faker", FAKED, faked),
            self.activities,
            targets={"wall": 0.04},
            scale=self.activities / FAKED,
        )
        old = partial(generate, root=self.first)
        first = self.work(FIRST, old, self.tickets, "b.json")
        if self.has_first:  # it makes up other activities, some more
            run_process(first.command)
            made = count(self.directory / "b.json")
            first = replace(first, holds=made, scale=self.activities / made)
        self.compare(self.generating(memory=100), dumps, faker, first)

    def compare_processing(self) -> None:
        """Measure both steps against DuckDB and the first release."""
        work = self.work
        duckdb = partial(peer, "duckdb_load")
        guess, declare = partial(duckdb, "guess"), partial(duckdb, "declare")
        old = partial(ingest, root=self.first)
        targets = {"wall": 1, "cpu": 0.7, "file": 0.75}
        loads = [
            self.loading(memory=100),
            work("DuckDB `read_json`", guess, self.export, "guess.db", wall=1),
            work("DuckDB, typed", declare, self.export, "duck.db", wall=3),
            work(FIRST, old, [self.export], "first.db", **targets),
        ]
        loaded = self.compare(*loads)

        ours, duck, first = (
            self.directory / name for name in ("ours.db", "duck.db", "first.db")
        )
        duckdb = partial(peer, "duckdb_query")
        pandas = partial(peer, "pandas_query")
        old = partial(query_seven, root=self.first)
        queried = self.compare(
            self.querying(memory=100),
            work("DuckDB, its own table", duckdb, duck, "seven/duck", wall=6),
            work("pandas, our database", pandas, ours, "seven/pandas", wall=1),
            replace(work(FIRST, old, first, "seven/first"), same=UNCHANGED),
        )
        name = "`sql_queries.py`, the first release's fifteen files"
        old = partial(query_fifteen, root=self.first)
        release = work(FIRST, old, first, "fifteen/first", wall=1.2, cpu=0.8)
        self.compare(
            work(name, query_fifteen, ours, "fifteen/ours", memory=100),
            replace(release, same=UNCHANGED),
        )
        name = "`sql_queries.py`, all files"
        self.compare(
            work(name, query, ours, "all/ours", memory=100),
            work("only these fifteen", query_fifteen, ours, "all/15", cpu=1.6),
        )

        queried[2] = queried[1]  # DuckDB's table is the same, guessed or not
        both = [replace(load, targets={}) for load in loads[: len(loaded)]]
        both[0] = replace(both[0], name="both, from export to seven files")
        self.add(both, [*map(together, loaded, queried)])

    def compare_slow_loading(self) -> None:
        """Measure the first step against slow peers: of a part, if large."""
        share = min(1, PART / self.activities)
        part = self.generated("part.json", max(1, int(self.tickets * share)))
        name = f"`export_json.py` of {count(part):,} activities"
        utils, pandas = "sqlite-utils insert", "pandas `to_sql`"
        insert = partial(peer, "sqlite_utils")
        to_sql = partial(peer, "pandas_load")
        works = [
            self.work(name, ingest, [part], "part.db"),
            self.work(utils, insert, part, "utils.db", wall=0.33),
            self.work(pandas, to_sql, part, "pandas.db", wall=0.67),
        ]
        self.compare(*(replace(w, activities=count(part)) for w in works))

    def compare_many_exports(self) -> None:
        """Measure exports of many days, of one day, and of one second."""
        tickets = max(20, self.tickets // DAY_SHARE) * (DAYS + 1)
        self.generated("days/day.json", tickets, DAYS + 1)
        *days, last = sorted((self.directory / "days").iterdir())
        full = self.directory / "full.db"
        show(f"ingesting {DAYS} days")
        run_process(ingest(days, full))
        more = self.adding(f"one more day, after {DAYS} days", [last])
        total = count(full) + count(last)
        self.compare(
            replace(more, begins_with=full, holds=total),
            self.adding("that day alone", [last], wall=1.5),
        )
        name = "today's export, fetched every hour"
        again = self.adding(name, self.many("hours", last, 0))
        name = "exports of these sizes, of other days"
        others = self.adding(name, self.many("hours", last, DAY), wall=1.5)
        self.compare(replace(again, holds=count(last)), others)

        start = "20-04-2017 10:00:00 +0000"
        same = self.many("small", start, 0)
        name = f"{len(same):,} small exports that start in one second"
        apart = self.many("small", start, DAY)
        self.compare(
            self.adding(name, same),
            self.adding("the same on days of their own", apart, wall=1.5),
        )

    def many(self, kind: str, source: object, apart: int) -> list[Path]:
        """Return exports that exports.py makes."""
        folder = self.directory / f"{kind}_{apart}"
        script = Path(__file__).with_name("exports.py")
        run_process(command(script, kind, source, folder, apart))
        return sorted(folder.iterdir())

    def adding(
        self, name: str, exports: Sequence[Path], **targets: float
    ) -> Work:
        """Return the work to ingest many exports."""
        work = self.work(name, ingest, exports, "added.db", **targets)
        return replace(work, activities=sum(map(count, exports)))

    def compare_start(self) -> None:
        """Measure all three as a newcomer meets them, once set up."""
        make = Work(
            "`make create_process_tickets` of 1,000 tickets",
            [
                *("make", "create_process_tickets", "NUM_TICKETS=1000"),
                f"DATA_DIR={self.directory / 'make'}",
                f"PYTHON={sys.executable}",
            ],
        )
        pandas = Work(
            '`python -c "import pandas"`',
            [sys.executable, "-c", "import pandas"],
            targets={"wall": 4},
        )
        in_turn([make, pandas], rounds=1)  # sets up, and compiles modules
        self.compare(make, pandas)

    def compare_sizes(self) -> None:
        """Measure each script at ten times the size, once.

        That takes minutes, in which a machine may change its pace: the size
        that it is compared with is measured before and after it.
        """
        large = copy(self)
        large.directory = self.directory / "tenfold"
        large.directory.mkdir()
        large.tickets = TENFOLD * self.tickets
        large.export = large.generated("export.json", large.tickets)
        large.activities = count(large.export)
        for once, tenfold in (
            # The generator knows all its tickets: its memory may grow.
            (self.generating(wall=11), large.generating()),
            (self.loading(wall=11, memory=1.1), large.loading()),
            (self.querying(wall=11, memory=1.1), large.querying()),
        ):
            before, (ten,), after = in_turn([once, tenfold, once], rounds=1)
            tenfold = replace(tenfold, name=f"{once.name}, {TENFOLD} times")
            once = replace(once, name=f"{once.activities:,} activities")
            self.add([tenfold, once], [[ten, ten], [*before, *after]])


def together(loading: Sequence[Run], querying: Sequence[Run]) -> list[Run]:
    """Return the figures of two works, one after the other."""
    return [
        Run(a.wall + b.wall, a.cpu + b.cpu, max(a.memory, b.memory), a.file)
        for a, b in zip(loading, querying, strict=True)
    ]


# The script


def extract(commit: str, folder: Path) -> bool:
    """Put a commit's files into a folder; return whether git has it."""
    archive = ["git", "archive", "--format=tar", commit]
    try:
        done = subprocess.run(
            archive, cwd=ROOT, capture_output=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as files:
        files.extractall(folder)
    return True


def described(benchmark: Benchmark) -> str:
    """Return the lines above the table."""
    packages = ("duckdb", "pandas", "sqlite-utils", "Faker")
    missing = f"Without {FIRST}: git does not have {FIRST_RELEASE}.\n"
    compared = (
        f"Of the fields of {FIRST} only the times in each status are"
        "\ncompared: its other definitions are older. Its generating is scaled"
        " to as many\nactivities.\n"
    )
    first = compared if benchmark.has_first else missing
    return (
        f"{benchmark.activities:,} activities of {benchmark.tickets:,} tickets,"
        f" {benchmark.export.stat().st_size / 1e6:,.0f} MB of JSON.\n"
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()},"
        f" Python {platform.python_version()}, SQLite {sqlite3.sqlite_version},"
        f" {', '.join(f'{name} {version(name)}' for name in packages)}.\n"
        f"Medians of {benchmark.rounds} rounds in turn, each in fresh"
        " processes. Ratio: our figure through\nthe peer's, round by round."
        " Memory: of the largest process. Typed: all types are\ndeclared, none"
        f" are guessed.\n{first}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Measure the three scripts against other ways."
    )
    parser.add_argument("--activities", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--tenfold", action="store_true", help="measure ten times the size too"
    )
    parser.add_argument(
        "--directory",
        type=Path,
        default=ROOT / "data",
        help="where to put the files until the end; some gigabytes",
    )
    args = parser.parse_args(argv)
    args.directory.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(
            prefix="benchmark-", dir=args.directory.absolute()
        ) as directory:
            benchmark = Benchmark(Path(directory), args.activities, args.rounds)
            benchmark.compare_generating()
            benchmark.compare_processing()
            benchmark.compare_slow_loading()
            benchmark.compare_many_exports()
            benchmark.compare_start()
            if args.tenfold:
                benchmark.compare_sizes()
            show("")
            print(described(benchmark))
            print(markdown(benchmark.rows))
    except WrongError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
