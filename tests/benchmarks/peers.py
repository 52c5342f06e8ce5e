"""What the benchmark measures the three scripts against, one process each.

    python tests/benchmarks/peers.py duckdb_load export.json export.duckdb

does one piece of work and prints what it did and the seconds that it took in
the process, start-up and imports not counted:

    {"activities": 1000000, "seconds": 8.1, "cpu_seconds": 8.0}

Each peer is used as its manual teaches, and as fast as that goes.
"""

from __future__ import annotations

import gc
import json
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

SQL = Path(__file__).parent / "sql"
METRICS = (
    "time_spent_open",
    "time_spent_waiting_on_customer",
    "time_spent_waiting_for_response",
    "time_till_resolution",
    "time_to_first_response",
)
REPORTS = (*METRICS, "ticket_metrics", "time_in_status")

Answer = dict[str, Any]
Record = dict[str, Any]


def records_of(export: Path) -> list[Record]:
    """Return the export's records as Python objects, all of them at once."""
    gc.disable()  # or it looks for cycles again and again among millions
    records: list[Record] = json.loads(export.read_bytes())["activities_data"]
    return records


# Generating


def dumps(export: Path) -> Answer:
    """Turn records that are already built into JSON text; write nothing."""
    records = records_of(export)
    started = clocks()
    for record in records:
        json.dumps(record)
    return answer(len(records), started)


def faker(target: Path, activities: int) -> Answer:
    """Make records as many generators do: a call of Faker for each field."""
    from faker import Faker

    started = clocks()
    fake = Faker()
    with target.open("w", encoding="utf-8") as file:
        for number in range(activities):
            # every other one is a note, as in the generated helpdesks
            activity = faked_note(fake) if number % 2 else faked_state(fake)
            json.dump(faked_record(fake, activity), file)
            file.write(",\n")
    return answer(activities, started)


def faked_record(fake: Any, activity: Record) -> Record:
    moment = fake.date_time_between(start_date="-1d", end_date="now")
    return {
        "performed_at": moment.strftime("%d-%m-%Y %H:%M:%S +0000"),
        "ticket_id": fake.random_int(600, 200_000),
        "performer_type": fake.random_element(("user", "system")),
        "performer_id": fake.random_int(149_000, 200_000),
        "activity": activity,
    }


def faked_note(fake: Any) -> Record:
    note = {"id": fake.random_int(1, 9_999_999), "type": fake.random_int(0, 4)}
    return {"note": note}


def faked_state(fake: Any) -> Record:
    element = fake.random_element
    return {
        "shipping_address": fake.address(),
        "shipment_date": fake.date_object().strftime("%d %b, %Y"),
        "category": element(("Phone", "Computer", "Accessory")),
        "contacted_customer": fake.boolean(),
        "issue_type": element(("Question", "Incident", "Problem")),
        "source": fake.random_int(1, 12),
        "status": element(("Open", "Pending", "Resolved", "Closed")),
        "priority": fake.random_int(1, 4),
        "group": element(("Refund", "Logistics", "Customer Care")),
        "agent_id": fake.random_int(149_000, 150_000),
        "requester": fake.random_int(150_000, 200_000),
        "product": element(("mobile", "laptop", "tablet")),
    }


# Loading, and DuckDB's queries


def duckdb_load(export: Path, database: Path) -> Answer:
    """Load as the manual has it: DuckDB guesses the types."""
    return duckdb_work(database, export, "guess_types")


def duckdb_load_declared(export: Path, database: Path) -> Answer:
    """Load with every type declared beforehand."""
    return duckdb_work(database, export, "declare_types")


def duckdb_query(database: Path, output_dir: Path) -> Answer:
    """Write the reports from a table that is already loaded."""
    return duckdb_work(database, output_dir=output_dir)


def duckdb_both(export: Path, database: Path, output_dir: Path) -> Answer:
    return duckdb_work(database, export, "guess_types", output_dir)


