"""Measure the three scripts against other ways to do the same work.

    make benchmark
    make benchmark BENCHMARK_ACTIVITIES=200000

Ours and the others (peers.py) run in turn, each in a fresh process, for a few
rounds. A time is the median of the rounds; a ratio, our time through the time
of the other in the same round, is the median of the rounds' ratios. What was
loaded is counted, and whoever makes the reports has to agree on every field.
Times are shown and not judged: the exit status knows nothing of them.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import re
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from importlib.metadata import version
from itertools import zip_longest
from pathlib import Path
from statistics import median

from peers import REPORTS
from running import (
    ROOT,
    Command,
    Run,
    Work,
    WrongError,
    in_turn,
    run_process,
    scaled,
    show,
)
from table import (
    Row,
    Target,
    at_most,
    faster,
    markdown,
    mebibytes,
    our_row,
    peak,
    peer_row,
)

SEED = 1
END_AT = "2026-03-04T12:00:00Z"  # a Wednesday: the last day is a full one
SAMPLE = 2_000  # tickets tell how many activities a ticket has
FAKED = 3_000  # activities tell how slow Faker is
PART = 200_000  # activities are enough for who would take minutes for all
DAYS, DAY_SHARE = 100, 50  # so many days, each a 50th of the benchmark's size
TENFOLD = 10
MORE = 3  # times as many rounds for what is short, and so the noisiest

DUCKDB_LOAD = "DuckDB `read_json` + `unnest`"
TYPED = "the same, types declared"
PANDAS_LOAD = "pandas `json_normalize` + `to_sql`"

Peers = Sequence[tuple[Work, Target | None]]


class Benchmark:
    """The works of one size, their files, and the table's rows so far."""

    def __init__(self, directory: Path, tickets: int, rounds: int) -> None:
        self.directory = directory
        self.tickets = tickets
        self.rounds = rounds
        self.rows: list[Row] = []
        self.export = directory / "export.json"
        self.database = directory / "ours.db"
        self.outputs = directory / "ours"
        run_process(generate(self.export, tickets))
        self.activities = activities_count(self.export)

    def compare(
        self,
        work: Work,
        peers: Peers,
        memory: Target | None = None,
        more: int = 1,
    ) -> None:
        """Measure a work of ours and its peers in turn, and add their rows.

        In so many times *more* rounds than other works.
        """
        ours, *others = in_turn(
            [work, *(peer for peer, _ in peers)], more * self.rounds
        )
        self.rows.append(our_row(work, ours, memory))
        for (peer, target), theirs in zip(peers, others, strict=True):
            ratios = [
                our_run.seconds / their_run.seconds
                for our_run, their_run in zip(ours, theirs, strict=True)
            ]
            self.rows.append(peer_row(peer, median(ratios), theirs, target))

    # The three scripts

    def generating(self) -> Work:
        return Work(
            f"`ticket_gen.py` of {self.tickets:,} tickets",
            [generate(self.export, self.tickets)],
            self.activities,
            prepare=lambda: remove(self.export),
            check=lambda _: same(
                activities_count(self.export), self.activities
            ),
        )

    def loading(self) -> Work:
        return Work(
            "`export_json.py`",
            [ingest(self.database, self.export)],
            self.activities,
            prepare=lambda: remove(self.database),
            check=lambda _: same(
                count_in_database(self.database), self.activities
            ),
        )

    def querying(self) -> Work:
        return Work(
            "`sql_queries.py`, the seven files per ticket",
            [query(self.database, self.outputs, *REPORTS)],
            self.activities,
            prepare=lambda: remove(self.outputs),
        )

    def querying_all(self) -> Work:
        return replace(
            self.querying(),
            name="`sql_queries.py`, all fifteen files",
            commands=[query(self.database, self.outputs)],
        )

    # Against their peers

    def compare_generating(self) -> None:
        dumps = Work(
            "`json.dumps` of the same records, already built",
            [peer("dumps", self.export)],
            self.activities,
            check=counted(self.activities),
            adjust=without_start_up,
        )
        faker = Work(
            "Faker called per field (scaled)",
            [peer("faker", self.directory / "faked.json", FAKED)],
            self.activities,
            check=counted(FAKED),
            adjust=lambda run: scaled(run, self.activities / FAKED),
        )
        self.compare(
            self.generating(), [(dumps, at_most(1.7)), (faker, faster(25))]
        )

    def compare_loading(self) -> None:
        part = self.part()
        guessed = self.peer_load("duckdb_load", DUCKDB_LOAD, self.export)
        declared = self.peer_load("duckdb_load_declared", TYPED, self.export)
        utils = self.peer_load("sqlite_utils", "sqlite-utils insert", part)
        pandas = self.peer_load("pandas_load", PANDAS_LOAD, part)
        self.compare(
            self.loading(),
            [
                (guessed, at_most(1)),
                (declared, None),
                (utils, faster(3)),
                (pandas, faster(1.5)),
            ],
            memory=mebibytes(100),
        )

    def part(self) -> Path:
        """Return an export of a part of the tickets, or of all if few."""
        if self.activities <= PART:
            return self.export
        part = self.directory / "part.json"
        run_process(generate(part, self.tickets * PART // self.activities))
        return part

    def peer_load(self, how: str, name: str, export: Path) -> Work:
        """Return a work that loads an export; its figures are of the whole."""
        database = self.directory / f"{how}.db"
        activities = activities_count(export)
        factor = self.activities / activities
        return Work(
            name if factor == 1 else f"{name} (scaled)",
            [peer(how, export, database)],
            self.activities,
            prepare=lambda: remove(database),
            check=counted(activities),
            adjust=lambda run: scaled(run, factor),
        )

    def compare_querying(self) -> None:
        loaded = self.directory / "duckdb_load.db"
        pandas = self.peer_query(
            "pandas_query", "pandas from the same database", [self.database]
        )
        duckdb = self.peer_query(
            "duckdb_query", "DuckDB from its own, loaded table", [loaded]
        )
        self.compare(
            self.querying(),
            [(pandas, Target(1, "below 1")), (duckdb, at_most(3))],
            more=MORE,
        )
        self.compare(self.querying_all(), [])

    def compare_both(self) -> None:
        loading, querying = self.loading(), self.querying()
        work = Work(
            "both, from the export to the seven files",
            [*loading.commands, *querying.commands],
            self.activities,
            prepare=lambda: remove(self.database, self.outputs),
            check=loading.check,
        )
        database = self.directory / "both.db"
        files = [self.export, database]
        guessed = self.peer_query(
            "duckdb_both", "DuckDB doing both", files, makes=database
        )
        declared = self.peer_query(
            "duckdb_both_declared", TYPED, files, makes=database
        )
        self.compare(work, [(guessed, at_most(1)), (declared, None)])

    def peer_query(
        self,
        how: str,
        name: str,
        files: Sequence[Path],
        makes: Path | None = None,
    ) -> Work:
        """Return a work that makes the reports, and maybe a database."""
        outputs = self.directory / how

        def check(run: Run) -> None:
            counted(self.activities)(run)
            agree(self.outputs, outputs)

        return Work(
            name,
            [peer(how, *files, outputs)],
            self.activities,
            prepare=lambda: remove(outputs, *([makes] if makes else [])),
            check=check,
        )

    # How the work grows, and how it starts

    def works(self) -> list[Work]:
        return [self.generating(), self.loading(), self.querying()]

    def compare_sizes(self) -> None:
        """Measure each script at ten times the size, once.

        That takes minutes, in which a machine may change its pace: the size
        that it is compared with is measured before and after it.
        """
        directory = self.directory / "tenfold"
        directory.mkdir()
        large = Benchmark(directory, TENFOLD * self.tickets, rounds=1)
        grows = [True, False, False]  # the generator knows all its tickets
        works = zip(self.works(), large.works(), grows, strict=True)
        for once, tenfold, may_grow in works:
            before, runs, after = in_turn([once, tenfold, once], rounds=1)
            around = before + after
            ratio = runs[0].seconds / median(run.seconds for run in around)
            ten = replace(
                tenfold, name=f"{once.name}, {TENFOLD} times the size"
            )
            one = replace(once, name=f"{once.activities:,} activities")
            memory = Target(1.1 * peak(around), "the same memory")
            self.rows.append(our_row(ten, runs, None if may_grow else memory))
            self.rows.append(peer_row(one, ratio, around, at_most(11)))

    def compare_days(self) -> None:
        """Measure one more day into a database of many, or into none."""
        *days, last = self.generated_days()
        full = self.directory / "days.db"
        show(f"ingesting {len(days)} days")
        run_process(ingest(full, *days))
        many, few = count_in_database(full), activities_count(last)
        database = self.directory / "one_more_day.db"
        more = Work(
            f"one more day, after {DAYS} days",
            [ingest(database, last)],
            few,
            prepare=lambda: shutil.copyfile(full, database),
            check=lambda _: same(count_in_database(database), many + few),
        )
        alone = Work(
            "that day alone",
            more.commands,
            few,
            prepare=lambda: remove(database),
            check=lambda _: same(count_in_database(database), few),
        )
        self.compare(more, [(alone, at_most(1.5))])

    def generated_days(self) -> list[Path]:
        """Return exports of consecutive days, each a small one."""
        show(f"generating {DAYS + 1} days")
        directory = self.directory / "days"
        target = directory / "day.json"
        days = DAYS + 1
        total = self.activities * days // DAY_SHARE
        sample = max(SAMPLE, 20 * days)
        run_process(generate(target, sample, days))
        found = sum(map(activities_count, directory.iterdir()))
        run_process(generate(target, max(1, sample * total // found), days))
        return sorted(directory.iterdir())

    def compare_start(self) -> None:
        """Measure all three as a newcomer meets them, once set up."""
        make = Work(
            "`make create_process_tickets` of 1,000 tickets",
            [
                [
                    "make",
                    "create_process_tickets",
                    "NUM_TICKETS=1000",
                    f"DATA_DIR={self.directory / 'make'}",
                    f"PYTHON={sys.executable}",
                ]
            ],
        )
        pandas = Work(
            '`python -c "import pandas"`',
            [[sys.executable, "-c", "import pandas"]],
        )
        in_turn([make, pandas], rounds=1)  # sets up, and compiles modules
        self.compare(make, [(pandas, at_most(8))])


# The commands


def generate(target: Path, tickets: int, days: int = 1) -> Command:
    return command(
        ROOT / "ticket_gen.py",
        *("--tickets", tickets, "--days", days, "--output", target),
        *("--seed", SEED, "--end-at", END_AT),
    )


def ingest(database: Path, *exports: Path) -> Command:
    return command(ROOT / "export_json.py", "--database", database, *exports)


def query(database: Path, outputs: Path, *reports: str) -> Command:
    return command(
        ROOT / "sql_queries.py",
        *("--database", database, "--output-dir", outputs),
        *reports,
    )


def peer(how: str, *arguments: object) -> Command:
    return command(Path(__file__).with_name("peers.py"), how, *arguments)


def command(script: Path, *arguments: object) -> Command:
    return [sys.executable, str(script), *map(str, arguments)]


def remove(*paths: Path) -> None:
    """Remove files and folders, and what SQLite and DuckDB put beside them."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
            continue
        for beside in ("", "-journal", "-wal", "-shm", ".wal"):
            path.with_name(path.name + beside).unlink(missing_ok=True)


# What they did


def activities_count(export: Path) -> int:
    """Return how many activities a generated export says it has."""
    with export.open("rb") as file:
        found = re.search(rb'"activities_count": *([0-9]+)', file.read(1000))
    if not found:
        raise WrongError(f"{export}: no activities_count at the beginning")
    return int(found[1])


def count_in_database(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        ((count,),) = connection.execute("select count(*) from activities")
    return int(count)


def same(found: int, expected: int) -> None:
    if found != expected:
        raise WrongError(f"{found:,} activities where there are {expected:,}")


def counted(expected: int) -> Callable[[Run], None]:
    """Return a check of how many activities a peer says it had."""
    return lambda run: same(run.answer["activities"], expected)


def without_start_up(run: Run) -> Run:
    """Return *run* of nothing but the work itself."""
    return replace(
        run,
        seconds=run.answer["seconds"],
        cpu_seconds=run.answer["cpu_seconds"],
    )


def agree(ours: Path, theirs: Path) -> None:
    """Check that the reports in two folders are the same, field by field."""
    for report in REPORTS:
        names = [folder / f"{report}.csv" for folder in (ours, theirs)]
        with names[0].open(newline="") as a, names[1].open(newline="") as b:
            rows = zip_longest(csv.reader(a), csv.reader(b))
            for number, (our_row, their_row) in enumerate(rows, start=1):
                if our_row != their_row:
                    raise WrongError(
                        f"{names[0]} and {names[1]} differ in row {number}:"
                        f"\n{our_row}\n{their_row}"
                    )


# The script


def tickets_for(activities: int, directory: Path) -> int:
    """Return how many tickets have about so many activities."""
    sample = directory / "sample.json"
    run_process(generate(sample, SAMPLE))
    return max(1, activities * SAMPLE // activities_count(sample))


def machine() -> str:
    """Return what the figures were measured on."""
    packages = ("duckdb", "pandas", "sqlite-utils", "Faker")
    return ", ".join(
        [
            f"{os.cpu_count()} cores",
            f"{platform.system()} {platform.machine()}",
            f"Python {platform.python_version()}",
            f"SQLite {sqlite3.sqlite_version}",
            *(f"{name} {version(name)}" for name in packages),
        ]
    )


def benchmark(
    activities: int, rounds: int, tenfold: bool, directory: Path
) -> None:
    """Measure everything, and print the table."""
    tickets = tickets_for(activities, directory)
    benchmark = Benchmark(directory, tickets, rounds)
    benchmark.compare_generating()
    benchmark.compare_loading()
    benchmark.compare_querying()
    benchmark.compare_both()
    benchmark.compare_days()
    benchmark.compare_start()
    if tenfold:
        benchmark.compare_sizes()
    show("")
    print(
        f"{benchmark.activities:,} activities of {tickets:,} tickets,"
        f" {benchmark.export.stat().st_size / 1e6:,.0f} MB of JSON.\n"
        f"{machine()}.\n"
        f"Medians of {rounds} rounds in turn ({MORE * rounds} for the seven"
        " files), each in fresh processes.\nRatio: our seconds through theirs,"
        " round by round. Scaled: measured on a smaller part\n(its memory is"
        " the part's). Memory: of the largest of the processes that work at"
        " the\nsame time.\n"
    )
    print(markdown(benchmark.rows))


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
            benchmark(
                args.activities, args.rounds, args.tenfold, Path(directory)
            )
    except WrongError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
