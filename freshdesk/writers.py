"""Results of the reports -> CSV files, Parquet files, or one Excel workbook.

In a result, times (columns in _at, hour, week) and durations (columns in
_seconds) are integers of seconds. A CSV file has times in ISO 8601, Excel and
Parquet have dates of their own. Durations are in the run's unit.
"""

from __future__ import annotations

import csv
import pickle
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import (
    AbstractContextManager,
    ExitStack,
    contextmanager,
    nullcontext,
)
from dataclasses import dataclass, field
from datetime import timezone, tzinfo
from functools import cache, partial
from itertools import islice
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO

from freshdesk import DAY, QueryError, replacing, sql_dir
from freshdesk.local_time import local, utc_offset

if TYPE_CHECKING:
    import pandas
    import pyarrow

    from freshdesk.sqlite import Engine

UNITS = {"seconds": 1, "minutes": 60, "hours": 3600}  # of durations

# A spreadsheet runs text as a formula if it begins with one of these.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
is_number = re.compile(r"-[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?").fullmatch

WORKBOOK = "tickets.xlsx"
SHEET_ROWS = 1_048_576  # at most, the header included
CELL_LETTERS = 32_767  # at most
EXACT = 10**15  # Excel rounds numbers from here on
# Excel counts days from 1900 on, and its first two months are a day off.
EXCEL_DAYS_BEFORE_1970 = 25_569
FIRST_EXCEL_DAY, LAST_EXCEL_DAY = 61, 2_958_465

GROUP_CHUNKS = 20  # of a result are a row group of a Parquet file


@dataclass
class Output:
    """Where the results of a run go, and in which form."""

    engine: Engine
    folder: str  # "-": one CSV file, to stdout
    unit: str = "seconds"
    zone: tzinfo = timezone.utc
    form: str = "csv"  # or "xlsx", "parquet"
    # What was written: file, report, column.
    columns: list[tuple[str, str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def told(self, file: str, report: str, columns: Iterable[object]) -> None:
        """Note which columns of a report are in a file."""
        self.columns += [(file, report, str(column)) for column in columns]


# Writes the result of a report, a name and its SQL. Its file takes its place
# when the stack closes without an exception.
Write = Callable[[str, str, ExitStack], None]


def opened(output: Output) -> AbstractContextManager[Write]:
    """Open what writes results in the run's form."""
    if output.form == "xlsx":
        return workbook(output)
    write = write_csv if output.form == "csv" else write_parquet
    return nullcontext(partial(write, output))


def left_over(output: Output, reports: Iterable[str]) -> list[str]:
    """Return the files of these reports in other forms, from other runs."""
    others = {WORKBOOK} if output.form != "xlsx" else set()
    for ending in {"csv", "parquet"} - {output.form}:
        others |= {f"{report}.{ending}" for report in reports}
    others -= {file for file, *_ in output.columns}
    return sorted(n for n in others if Path(output.folder, n).is_file())


# What columns mean


def is_duration(name: str) -> bool:
    return name.endswith("_seconds")


def is_time(name: str) -> bool:
    return name in ("timestamp", "hour") or name.endswith("_at")


def renamed(column: str, unit: str) -> str:
    """Return a column's name, with the unit of its durations."""
    if is_duration(column):
        return column.removesuffix("seconds") + unit
    return column


def time_kind(name: str) -> str:
    """Return of which kind the times in a column of this name are: "hour" or
    "week" of local time, or "time" in UTC; "" if it has no times.
    """
    if name in ("hour", "week"):
        return name
    return "time" if is_time(name) else ""


def kind_of(column: pandas.Series[Any]) -> str:
    """Return of which kind the values of a column are: "text", "number", or a
    kind of time in whole seconds.
    """
    from pandas.api.types import is_integer_dtype, is_numeric_dtype

    if is_integer_dtype(column):
        return time_kind(str(column.name)) or "number"
    return "number" if is_numeric_dtype(column) else "text"


def in_unit(frame: pandas.DataFrame, unit: str) -> pandas.DataFrame:
    """Return a result with its durations in a unit; only seconds are whole
    numbers. Raises QueryError for durations that are no numbers, and if two
    columns have one name.
    """
    if not frame.columns.is_unique:
        raise QueryError("two columns have one name; rename one")
    converted = frame.copy(deep=False)
    for name, column in frame.items():
        if unit == "seconds" or not is_duration(str(name)):
            continue
        if kind_of(column) == "number":
            converted[name] = (column * 100 / UNITS[unit]).round() / 100
        elif column.notna().any():
            raise QueryError(f"{name} is not of numbers; leave out --unit")
    return converted


def meaning(report: str, column: str) -> tuple[str, str]:
    """Return the unit and the meaning of a report's column, from columns.csv
    beside the reports; a user's own column may have none.
    """
    known = known_columns()
    return known.get((report, column)) or known.get(("", column)) or ("", "")


@cache
def known_columns() -> dict[tuple[str, str], tuple[str, str]]:
    """Return unit and meaning by report and column; a report may be empty:
    the column means that in all others.
    """
    with (sql_dir() / "columns.csv").open(encoding="utf-8") as file:
        return {
            (row["report"], row["column"]): (row["unit"], row["meaning"])
            for row in csv.DictReader(file)
        }


def write_columns(output: Output) -> None:
    """Write columns.csv: what is in each column of the files of a run."""
    with replacing(Path(output.folder, "columns.csv")) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "column", "unit", "meaning"])
        for name, report, column in output.columns:
            unit, text = meaning(report, column)
            if is_duration(column):
                unit = output.unit
            shown = renamed(column, output.unit)
            writer.writerow([name, *map(defused, (shown, unit, text))])


