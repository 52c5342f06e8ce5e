"""Make many exports for the benchmark: in a process of its own, whose memory
is not taken for that of the works.

    python tests/benchmarks/exports.py hours day.json FOLDER 86400

writes 24 exports, from the first hours of a day to all of it, each with its
window so many seconds after that of the one before.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from freshdesk import format_timestamp, parse_timestamp

HOURS = 24
SMALL_EXPORTS, SMALL_EXPORT = 1_000, 10  # exports, and activities in each

Record = dict[str, Any]


def hours(day: str) -> Iterator[list[Record]]:
    """Yield the records of a day as they are after each hour's share."""
    records = json.loads(Path(day).read_bytes())["activities_data"]
    for hour in range(1, HOURS + 1):
        yield records[: len(records) * hour // HOURS]


def small(start: str) -> Iterator[list[Record]]:
    """Yield the records of tickets that are set Pending and Open in turn."""
    for ticket in range(SMALL_EXPORTS):
        yield [
            {
                "performed_at": moved(start, 60 * minute),
                "ticket_id": ticket,
                "performer_type": "user",
                "performer_id": 149_018,
                "activity": {"status": "Pending" if minute % 2 else "Open"},
            }
            for minute in range(SMALL_EXPORT)
        ]


def moved(moment: str, seconds: int) -> str:
    return format_timestamp(parse_timestamp(moment) + seconds)


def write(records: list[Record], later: int, path: Path) -> None:
    """Write an export of records, so many seconds *later*."""
    data = [
        r | {"performed_at": moved(r["performed_at"], later)} for r in records
    ]
    metadata = {
        "start_at": data[0]["performed_at"],
        "end_at": data[-1]["performed_at"],
        "activities_count": len(data),
    }
    whole = {"metadata": metadata, "activities_data": data}
    path.write_text(json.dumps(whole))


if __name__ == "__main__":
    kind, source, folder, apart = sys.argv[1:]
    Path(folder).mkdir()
    for number, records in enumerate(
        {"hours": hours, "small": small}[kind](source)
    ):
        write(records, number * int(apart), Path(folder, f"{number:04}.json"))
