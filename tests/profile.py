#!/usr/bin/env python3
"""Lay folders of today's exports side by side, in counts: no content is shown.

    python tests/profile.py GENUINE [GENERATED]

The last column is the largest difference of the two: between shares, or
between the shares of values up to each one (Kolmogorov and Smirnov's), in
percentage points.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from freshdesk import (  # noqa: E402
    PUBLIC_NOTE,
    REPLY,
    STATUSES,
    parse_timestamp,
)

PUBLIC_NOTE_TYPES = {REPLY, PUBLIC_NOTE}

# Freshdesk's own keys. Any other key of an activity is a custom field.
OWN_KEYS = {
    *("added_tags", "added_watcher", "agent_id", "association", "automation"),
    *("deleted", "description", "due_by", "group", "internal_agent_id"),
    *("new_ticket", "note", "priority", "product", "removed_tags"),
    *("removed_watcher", "requester_id", "send_email", "send_reply_email"),
    *("sla_policy", "source", "spam", "status", "subject", "thank_you_note"),
    *("thread", "thread_message", "ticket_type"),
}
HOUR = 3600


class Record(NamedTuple):
    second: int
    ticket: int
    is_system: bool
    by: int | None
    keys: str  # the keys of the record, in their order
    activity: dict[str, Any]

    @property
    def ends(self) -> bool:
        return STATUSES.get(self.activity.get("status", ""), False)


class Profile:
    """What a folder of exports of today's form is like."""

    def __init__(self, folder: Path) -> None:
        self.layouts: Counter[str] = Counter()
        self.records: list[Record] = []
        exports = [path.read_text("utf-8") for path in folder.glob("*.json")]
        parsed = [json.loads(text) for text in exports]
        for text, export in zip(exports, parsed, strict=True):
            lines = "one line" if text.count("\n") < 2 else "many lines"
            self.layouts[f"{lines}: {', '.join(export)}"] += 1
        parsed.sort(key=lambda e: parse_timestamp(e["metadata"]["start_at"]))
        for export in parsed:
            self.records += map(read, export["activities_data"])
        self.tickets = defaultdict(list)
        # Within a second the order in the file decides.
        for record in sorted(self.records, key=lambda r: r.second):
            self.tickets[record.ticket].append(record)

    @cached_property
    def shapes(self) -> Counter[str]:
        return Counter(shape(record.activity) for record in self.records)

    @cached_property
    def notes(self) -> list[Record]:
        return [r for r in self.records if "note" in r.activity]

    @cached_property
    def statuses(self) -> list[list[tuple[int, str]]]:
        """Each ticket's statuses, and when each began."""
        found = []
        for history in self.tickets.values():
            visits: list[tuple[int, str]] = []
            for record in history:
                status = record.activity.get("status")
                if status and (not visits or visits[-1][1] != status):
                    visits.append((record.second, status))
            found.append(visits)
        return found

    @cached_property
    def steps(self) -> Counter[str]:
        return Counter(
            f"{before} > {after}"
            for visits in self.statuses
            for (_, before), (_, after) in pairwise(visits)
        )

    @cached_property
    def waits(self) -> dict[str, list[int]]:
        """The seconds of the visits that ended, by status."""
        found = defaultdict(list)
        for visits in self.statuses:
            for (start, status), (end, _) in pairwise(visits):
                found[status].append(end - start)
        return found

    @cached_property
    def created(self) -> dict[int, Record]:
        return {r.ticket: r for r in self.records if "new_ticket" in r.activity}

    def since_creation(self, *, answered: bool) -> list[int]:
        """Seconds to the first response, or to the last resolution if the
        ticket stays resolved.
        """
        found = []
        for number, creation in self.created.items():
            requesters = {
                r.activity["requester_id"]
                for r in self.tickets[number]
                if "requester_id" in r.activity
            }
            end = None
            for record in self.tickets[number]:
                if answered:
                    note = record.activity.get("note", {}).get("type")
                    is_answer = (
                        note in PUBLIC_NOTE_TYPES
                        and not record.is_system
                        and record.by not in requesters
                    )
                    if is_answer and end is None:
                        end = record.second
                elif record.ends:
                    end = record.second if end is None else end
                elif "status" in record.activity:
                    end = None
            if end is not None:
                found.append(max(0, end - creation.second))
        return found

    @cached_property
    def reopened(self) -> float:
        ended = [
            [STATUSES.get(status, False) for _, status in visits]
            for visits in self.statuses
        ]
        return share((True, False) in pairwise(e) for e in ended if any(e))

    @cached_property
    def to_next_status(self) -> list[int]:
        """Seconds from each note to the ticket's next status."""
        found = []
        for history in self.tickets.values():
            next_at = None
            for record in reversed(history):
                if "status" in record.activity:
                    next_at = record.second
                elif "note" in record.activity and next_at is not None:
                    found.append(next_at - record.second)
        return found

    @cached_property
    def simultaneous(self) -> float:
        """The share of records that share ticket and second with another."""
        times = Counter((r.ticket, r.second) for r in self.records)
        return share(times[r.ticket, r.second] > 1 for r in self.records)

    @cached_property
    def inversions(self) -> float:
        """The share of records that are earlier than the one before them."""
        return share(b.second < a.second for a, b in pairwise(self.records))

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield what is compared, and what it is here."""
        yield "files", common(self.layouts)
        yield (
            "order of a record's keys",
            common(Counter(r.keys for r in self.records)),
        )
        yield "tickets; records", f"{len(self.tickets)}; {len(self.records)}"
        sizes = sorted(map(len, self.tickets.values()))
        yield (
            "records per ticket: median, 90 %, most",
            ", ".join(str(at(sizes, q)) for q in (0.5, 0.9, 1)),
        )
        yield (
            "system records",
            percent(share(r.is_system for r in self.records)),
        )
        yield "same ticket and second", percent(self.simultaneous)
        yield "out of time order", percent(self.inversions)
        types = Counter(r.activity["note"]["type"] for r in self.notes)
        yield "note types", common(types)
        yield (
            "notes by the system",
            percent(share(r.is_system for r in self.notes)),
        )
        yield (
            "note to next status > 5 s",
            percent(share(s > 5 for s in self.to_next_status)),
        )
        for name, answered in (("first response", True), ("resolution", False)):
            hours = sorted(self.since_creation(answered=answered))
            yield (
                f"{name}, hours: quartiles, 90 %",
                ", ".join(
                    f"{at(hours, q) / HOUR:.1f}" for q in (0.25, 0.5, 0.75, 0.9)
                ),
            )
        yield "reopened", percent(self.reopened)
        yield "steps", common(self.steps)

    def distributions(self) -> Iterator[tuple[str, list[Any]]]:
        """Yield the values whose distributions are compared."""
        week = 7 * 24 * HOUR
        yield (
            "arrivals by hour of the week",
            [
                # The first of 1970 was a Thursday.
                (r.second + 3 * 24 * HOUR) % week // HOUR
                for r in self.created.values()
            ],
        )
        yield "steps", list(self.steps.elements())
        for status in STATUSES:
            yield f"waits in {status}", self.waits[status]
        notes = Counter(r.ticket for r in self.notes)
        yield "notes per ticket", [notes[number] for number in self.tickets]
        yield "activities per ticket", [len(h) for h in self.tickets.values()]


def read(record: dict[str, Any]) -> Record:
    return Record(
        parse_timestamp(record["performed_at"]),
        record["ticket_id"],
        record["performer_type"] != "user",
        record.get("performer_id"),
        ", ".join(record),
        record["activity"],
    )


def shape(activity: Iterable[str]) -> str:
    """Return the keys in their order; a run of custom fields counts as one."""
    names = (key if key in OWN_KEYS else "custom" for key in activity)
    return " ".join(key for key, _ in groupby(names))


def at(values: Sequence[int], quantile: float) -> int:
    """Return the quantile of sorted values; 0 if there are none."""
    return (
        values[min(len(values) - 1, int(len(values) * quantile))]
        if values
        else 0
    )


def share(found: Iterable[bool]) -> float:
    """Return how many are true, 0 to 1."""
    values = list(found)
    return sum(values) / max(1, len(values))


def percent(part: float) -> str:
    return f"{100 * part:.1f} %"


def common(counts: Counter[Any]) -> str:
    total = max(1, sum(counts.values()))
    return "; ".join(
        f"{name} {100 * n / total:.0f} %" for name, n in counts.most_common(8)
    )


def largest_difference(one: Sequence[Any], other: Sequence[Any]) -> float:
    """Return the largest difference of the two distributions, 0 to 1: of text
    between shares, of numbers between the shares of values up to each.
    """
    if not one or not other:
        return float(bool(one) != bool(other))
    if isinstance(one[0], str):
        shares = [
            {name: n / len(values) for name, n in Counter(values).items()}
            for values in (one, other)
        ]
        names = shares[0].keys() | shares[1].keys()
        return max(
            abs(shares[0].get(n, 0) - shares[1].get(n, 0)) for n in names
        )
    one, other = sorted(one), sorted(other)
    return max(
        abs(
            bisect_right(one, v) / len(one)
            - bisect_right(other, v) / len(other)
        )
        for v in {*one, *other}
    )


def table(profiles: Sequence[Profile]) -> Iterator[list[str]]:
    """Yield the rows to print."""
    for rows in zip(*(p.rows() for p in profiles), strict=True):
        yield [rows[0][0], *(value for _, value in rows)]
    every = set().union(*(p.shapes for p in profiles))
    for shape in sorted(
        every, key=lambda s: -max(p.shapes[s] for p in profiles)
    ):
        yield [f"`{shape}`", *(str(p.shapes[shape]) for p in profiles)]
    if len(profiles) == 2:
        for one, other in zip(
            *(p.distributions() for p in profiles), strict=True
        ):
            difference = largest_difference(one[1], other[1])
            yield [f"largest difference: {one[0]}", percent(difference), ""]


def main(argv: Sequence[str] | None = None) -> int:
    parser = ArgumentParser(prog="profile", description=__doc__.split("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    folders = parser.parse_args(argv).folders[:2]
    print("| |", *(f"{folder.name} |" for folder in folders))
    print("|---|" + "---|" * len(folders))
    for row in table([Profile(folder) for folder in folders]):
        print("|", " | ".join(row), "|")
    return 0


# The standard library's cProfile finds this file where it wants `profile`, and
# takes the text of two of its names.
run = runctx = main

if __name__ == "__main__":
    raise SystemExit(main())