def duckdb_both_declared(
    export: Path, database: Path, output_dir: Path
) -> Answer:
    return duckdb_work(database, export, "declare_types", output_dir)


def duckdb_work(
    database: Path,
    export: Path | None = None,
    types: str = "",
    output_dir: Path | None = None,
) -> Answer:
    """Load an export, or write the reports, or both."""
    import duckdb

    started = clocks()
    with duckdb.connect(str(database)) as connection:
        if export:
            # One JSON object can be that long, and DuckDB has to be told.
            size = max(export.stat().st_size, 2**24)
            connection.execute("set variable export = ?", [str(export)])
            connection.execute("set variable size = ?", [size])
            connection.execute(read_sql_file(f"duckdb/{types}"))
            connection.execute(read_sql_file("duckdb/load"))
        if output_dir:
            duckdb_reports(connection, output_dir)
        ((activities,),) = connection.execute(
            "select count(*) from activities"
        ).fetchall()
    return answer(activities, started)


def duckdb_reports(
    connection: duckdb.DuckDBPyConnection, output_dir: Path
) -> None:
    """Compute the metrics once, and write the seven files from them."""
    output_dir.mkdir(exist_ok=True)
    connection.execute(read_sql_file("duckdb/metrics"))
    queries = {
        metric: f"select ticket_id, {metric}_seconds from ticket_metrics"
        " order by ticket_id"
        for metric in METRICS
    }
    queries["ticket_metrics"] = "from ticket_metrics order by ticket_id"
    queries["time_in_status"] = read_sql_file("duckdb/time_in_status")
    for report, query in queries.items():
        file = str(output_dir / f"{report}.csv").replace("'", "''")
        connection.execute(f"copy ({query}) to '{file}' (header)")


def sqlite_utils(export: Path, database: Path) -> Answer:
    """Insert the records; what is nested in them lies flat in the columns."""
    from sqlite_utils import Database

    started = clocks()
    db = Database(database)
    records = records_of(export)
    columns: dict[str, type] = {}
    for row in map(flat, records[:1000]):
        columns |= {name: type(v) for name, v in row.items() if v is not None}
    table: Any = db["activities"]
    table.create(columns)
    table.insert_all(map(flat, records))
    return answer(table.count, started)


def flat(record: Record) -> Record:
    activity = record["activity"]
    note = activity.get("note")
    changed = activity
    if note:
        changed = {"note_id": note["id"], "note_type": note["type"]}
    row = {**record, **changed}
    del row["activity"]
    return row


def pandas_load(export: Path, database: Path) -> Answer:
    import pandas as pd

    started = clocks()
    frame = pd.json_normalize(records_of(export))
    with closing(sqlite3.connect(database)) as connection:
        frame.to_sql("activities", connection, index=False)
        connection.commit()
    return answer(len(frame), started)


def pandas_query(database: Path, output_dir: Path) -> Answer:
    """Write the reports from our database, with pandas alone."""
    from pandas_reports import write_reports

    started = clocks()
    return answer(write_reports(database, output_dir), started)


# The script


def read_sql_file(name: str) -> str:
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")


def clocks() -> tuple[float, float]:
    """Return the time of the wall and of the processor."""
    return time.perf_counter(), time.process_time()


def answer(activities: int, started: tuple[float, float]) -> Answer:
    """Return what was done since *started*."""
    seconds, cpu_seconds = (
        now - then for now, then in zip(clocks(), started, strict=True)
    )
    return {
        "activities": activities,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
    }


PEERS: dict[str, Callable[..., Answer]] = {
    peer.__name__: peer
    for peer in (
        dumps,
        faker,
        duckdb_load,
        duckdb_load_declared,
        duckdb_query,
        duckdb_both,
        duckdb_both_declared,
        sqlite_utils,
        pandas_load,
        pandas_query,
    )
}


def main(name: str, *arguments: str) -> int:
    done = PEERS[name](
        *(int(text) if text.isdigit() else Path(text) for text in arguments)
    )
    print(json.dumps(done))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
