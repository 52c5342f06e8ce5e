"""The works that the benchmark measures the scripts against, one a process.

    python tests/benchmarks/peers.py duckdb_load guess ./export.json ./duck.db

Each peer is used as its manual teaches, and as fast as that goes.
"""

from __future__ import annotations

import gc
import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

SQL = Path(__file__).parent / "sql"
METRICS = (
    "time_spent_open",
    "time_spent_waiting_on_customer",
    "time_spent_waiting_for_response",
    "time_till_resolution",
    "time_to_first_response",
)
REPORTS = (*METRICS, "ticket_metrics", "time_in_status")

Record = dict[str, Any]


def read_sql(name: str) -> str:
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")


def records_of(export: Path) -> list[Record]:
    """Return the export's records as Python objects, all of them at once."""
    gc.disable()  # or it looks for cycles again and again among millions
    records: list[Record] = json.loads(export.read_bytes())["activities_data"]
    return records


# Generating. These two print their seconds: start-up does not count.


def dumps(export: Path) -> None:
    """Turn records that are already built into JSON text; write nothing."""
    records = records_of(export)
    measure(json.dumps(record) for record in records)


def faker(activities: str, target: Path) -> None:
    """Make records as many generators do: a call of Faker for each field."""
    from faker import Faker

    fake = Faker()
    with target.open("w", encoding="utf-8") as file:
        measure(
            # every other one is a note, as in the generated helpdesks
            file.write(json.dumps(faked(fake, is_note=number % 2 == 1)))
            for number in range(int(activities))
        )


def measure(work: Iterable[object]) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in work:
        pass
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"wall": wall, "cpu": cpu}))


def faked(fake: Any, *, is_note: bool) -> Record:
    moment = fake.date_time_between(start_date="-1d", end_date="now")
    integer, element = fake.random_int, fake.random_element
    record = {
        "performed_at": moment.strftime("%d-%m-%Y %H:%M:%S +0000"),
        "ticket_id": integer(600, 200_000),
        "performer_type": element(("user", "system")),
        "performer_id": integer(149_000, 200_000),
    }
    if is_note:
        note = {"id": integer(1, 9_999_999), "type": integer(0, 4)}
        return record | {"activity": {"note": note}}
    return record | {
        "activity": {
            "shipping_address": fake.address(),
            "shipment_date": fake.date_object().strftime("%d %b, %Y"),
            "category": element(("Phone", "Computer", "Accessory")),
            "contacted_customer": fake.boolean(),
            "issue_type": element(("Question", "Incident", "Problem")),
            "source": integer(1, 12),
            "status": element(("Open", "Pending", "Resolved", "Closed")),
            "priority": integer(1, 4),
            "group": element(("Refund", "Logistics", "Customer Care")),
            "agent_id": integer(149_000, 150_000),
            "requester": integer(150_000, 200_000),
            "product": element(("mobile", "laptop", "tablet")),
        }
    }


# Loading


def duckdb_load(how: str, export: Path, database: Path) -> None:
    """Load with types that DuckDB has to *guess*, or that we *declare*."""
    import duckdb

    with duckdb.connect(str(database)) as connection:
        # One JSON object can be that long, and DuckDB has to be told.
        size = max(export.stat().st_size, 2**24)
        connection.execute("set variable export = ?", [str(export)])
        connection.execute("set variable size = ?", [size])
        connection.execute(read_sql(f"duckdb/{how}_types"))
        connection.execute(read_sql("duckdb/load"))


def duckdb_count(database: Path) -> None:
    """Print how many activities DuckDB has loaded."""
    import duckdb

    with duckdb.connect(str(database)) as connection:
        print(connection.table("activities").shape[0])


def sqlite_utils(export: Path, database: Path) -> None:
    """Insert the records; what is nested in them lies flat in the columns."""
    from sqlite_utils import Database

    records = records_of(export)
    columns: dict[str, type] = {}
    for row in map(flat, records[:1000]):
        columns |= {name: type(v) for name, v in row.items() if v is not None}
    table: Any = Database(database)["activities"]
    table.create(columns)
    table.insert_all(map(flat, records))


def flat(record: Record) -> Record:
    row = record | record["activity"]
    if note := row.pop("note", None):
        row |= {"note_id": note["id"], "note_type": note["type"]}
    del row["activity"]
    return row


def pandas_load(export: Path, database: Path) -> None:
    import pandas as pd

    frame = pd.json_normalize(records_of(export))
    with closing(sqlite3.connect(database)) as connection:
        frame.to_sql("activities", connection, index=False)
        connection.commit()


# Querying


def duckdb_query(database: Path, output_dir: Path) -> None:
    """Write the seven files from a table that DuckDB has loaded."""
    import duckdb

    output_dir.mkdir()
    by_ticket = "from ticket_metrics order by ticket_id"
    queries = {
        metric: f"select ticket_id, {metric}_seconds {by_ticket}"
        for metric in METRICS
    }
    queries["ticket_metrics"] = by_ticket
    queries["time_in_status"] = read_sql("duckdb/time_in_status")
    with duckdb.connect(str(database)) as connection:
        connection.execute(read_sql("duckdb/metrics"))
        for report, query in queries.items():
            file = str(output_dir / f"{report}.csv").replace("'", "''")
            connection.execute(f"copy ({query}) to '{file}' (header)")


def pandas_query(database: Path, output_dir: Path) -> None:
    """Write the seven files from our database, with pandas alone."""
    from pandas_reports import write_reports

    write_reports(database, output_dir)


PEERS: dict[str, Callable[..., None]] = {
    peer.__name__: peer
    for peer in (
        *(dumps, faker, duckdb_load, duckdb_count, sqlite_utils, pandas_load),
        *(duckdb_query, pandas_query),
    )
}

if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    PEERS[name](*(Path(text) if "/" in text else text for text in arguments))
