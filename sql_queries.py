"""Answer questions about the tickets in the database: one file each.

A report is a file of SQL, one `select` over the tables of `sql/schema` and the
views of `sql/views`: `sql/time_to_first_response.sql` makes

    data/outputs/time_to_first_response.csv:
        ticket_id,time_to_first_response_seconds
        600,
        704,1800

Put another `.sql` file there to get its CSV file. An empty field is unknown; 0
is known to be none. In SQL, times (columns in _at, hour, week) and durations
(columns in _seconds) are integers of seconds; readable() makes ISO 8601 of
times.
"""

from __future__ import annotations

import freshdesk  # noqa: F401 - first: it refuses an old Python

# isort: split

import argparse
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import (
    AbstractContextManager,
    ExitStack,
    contextmanager,
    nullcontext,
)
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from freshdesk import (
    DATABASE,
    DAY,
    OUTPUTS_DIR,
    Failure,
    QueryError,
    __version__,
    complain,
    duration,
    is_database,
    link_target,
    locked,
    plural,
    remark,
    run_script,
    show_progress,
    sql,
    sql_dir,
    utc,
    writers,
)
from freshdesk.local_time import day, own_views, time_zone
from freshdesk.settings import REPORTS_NEED, Settings, hours_told, read_settings
from freshdesk.sqlite import Engine, sqlite_engine
from freshdesk.statuses import status_alias
from freshdesk.writers import UNITS, Output, Write

STDOUT = "-"  # in place of a folder
# The formats of the results, and the packages that they need.
FORMATS = {"csv": "pandas", "xlsx": "xlsxwriter", "parquet": "pyarrow"}

# The queries behind the terminal's lines: always, and when all reports run.
ALWAYS = ["counts"]
OVERVIEW = [*ALWAYS, "metrics", "last_weeks", "longest_waiting", "oldest_open"]
# What --plot makes.
PAGE_FILE = "index.html"
PICTURES = (
    "response_and_resolution",
    "arrivals_and_backlog",
    "time_in_status",
    "first_response_by_group",
    "transition_matrix",
    "targets_met",
)
PAGE_FILES = [PAGE_FILE] + [
    f"plots/{name}.{ending}" for name in PICTURES for ending in ("svg", "png")
]

Row = tuple[Any, ...]


# The reports


def find_reports(
    directory: Path, names: Sequence[str], folders: Sequence[str] = ()
) -> list[Path]:
    """Return the reports' files in name order: those named, or all of them.
    Reports that need settings stand in the *folders* that exist with them.
    """
    found = reports_in(directory, ["", *folders])
    if not found:
        raise Failure(
            f"{directory}: no .sql files there; name another --sql-dir"
        )
    for name in names:
        if name in found:
            continue
        for folder, file in REPORTS_NEED.items():
            if name in reports_in(directory, [folder]):
                raise Failure(
                    f"{directory / folder / name}.sql: needs a folder with"
                    f" {file}; name it with --settings"
                )
        raise Failure(
            f"{directory / name}.sql: no such report; there are:"
            f" {', '.join(found)}"
        )
    return [found[name] for name in sorted(set(names) or found)]


def reports_in(directory: Path, folders: Iterable[str]) -> dict[str, Path]:
    """Return the reports' files by their names."""
    return {
        path.stem: path
        for folder in folders
        for path in sorted((directory / folder).glob("*.sql"))
        if not path.name.startswith(".")  # an editor's
    }


# The terminal


