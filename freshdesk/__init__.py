"""What the three scripts share: Freshdesk's ticket activity export, and files.

A *ticket* is a customer's matter. A *requester* raises it, *agents* work on it;
each thing that happens to it is an *activity*: a *note* (a reply, a private
remark), or a change of its properties, its *status* above all. Freshdesk's
*export* is one JSON file for a window of 24 hours:

    {"metadata": {"start_at": "20-04-2017 10:00:00 +0000",
                  "end_at": "21-04-2017 09:59:59 +0000",
                  "activities_count": 2},
     "activities_data": [
         {"performed_at": "21-04-2017 09:33:38 +0000", "ticket_id": 600,
          "performer_type": "user", "performer_id": 149018,
          "activity": {"note": {"id": 4025864, "type": 4}}},
         {"performed_at": "21-04-2017 09:38:24 +0000", "ticket_id": 704,
          "performer_type": "user", "performer_id": 149018,
          "activity": {"status": "Open", "priority": 4, "source": 3, ...}}]}

Source: Freshdesk's API documentation, "Export ticket activities".
"""

from __future__ import annotations

import sys

# An older Python lacks some of the modules and names imported below.
if sys.version_info < (3, 10):  # noqa: UP036
    raise SystemExit(
        f"error: this is Python {sys.version.split()[0]}; run the scripts with"
        " Python 3.10 or later"
    )

try:
    import fcntl
except ImportError:
    raise SystemExit(
        "error: this system has no fcntl module; run the scripts on Linux or"
        " macOS, or on Windows in WSL"
    ) from None

import gc
import io
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from datetime import datetime, timedelta, timezone
from functools import cache, lru_cache
from pathlib import Path
from typing import TextIO

__version__ = "2.0.0"

EXPORTS_DIR = Path("data/json")
DATABASE = Path("data/database/ticket_activities.db")
OUTPUTS_DIR = Path("data/outputs")

LINE = 300  # characters, at most, of a message
DAY = 86_400  # seconds; an export's window has both its ends, so it is one less

# The statuses that the metrics know, and whether they end a ticket.
STATUSES = {
    "Open": False,
    "Pending": False,
    "Waiting on Customer": False,
    "Waiting on Third Party": False,
    "Resolved": True,
    "Closed": True,
}
# Freshdesk's other spellings of them.
STATUS_ALIASES = {
    "Waiting for Customer": "Waiting on Customer",
    "Waiting for Third Party": "Waiting on Third Party",
}
PRIORITIES = {1: "Low", 2: "Medium", 3: "High", 4: "Urgent"}
# Types of notes; the table note_types in sql/schema/tables.sql names all.
REPLY, FORWARD, REPLY_TO_FORWARD, PRIVATE_NOTE, PUBLIC_NOTE = range(5)

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
FIRST_SECOND = -62_135_596_800  # of the year 1
LAST_SECOND = 253_402_300_799  # of the year 9999
TIMESTAMP = re.compile(
    r"([0-9]{2})-([0-9]{2})-([0-9]{4}) ((?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2})"
    r" ([+-](?:[01][0-9]|2[0-3]))([0-5][0-9])"
)


class Failure(Exception):
    """An expected failure; its text is one line: what, where, what to do."""


class QueryError(Failure):
    """An engine refuses a query; the text is one line."""


def format_timestamp(seconds: int) -> str:
    """Return *seconds* since 1970 as the export writes times, in UTC."""
    day, second = divmod(seconds, DAY)
    minute, second = divmod(second, 60)
    time = f"{minute // 60:02}:{minute % 60:02}:{second:02}"
    return f"{format_date(day)} {time} +0000"


def utc(seconds: int) -> str:
    """Return *seconds* since 1970 as people read times, in UTC."""
    moment = EPOCH + timedelta(seconds=seconds)
    return f"{moment.replace(tzinfo=None)} UTC"


@lru_cache
def format_date(day: int) -> str:
    """Return the date so many days after the first of 1970, likewise."""
    date = EPOCH + timedelta(days=day)
    return f"{date:%d-%m}-{date.year:04}"