# CSV


def write_csv(
    output: Output, report: str, query: str, files: ExitStack
) -> None:
    """Write a result to a CSV file, or to stdout."""
    name = f"{report}.csv"
    if output.folder == "-":
        file = sys.stdout.buffer
    else:
        path = Path(output.folder, name)
        file = files.enter_context(replacing(path)).buffer
    for number, frame in enumerate(output.engine(query)):
        is_first = number == 0
        text = csv_text(frame, output.unit, output.zone, with_header=is_first)
        file.write(text.encode())
    file.flush()
    output.told(name, report, frame.columns)


def csv_text(
    frame: pandas.DataFrame,
    unit: str,
    zone: tzinfo = timezone.utc,
    *,
    with_header: bool,
) -> str:
    """Return a result as a CSV file has it.

    Until Python 3.13 a carriage return is quoted only if rows end in one, too.
    No text has a NUL, so that it tells the ends of rows from those in texts.
    """
    text: str = readable(frame, unit, zone).to_csv(
        index=False, header=with_header, lineterminator="\r\n\0"
    )
    return text.replace("\r\n\0", "\n")


def readable(
    frame: pandas.DataFrame, unit: str, zone: tzinfo
) -> pandas.DataFrame:
    """Return a result as people read it: times in ISO 8601, hours of their time
    zone, durations in their unit, text that no spreadsheet runs.
    """
    shown = in_unit(frame, unit)
    for name, column in frame.items():
        kind = kind_of(column)
        if kind == "text":
            if any(text != defused(text) for text in column.dropna().unique()):
                shown[name] = column.map(defused)
        elif kind == "hour":
            shown[name] = iso_8601(column, zone)
        elif kind == "week":
            shown[name] = iso_8601(column).str.removesuffix("T00:00:00Z")
        elif kind == "time":
            shown[name] = iso_8601(column)
    return shown.set_axis(
        [defused(renamed(str(name), unit)) for name in frame.columns], axis=1
    )


def iso_8601(
    seconds: pandas.Series[Any], zone: tzinfo = timezone.utc
) -> pandas.Series[Any]:
    """Return seconds since 1970 as 2017-04-20T12:00:00+02:00, those in UTC as
    2017-04-20T10:00:00Z; unknown ones stay.
    """
    from numpy import datetime_as_string

    known = seconds.to_numpy("int64", na_value=0)
    texts = seconds.astype(object)
    if zone is timezone.utc:
        moments = known.astype("datetime64[s]")
        texts[:] = datetime_as_string(moments, unit="s", timezone="UTC")
    else:
        texts[:] = [
            local(second, zone).isoformat() for second in known.tolist()
        ]
    return texts.where(seconds.notna())