def rows(engine: Engine, query: str) -> list[Row]:
    """Return the rows of a query's result; unknown values are None."""
    found: list[Row] = []
    for frame in engine(query):
        known = frame.astype(object).where(frame.notna(), None)
        found += known.itertuples(index=False, name=None)
    return found


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return *rows* in columns, all but the first one aligned to the right."""
    first, *widths = [
        max(map(len, column)) for column in zip(*rows, strict=True)
    ]
    layout = f"{{:{first}}}" + "".join(f"  {{:>{width}}}" for width in widths)
    return "\n".join(layout.format(*row).rstrip() for row in rows)


def described(metrics: Sequence[Row]) -> list[list[str]]:
    """Return the table of all metrics: a header, and a row per metric."""
    rows = [["", "tickets", "median", "90% within", "maximum"]]
    for metric, tickets, *durations in metrics:
        rows.append([metric, f"{tickets:,}", *map(duration, durations)])
    return rows


def longest(what: str, rows: Sequence[Row]) -> str:
    """Return tickets, how long each has been so, and of how many, as one line:
    "Oldest open tickets (3 of 46; 2 of unknown age): 879 for 21h 16m, ..."
    """
    tickets = [
        f"{ticket}" if seconds is None else f"{ticket} for {duration(seconds)}"
        for ticket, seconds, *_ in rows
    ]
    for _, _, number, *unknown in rows[:1]:
        if len(rows) < number:
            more = [f"; {n:,} of unknown age" for n in unknown if n]
            what += f" ({len(rows)} of {number:,}{''.join(more)})"
    return f"{what}: {', '.join(tickets) or 'none'}"


def trend(weeks: Sequence[Row]) -> str:
    """Return the last whole week, and the one before if it is known, as one
    line: "Week of 2026-02-23 (the one before): created 412 (380), ..."
    """
    week, *counts = weeks[0]
    figures = [f"{count:,}" for count in counts]
    told = f"Week of {utc(week)[:10]}"
    if len(weeks) == 2 and weeks[1][0] == week - 7 * DAY:
        told += " (the one before)"
        for place, count in enumerate(weeks[1][1:]):
            figures[place] += f" ({count:,})"
    created, resolved, backlog = figures
    return f"{told}: created {created}, resolved {resolved}, backlog {backlog}"


def print_overview(
    answers: Mapping[str, Sequence[Row]], args: argparse.Namespace, reports: int
) -> None:
    """Print what the reports amount to, and where they are."""
    ((tickets, set_aside, as_of),) = answers["counts"]
    if "metrics" in answers:
        print(table(described(answers["metrics"])))
        if answers["last_weeks"]:
            print(trend(answers["last_weeks"]))
        waiting, oldest = answers["longest_waiting"], answers["oldest_open"]
        print(longest("Longest without a response", waiting))
        print(longest("Oldest open tickets", oldest))
    told = f"{plural(reports, 'report')} of {plural(tickets, 'ticket')}"
    if set_aside:
        told += f" ({set_aside:,} more set aside as deleted or spam)"
    if as_of is not None:
        told += f" as of {utc(as_of)}"
    folder = args.output_dir
    place = folder if is_url(folder) else Path(folder)
    page = f"; open {place}/{PAGE_FILE}" if args.plot else ""
    print(f"{place}: {told}{page}")


# The files


def write_reports(
    writing: AbstractContextManager[Write], reports: Sequence[Path], form: str
) -> int:
    """Write the result of each report; return how many are faulty.

    A faulty one is named at once, and leaves its file as it was.
    """
    faulty = 0
    with writing as write, ExitStack() as files:
        for report in reports:
            show_progress(report.name)
            try:
                with ExitStack() as own:
                    write(report.stem, report.read_text("utf-8"), own)
                    files.push(own.pop_all())
            except (QueryError, UnicodeDecodeError) as error:
                failure = Failure(
                    f"{report}: {error}; a report is one select, and only reads"
                )
                if len(reports) == 1:
                    raise failure from error
                complain(failure)
                faulty += 1
        if faulty and form == "xlsx":
            raise Failure(
                f"{faulty_reports(faulty, len(reports))}; {writers.WORKBOOK} is"
                " left as it was"
            )
    return faulty


def faulty_reports(faulty: int, reports: int) -> str:
    of_all = plural(reports, "report")
    return f"{faulty} of {of_all} faulty; the lines above say why"


def remove_files(target: str) -> None:
    """Remove the CSV file of a report, and its Parquet file."""
    for path in Path(target), Path(target).with_suffix(".parquet"):
        if path.is_file():
            path.unlink()


def complete(output: Output, names: Sequence[str], *, plot: bool) -> None:
    """Describe the files of a full run, remove the page of an earlier one, and
    note which other files are not of this run.
    """
    if "columns" not in names:  # a report of the user's goes first
        writers.write_columns(output)
    old_page = [Path(output.folder, name) for name in PAGE_FILES]
    if not plot and any(path.exists() for path in old_page):
        for path in old_page:
            path.unlink(missing_ok=True)
        output.notes.append(
            f"{output.folder}: removed the page and the pictures of an earlier"
            " run; --plot draws them anew"
        )
    if others := writers.left_over(output, names):
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        output.notes.append(
            f"{Path(output.folder, others[0])}{more}: left from an earlier"
            " run in another format; remove it, or run that format, too"
        )


# The script


def sql_queries(
    args: argparse.Namespace, reports: Sequence[Path], settings: Settings | None
) -> None:
    """Run the reports, and print what they amount to.

    All results are computed before the first file is replaced.
    """
    texts = {path.stem: path.read_text("utf-8", "replace") for path in reports}
    is_full = args.plot or not args.reports
    asked = OVERVIEW if is_full else ALWAYS
    queries = {name: sql(f"terminal/{name}") for name in asked}
    needed = [*queries.values(), *texts.values()]
    if args.plot:
        from freshdesk import page

        needed += page.page_queries().values()
    with opened_engine(args, needed, settings) as engine:
        answers = {name: rows(engine, query) for name, query in queries.items()}
        output = Output(
            engine, args.output_dir, args.unit, args.timezone, args.format
        )
        if args.engine == "spark":  # of a database, export_json.py tells them
            from export_json import notes_on_all

            output.notes += notes_on_all(partial(rows, engine))
        writing, remove = writers.opened(output), remove_files
        if args.partitioned:
            writing = nullcontext(partial(cast(Any, engine).write, output))
            remove = cast(Any, engine).remove
        faulty = write_reports(writing, reports, args.format)
        if not args.reports:
            needing = reports_in(args.sql_dir, REPORTS_NEED)
            for stale in needing.keys() - texts.keys():
                remove(f"{args.output_dir}/{stale}.csv")
        if is_full and not args.partitioned:
            complete(output, [*texts], plot=args.plot)
        if args.plot:
            metrics = described(answers["metrics"])
            hours = hours_told(settings) if settings else ""
            page.publish(output, answers, metrics, texts, hours)
    show_progress("")
    if not args.quiet:
        if args.output_dir != STDOUT:
            print_overview(answers, args, len(reports) - faulty)
        for note in output.notes:
            remark(note)
    if faulty:
        raise Failure(faulty_reports(faulty, len(reports)))


@contextmanager
def opened_engine(
    args: argparse.Namespace, queries: Sequence[str], settings: Settings | None
) -> Iterator[Engine]:
    """Open what reads and computes. Meanwhile nobody changes the folders that
    are read or written.
    """
    own = own_views(args.timezone, args.since, args.until)
    engine: AbstractContextManager[Engine]
    if args.engine == "spark":
        require("'pyspark>=4'")
        from export_json import NOTE_QUERIES
        from freshdesk import spark

        queries = [*queries, *map(sql, NOTE_QUERIES)]
        engine = spark.opened(
            args.exports, args.status_alias, queries, own, settings
        )
        read = []
    else:
        if not is_database(args.database):
            raise Failure(
                f"{args.database}: no such database; make it with"
                " export_json.py"
            )
        database = link_target(args.database)
        engine = sqlite_engine(database, queries, own, settings)
        read = [database.parent]
    is_folder = args.output_dir != STDOUT and not is_url(args.output_dir)
    written = [Path(args.output_dir)] if is_folder else []
    with locked(*written, shared=read), engine as opened:
        yield opened


def is_url(folder: str) -> bool:
    """Return whether a folder is not one of this machine's."""
    return "://" in folder