@lru_cache(maxsize=4096)
def parse_timestamp(text: str) -> int:
    """Return the seconds since 1970 of "21-04-2017 09:33:38 +0000".

    The offset is honoured. Raises ValueError for anything else, impossible
    dates and times included, and TypeError for what is not text.
    """
    match = TIMESTAMP.fullmatch(text)
    if match is None:
        raise ValueError("not of the form DD-MM-YYYY HH:MM:SS +0000")
    day, month, year, time, hours, minutes = match.groups()
    iso = f"{year}-{month}-{day} {time}{hours}:{minutes}"
    seconds = int(datetime.fromisoformat(iso).timestamp())
    if not FIRST_SECOND <= seconds <= LAST_SECOND:
        raise ValueError("outside the years 1 to 9999 in UTC")
    return seconds


def run_script(script: Callable[[], None]) -> int:
    """Run *script* and return the exit status: 0, or 1 for an expected failure.

    That failure becomes one line on stderr. Ctrl-C is 130, as shells have it.
    Errors in the program itself keep their traceback.
    """
    try:
        prepare_process()
        try:
            return status_of(script)
        finally:
            leave_nothing_to_print()
    except KeyboardInterrupt:
        return 130


def status_of(script: Callable[[], None]) -> int:
    """Run *script*, and print what was wrong if that was expected."""
    try:
        try:
            script()
        except SystemExit:  # argparse has helped, or said what is wrong
            sys.stdout.flush()
            raise
        sys.stdout.flush()
    except BrokenPipeError:
        return 1  # whoever read our output has seen enough (head, say)
    except (Failure, OSError, MemoryError) as error:
        with suppress(OSError):
            complain(error)
        return 1
    return 0


def leave_nothing_to_print() -> None:
    """Discard output that cannot be flushed, or Python prints a traceback at
    exit.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def prepare_process() -> None:
    """Make stdout and stderr usable, whatever the process inherits."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed beforehand, as by >&-
            stream = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
            setattr(sys, name, stream)
        if isinstance(stream, io.TextIOWrapper):
            # A name in whatever letters can be shown, if need be as "\\xe4".
            stream.reconfigure(errors="backslashreplace")


def complain(error: Exception) -> None:
    """Print an expected failure, in one line."""
    show_progress("")
    print(f"error: {one_line(describe(error))}", file=sys.stderr)


def remark(note: str) -> None:
    """Print what the user should know, in one line."""
    print(f"note: {one_line(note)}", file=sys.stderr)


def describe(error: Exception) -> str:
    """Return *error* in words, with the file that the system refused."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename is not None else ""
        return f"{where}{error.strerror}"
    if isinstance(error, MemoryError):
        return "not enough memory; use a machine with more"
    return str(error)


def one_line(text: str) -> str:
    """Return *text*, parts of which others wrote, as one line for a terminal.

    What cannot be seen, or directs the terminal, is escaped: \\x1b, \\u202e.
    The middle of a long text is left out.
    """
    folded = " ".join(text.split())
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in folded)
    if len(shown) > LINE:
        shown = f"{shown[: LINE // 2]} ... {shown[5 - LINE // 2 :]}"
    return shown


def plural(number: int, noun: str) -> str:
    """Return "1 export", "2 exports", "2 activities"."""
    if number != 1:
        noun = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun}"


def duration(seconds: int | None) -> str:
    """Return 5400 as "1h 30m": the two largest units that it has."""
    if seconds is None:
        return ""
    parts: list[tuple[int, str]] = []
    for name, size in (("d", DAY), ("h", 3600), ("m", 60), ("s", 1)):
        number, seconds = divmod(seconds, size)
        if number or parts:
            parts.append((number, name))
    shown = [f"{number}{name}" for number, name in parts[:2] if number]
    return " ".join(shown) or "0s"


def show_progress(text: str) -> None:
    """Show *text* in place of what was shown before, where a person watches."""
    if sys.stderr.isatty():
        shown = f"\r\033[K{one_line(text)}"
        print(shown, end="", file=sys.stderr, flush=True)


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Turn the garbage collector off: no cycles are made.

    That saves a tenth of the time in which a large export is made or read.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def is_database(path: Path, *, to_replace: bool = False) -> bool:
    """Return whether *path* is a database of ours; nothing or empty is not.

    Reads its header only, so that whatever it is stays as it is. Raises
    Failure for any other file, and for a database of a newer version, or of an
    older one unless it is *to_replace*.
    """
    if not path.exists():
        return False
    # A folder, a device or a pipe has no header, and is not ours to replace.
    header = b"?"
    if path.is_file():
        with path.open("rb") as file:
            header = file.read(100)
    if not header:
        return False
    version = int.from_bytes(header[60:64], "big")
    application = int.from_bytes(header[68:72], "big")
    is_sqlite = header[:16] == b"SQLite format 3\0"
    if not is_sqlite or application != schema_number("application_id"):
        raise Failure(
            f"{path}: not a database of ticket activities, so it is left alone;"
            " name another one with --database"
        )
    known = schema_number("user_version")
    if version > known:
        raise Failure(
            f"{path}: made by a newer version ({version}, this one knows"
            f" {known}); update these scripts"
        )
    if version < known and not to_replace:
        raise Failure(
            f"{path}: made by an older version ({version}, this one knows"
            f" {known}); ingest the exports again with --replace"
        )
    return True


@cache
def sql(name: str) -> str:
    """Return the text of a file of the project's SQL: "views/clock"."""
    return (sql_dir() / f"{name}.sql").read_text(encoding="utf-8")