def defused(value: Any) -> Any:
    """Return *value*, with a ' before text that a spreadsheet would run.

    A NUL, which many readers of CSV refuse (and Python's own writer before
    3.11), becomes the replacement character.
    """
    if not isinstance(value, str):
        return value
    value = value.replace("\0", "\ufffd")
    is_formula = value.startswith(FORMULA_STARTS) and not is_number(value)
    return f"'{value}" if is_formula else value


# Excel


@contextmanager
def workbook(output: Output) -> Iterator[Write]:
    """Make tickets.xlsx, and yield what writes a sheet of it."""
    import xlsxwriter

    target = Path(output.folder, WORKBOOK)
    with replacing(target) as file, TemporaryDirectory() as folder:
        book = xlsxwriter.Workbook(
            file.buffer, {"constant_memory": True, "tmpdir": folder}
        )
        styles = {
            "header": book.add_format({"bold": True}),
            "week": book.add_format({"num_format": "yyyy-mm-dd"}),
            "time": book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
        }
        styles["hour"] = styles["time"]

        def write(report: str, query: str, files: ExitStack) -> None:
            name = sheet_name(report, book.sheetnames)
            sheet = book.add_worksheet(name)
            rows = 0
            for frame in output.engine(query):
                shown = in_unit(frame, output.unit)
                if not rows:
                    write_header(sheet, frame, output.unit, styles)
                fitting = shown.head(max(0, SHEET_ROWS - 1 - rows))
                write_cells(sheet, rows + 1, fitting, output.zone, styles)
                rows += len(frame)
            sheet.autofilter(
                0, 0, min(rows, SHEET_ROWS - 1), len(frame.columns) - 1
            )
            if rows >= SHEET_ROWS:
                write_csv(output, report, query, files)
                sheet.name = sheet_name(f"cut {name}", book.sheetnames)
                output.notes.append(
                    f"{target}: its sheet {sheet.name!r} has the first"
                    f" {SHEET_ROWS - 1:,} of {rows:,} rows, as many as Excel"
                    f" takes; {report}.csv has all of them"
                )
            output.told(f"{WORKBOOK}: {sheet.name}", report, frame.columns)

        yield write
        book.close()


def sheet_name(report: str, taken: Iterable[str]) -> str:
    """Return a name that Excel takes, and that no other sheet has: at most 31
    letters, whatever their case.
    """
    allowed = re.sub(r"[\[\]:*?/\\']", "_", report)
    used = {"history", *(name.lower() for name in taken)}
    name, number = allowed[:31], 1
    while name.lower() in used:
        number += 1
        name = f"{allowed[: 30 - len(str(number))]}~{number}"
    return name


def write_header(
    sheet: Any, frame: pandas.DataFrame, unit: str, styles: Mapping[str, Any]
) -> None:
    """Write the names of the columns, which stay in sight."""
    for place, column in enumerate(map(str, frame.columns)):
        name = renamed(column, unit)
        sheet.write_string(0, place, name[:CELL_LETTERS], styles["header"])
        width = 20 if is_time(column) else min(max(len(name) + 4, 10), 40)
        sheet.set_column(place, place, width)
    sheet.freeze_panes(1, 0)


def write_cells(
    sheet: Any,
    row: int,
    frame: pandas.DataFrame,
    zone: tzinfo,
    styles: Mapping[str, Any],
) -> None:
    """Write rows from *row* on: dates as dates, text never as a formula."""
    cells = [excel_values(column, zone) for _, column in frame.items()]
    formats = [styles.get(time_kind(str(name))) for name in frame.columns]
    for number, values in enumerate(zip(*cells, strict=True), row):
        for place, value in enumerate(values):
            if isinstance(value, str):
                sheet.write_string(number, place, value)
            elif value is not None:
                sheet.write_number(number, place, value, formats[place])


def excel_values(column: pandas.Series[Any], zone: tzinfo) -> list[Any]:
    """Return a column's values as Excel holds them; None where unknown."""
    kind = kind_of(column)
    of_excel: Callable[[Any], Any] = excel_value
    if kind not in ("text", "number"):
        own_zone = zone if kind == "hour" else timezone.utc
        of_excel = partial(excel_date, zone=own_zone)
    values = column.astype(object).where(column.notna(), None)
    return [None if value is None else of_excel(value) for value in values]