def require(requirements: str) -> None:
    """Raise Failure where a package is missing."""
    try:
        for package in re.findall(r"[a-z]\w*", requirements):
            import_module(package)
    except ImportError as error:
        raise Failure(
            f"{error.name} is missing; install it with:"
            f" python -m pip install {requirements}"
        ) from None


def check_plottable(directory: Path, reports: Sequence[Path]) -> None:
    """Raise Failure unless all that the pictures show is to be written."""
    from freshdesk import page

    written = {report.stem for report in reports}
    for name in page.REPORTS:
        if name not in written:
            raise Failure(
                f"{directory / name}.sql: not among the reports that run, and"
                " --plot draws from it; run all reports of the project"
            )


def argument_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sql_queries",
        description="Write a file for each report on the tickets.",
        epilog="""examples:
  %(prog)s
      run all reports, into data/outputs
  %(prog)s time_to_first_response --unit hours
      run one of them
  %(prog)s open_tickets -o - | head
      print one of them
  %(prog)s --format xlsx
      make one workbook, data/outputs/tickets.xlsx
  %(prog)s --plot
      and draw them: open data/outputs/index.html
  %(prog)s -d data/database/exports.db -o weekly --sql-dir my_reports
      your own exports and reports
  %(prog)s --engine spark --exports 's3a://bucket/exports/*.json.gz'
      no database: read the exports, and compute all of it, on Spark""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # fmt: off
    add = parser.add_argument
    add("reports", nargs="*", metavar="REPORT",
        help="name of a .sql file, without its ending; default: all")
    add("-d", "--database", type=Path, default=DATABASE,
        help="default: %(default)s")
    add("-o", "--output-dir", default=str(OUTPUTS_DIR),
        help="default: %(default)s; - prints the CSV of one REPORT")
    add("--format", choices=FORMATS, default="csv",
        help="a CSV or Parquet file for each report, or one Excel workbook,"
             f" {writers.WORKBOOK}, with a sheet for each;"
             " default: %(default)s")
    add("--sql-dir", type=Path, default=sql_dir(),
        help="where the reports are; default: %(default)s")
    add("--unit", choices=UNITS, default="seconds",
        help="unit of the durations; default: %(default)s")
    add("--timezone", type=time_zone, default="UTC", metavar="ZONE",
        help="of hours and weeks, and of the days of --since and --until, as"
             " Europe/Berlin; default: %(default)s")
    add("--since", type=day, metavar="YYYY-MM-DD",
        help="count only tickets created on this day or later; reports with a"
             " row for each ticket stay whole")
    add("--until", type=day, metavar="YYYY-MM-DD",
        help="count only tickets created on this day or earlier")
    add("--settings", type=Path, metavar="FOLDER",
        help="with business_hours.json, sla_policies.json, agents.json, as"
             " Freshdesk's API answers, or some of them: working hours,"
             " targets and names")
    add("--plot", action="store_true",
        help="draw pictures and a page, index.html, from the reports, too")
    add("-q", "--quiet", action="store_true", help="print nothing but errors")
    add("--version", action="version", version=f"%(prog)s {__version__}")
    add("--engine", choices=["sqlite", "spark"], default="sqlite",
        help="what reads and computes; default: %(default)s")
    add = parser.add_argument_group("with --engine spark").add_argument
    add("--exports", nargs="+", action="extend", default=[], metavar="PATH",
        help="what to read instead of a database: files, folders or patterns")
    add("--status-alias", action="append", default=[], metavar="LABEL=STATUS",
        type=status_alias,
        help="LABEL means STATUS, one of Freshdesk's or another label; may be"
             " repeated")
    add("--partitioned", action="store_true",
        help="write each report as a folder of parts, where it was computed")
    # fmt: on
    return parser


def wrong_usage(args: argparse.Namespace) -> str | None:
    """Return which options do not go together, if any."""
    if args.engine == "sqlite":
        for option in ("exports", "status_alias", "partitioned"):
            if getattr(args, option):
                return f"--{option.replace('_', '-')} needs --engine spark"
    elif not args.exports:
        return "--engine spark needs --exports"
    elif args.database != DATABASE:
        return "--engine spark reads --exports, and no --database"
    if args.since and args.until and args.since > args.until:
        return f"--since {args.since} is after --until {args.until}"
    if args.partitioned and args.plot:
        return "--plot draws files, and --partitioned writes folders"
    if args.partitioned and args.format != "csv":
        return "--partitioned writes CSV"
    if args.output_dir == STDOUT:
        if len(set(args.reports)) != 1:
            return "--output-dir - prints one REPORT: name it"
        if args.format != "csv" or args.partitioned or args.plot:
            return "--output-dir - prints CSV, and nothing else"
    if is_url(args.output_dir) and not args.partitioned:
        return f"--output-dir {args.output_dir} needs --partitioned"
    return None


def main(argv: Sequence[str] | None = None) -> int:
    return run_script(lambda: query_as_told(argv))


def query_as_told(argv: Sequence[str] | None) -> None:
    parser = argument_parser()
    args = parser.parse_args(argv)
    if problem := wrong_usage(args):
        parser.error(problem)
    require("pandas")
    require(FORMATS[args.format])
    settings = read_settings(args.settings) if args.settings else None
    folders = settings.report_folders if settings else []
    reports = find_reports(args.sql_dir, args.reports, folders)
    if args.plot:
        # Jupyter's backend, if the environment names one, draws no files.
        os.environ["MPLBACKEND"] = "agg"
        require("matplotlib jinja2")
        check_plottable(args.sql_dir, reports)
    sql_queries(args, reports, settings)


if __name__ == "__main__":
    raise SystemExit(main())