@cache
def schema_number(pragma: str) -> int:
    """Return a number in the header of our databases, as the schema sets it."""
    text = sql("schema/tables")
    return int(re.findall(rf"^pragma {pragma} = (\d+);", text, re.M)[0])


@cache
def views() -> dict[str, str]:
    """Return the select of each view in sql/views, without its semicolon."""
    names = sorted(file.stem for file in (sql_dir() / "views").glob("*.sql"))
    return {
        name: sql(f"views/{name}").rstrip().removesuffix(";") for name in names
    }


def needed_views(
    queries: Sequence[str], own: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the views that queries name, and the views those name, in an order
    in which each can be evaluated. *Own* ones take the place of the project's.

    A name in a text counts, too: that costs time, and nothing else.
    """
    known = {**views(), **(own or {})}
    needed: dict[str, str] = {}

    def need(query: str) -> None:
        words = set(re.findall(r"\w+", re.sub(r"--.*", "", query).lower()))
        for view in sorted(words & known.keys() - needed.keys()):
            need(known[view])
            needed.setdefault(view, known[view])

    for query in queries:
        need(query)
    return needed


def sql_dir() -> Path:
    """Return the folder of the project's SQL: installed, or in the checkout."""
    here = Path(__file__).resolve().parent.parent
    installed = here / "freshdesk_sql"
    return installed if installed.is_dir() else here / "sql"


@contextmanager
def locked(*exclusive: Path, shared: Sequence[Path] = ()) -> Iterator[None]:
    """Hold folders, made when missing, against other runs of the scripts.

    Waits for its turn: writers one at a time, readers (*shared*) together. The
    lock is on the folder itself, so it leaves nothing behind, and ends with
    the process however that ends.
    """
    for directory in exclusive:
        directory.mkdir(parents=True, exist_ok=True)
    kinds = {directory.resolve(): fcntl.LOCK_SH for directory in shared}
    kinds |= {directory.resolve(): fcntl.LOCK_EX for directory in exclusive}
    with ExitStack() as held:
        # always in the same order, lest two runs wait for each other for ever
        for directory, kind in sorted(kinds.items()):
            descriptor = os.open(directory, os.O_RDONLY)
            held.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                show_progress(f"waiting for another run to leave {directory}")
                fcntl.flock(descriptor, kind)
                show_progress("")
        yield


def link_target(path: Path) -> Path:
    """Return where a link leads, there or not; what is no link as it is."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


@contextmanager
def built_beside(path: Path) -> Iterator[Path]:
    """Yield an empty file that takes the place of *path* when all went well:
    whole, or not at all. Only those can read it who can read *path*.

    Its name is always the same, so what a killed run left there, even a link,
    is removed by the next one. Hold the folder with locked() meanwhile.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
        yield part
        with suppress(FileNotFoundError):
            shutil.copymode(path, part)
        write_through(part)
        os.replace(part, path)
        write_through(path.parent)  # the new name survives a power cut, too
    finally:
        with suppress(OSError):
            part.unlink()


def write_through(path: Path) -> None:
    """Wait until a file, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """Open a new text file that takes the place of *path* when all went well.

    Until then, and if anything fails, *path* is what it was. Its folder must
    exist. A device cannot be replaced, so it is written to as it is. Bytes go
    to its `buffer`.
    """
    is_device = path.exists() and not path.is_file()
    target = path if is_device else link_target(path)  # a link stays one
    new = nullcontext(path) if is_device else built_beside(target)
    try:
        with new as part, part.open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        if error.filename is None:
            error.filename = str(target)  # a full disk does not say where
        raise