def excel_date(second: int, zone: tzinfo) -> float | str:
    """Return local time as days since 1900; before, as text."""
    from numpy import datetime64

    second += utc_offset(second, zone)
    days = second / DAY + EXCEL_DAYS_BEFORE_1970
    if FIRST_EXCEL_DAY <= days < LAST_EXCEL_DAY + 1:
        return days
    return str(datetime64(second, "s"))


def excel_value(value: Any) -> float | str:
    """Return a number, or text in place of one that Excel would round."""
    if isinstance(value, float) and isfinite(value):
        return value
    if isinstance(value, int) and abs(value) < EXACT:
        return value
    text = str(value).replace("\0", "\ufffd")
    is_long = len(text) > CELL_LETTERS
    return f"{text[: CELL_LETTERS - 1]}\u2026" if is_long else text


# Parquet


def write_parquet(
    output: Output, report: str, query: str, files: ExitStack
) -> None:
    """Write a result to a Parquet file, with a type for each column."""
    from pyarrow import ArrowException

    name = f"{report}.parquet"
    file = files.enter_context(replacing(Path(output.folder, name))).buffer
    try:
        columns = write_typed(output, report, query, file)
    except ArrowException as error:
        raise QueryError(f"not for Parquet ({error})") from error
    file.flush()
    output.told(name, report, columns)


def write_typed(
    output: Output, report: str, query: str, file: BinaryIO
) -> list[str]:
    """Write a result to a Parquet file; return its columns.

    Rows wait in a temporary file, since SQLite tells a column's type only by
    its values: the last one may be a fraction, or the only one that is known.
    """
    import pyarrow
    from pyarrow import parquet

    with TemporaryFile() as waiting:
        schemas = []
        for frame in output.engine(query):
            table = arrow_table(frame, output)
            pickle.dump(table, waiting)
            schemas.append(table.schema)
        columns: list[str] = schemas[0].names
        types = [known_type(schemas, report, name, output) for name in columns]
        names = [renamed(column, output.unit) for column in columns]
        schema = pyarrow.schema(zip(names, types, strict=True))
        waiting.seek(0)
        tables = (
            pickle.load(waiting).rename_columns(names).cast(schema)
            for _ in schemas
        )
        with parquet.ParquetWriter(file, schema) as writer:
            while group := [*islice(tables, GROUP_CHUNKS)]:
                writer.write_table(pyarrow.concat_tables(group))
    return columns


def arrow_table(frame: pandas.DataFrame, output: Output) -> pyarrow.Table:
    """Return a result with the types that its values tell."""
    import pyarrow

    columns = {}
    for label, column in in_unit(frame, output.unit).items():
        name, kind = str(label), kind_of(column)
        if kind == "text":
            column = column.astype(object)
        elif kind == "week":
            column = (column // DAY).astype("Int32")
        array = pyarrow.array(column, from_pandas=True)
        if kind not in ("text", "number"):
            array = array.cast(date_type(name, output))
        columns[name] = array
    return pyarrow.table(columns)


def date_type(name: str, output: Output) -> pyarrow.DataType | None:
    """Return the type of a column of times, None for another one."""
    import pyarrow

    kind = time_kind(name)
    if kind == "week":
        return pyarrow.date32()
    zone = output.zone if kind == "hour" else timezone.utc
    return pyarrow.timestamp("s", tz=str(zone)) if kind else None


def known_type(
    schemas: Sequence[pyarrow.Schema], report: str, name: str, output: Output
) -> pyarrow.DataType:
    """Return the type that values told or, where none is known, the name."""
    import pyarrow

    told = {schema.field(name).type for schema in schemas} - {pyarrow.null()}
    if len(told) == 1:
        return told.pop()
    if told:
        is_number = told == {pyarrow.int64(), pyarrow.float64()}
        return pyarrow.float64() if is_number else pyarrow.string()
    if date := date_type(name, output):
        return date
    if is_duration(name) and output.unit != "seconds":
        return pyarrow.float64()
    is_text = meaning(report, name)[0] in ("", "text")
    return pyarrow.string() if is_text else pyarrow.int64()
