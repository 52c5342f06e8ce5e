"""What the tests share: hand-made exports, and the scripts run on them.

A test reads like this:

    def test_a_ticket_closed_at_once(workplace: Path) -> None:
        reports = ingest_and_query(
            export(created("10:00:00"), activity("10:05:00", status="Closed"))
        )
        assert reports["time_till_resolution"][1:] == ["1,300"]
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import export_json  # noqa: E402
import sql_queries  # noqa: E402

# A process in the background may ignore Ctrl-C, and so would its children.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Would hide a fault: text that waits in a buffer when the disk is full.
os.environ.pop("PYTHONUNBUFFERED", None)

# HYPOTHESIS_PROFILE=campaign tries many more examples.
settings.register_profile(
    "default", max_examples=60, deadline=None, print_blob=True
)
settings.register_profile(
    "campaign", max_examples=5_000, deadline=None, print_blob=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

Json = dict[str, Any]

CUSTOMER = 145423
AGENT = 149018
SYSTEM = None

# Each writes a CSV file; a test compares its lines, the header first.
REPORTS = [
    "event_log",
    "metrics_by_agent",
    "metrics_by_field",
    "metrics_by_group",
    "metrics_by_priority",
    "metrics_by_product",
    "metrics_by_source",
    "metrics_by_week",
    "open_tickets",
    "resolved_by_due_date",
    "response_times",
    "status_paths",
    "status_transitions",
    "ticket_metrics",
    "ticket_properties",
    "tickets_by_hour",
    "time_in_status",
    "time_per_agent",
    "time_per_group",
    "time_spent_open",
    "time_spent_waiting_for_response",
    "time_spent_waiting_on_customer",
    "time_till_resolution",
    "time_to_first_response",
]
# The reports that exist only with business_hours.json, or sla_policies.json.
BUSINESS_REPORTS = [
    "metrics_by_agent_business",
    "metrics_by_group_business",
    "metrics_by_priority_business",
    "metrics_by_week_business",
    "ticket_metrics_business",
    "time_in_status_business",
]
SLA_REPORTS = ["sla", "sla_by_priority"]
# The reports that have a row for every ticket, and one metric.
METRIC_REPORTS = [
    name
    for name in REPORTS
    if name.startswith(("time_spent_", "time_till_", "time_to_"))
]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory that the test stands in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Hand-made exports


def timestamp(when: str) -> str:
    """Return "10:30:00" as a time of 20 April 2017; a whole one as it is."""
    return when if "-" in when else f"20-04-2017 {when} +0000"


def activity(
    when: str, *, ticket: int = 1, by: int | None = AGENT, **changes: Any
) -> Json:
    """Return a record: activity("10:05:00", by=SYSTEM, status="Closed")."""
    record: Json = {
        "performed_at": timestamp(when),
        "ticket_id": ticket,
        "performer_type": "user",
        "performer_id": by,
        "activity": changes,
    }
    if by is SYSTEM:
        record["performer_type"] = "system"
        del record["performer_id"]
    return record


def note(
    when: str,
    kind: int,
    *,
    ticket: int = 1,
    by: int | None = AGENT,
    note_id: int = 1,
) -> Json:
    """Return a record: note("10:05:00", REPLY, by=CUSTOMER)."""
    changes = {"note": {"id": note_id, "type": kind}}
    return activity(when, ticket=ticket, by=by, **changes)


def created(
    when: str, *, ticket: int = 1, by: int | None = CUSTOMER, **changes: Any
) -> Json:
    """Return the record of a ticket's creation, in today's form."""
    properties = {
        "new_ticket": True,
        "status": "Open",
        "source": 1,
        "requester_id": CUSTOMER,
    }
    return activity(when, ticket=ticket, by=by, **{**properties, **changes})


def export(
    *activities: Json, start_at: str = "10:00:00", end_at: str | None = None
) -> Json:
    """Return an export of these records, of the day from 10:00 on."""
    return {
        "metadata": {
            "start_at": timestamp(start_at),
            "end_at": timestamp(end_at or "21-04-2017 09:59:59 +0000"),
            "activities_count": len(activities),
        },
        "activities_data": list(activities),
    }


def write_export(path: Path | str, export: Json | bytes | str) -> Path:
    """Write an export to *path*, as it is or as JSON, and return *path*."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(as_bytes(export))
    return path


def as_bytes(export: Json | bytes | str) -> bytes:
    if isinstance(export, dict):
        export = json.dumps(export, ensure_ascii=False)
    if isinstance(export, str):
        return export.encode("utf-8", "surrogatepass")
    return export


# The scripts, in process


def ingest(
    *exports: Json | bytes,
    aliases: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> None:
    """Ingest the exports in this order, in one call of export_json."""
    directory = directory or Path.cwd()
    arguments = ["-d", str(directory / "tickets.db")]
    for label, status in (aliases or {}).items():
        arguments.append(f"--status-alias={label}={status}")
    for one in exports:
        name = hashlib.sha256(as_bytes(one)).hexdigest()[:16] + ".json"
        arguments.append(str(write_export(directory / name, one)))
    assert export_json.main(arguments) == 0


def query(directory: Path | None = None, *options: str) -> dict[str, list[str]]:
    """Run every report and return the lines of the CSV of each."""
    directory = directory or Path.cwd()
    outputs = directory / "outputs"
    database = str(directory / "tickets.db")
    arguments = ["-d", database, "-o", str(outputs), *options]
    assert sql_queries.main(arguments) == 0
    assert {*REPORTS} <= {file.stem for file in outputs.iterdir()}
    (outputs / "columns.csv").unlink()  # describes the others
    return {file.stem: lines(file) for file in outputs.glob("*.csv")}


def ingest_and_query(
    *exports: Json | bytes,
    aliases: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> dict[str, list[str]]:
    """Ingest the exports in this order, and return the lines of each CSV."""
    ingest(*exports, aliases=aliases, directory=directory)
    return query(directory)


def lines(path: Path) -> list[str]:
    """Return the lines of a CSV, every one of which ends with a newline."""
    *lines, rest = path.read_bytes().decode("utf-8").split("\n")
    assert rest == "", f"{path} does not end with a newline"
    return lines
