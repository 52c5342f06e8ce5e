"""Whatever the exports: the CSVs equal the oracle's, and the laws hold.

Hypothesis makes the exports: few tickets, people, statuses and seconds, so that
they meet in every way, in both forms, in several overlapping files.
"""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from conftest import (
    METRIC_REPORTS,
    REPORTS,
    Json,
    ingest,
    ingest_and_query,
    query,
)
from hypothesis import assume, given
from hypothesis import strategies as st
from oracle import iso_8601, recompute, seconds

import export_json
from export_json import decoded
from freshdesk import EPOCH, format_timestamp, parse_timestamp

BREAKDOWNS = [name for name in REPORTS if name.startswith("metrics_by_")]
START = seconds("20-04-2017 10:00:00 +0000")
MOMENTS = [0, 0, 0, 1, 1, 2, 60, 3_600, 7_200, 43_200, 86_399, 90_000]
WINDOWS = [0, 0, 3_600, 86_399]

TICKETS = [1, 1, 1, 2, 600_000_000_001]
ASKING = [11, 11, 12]  # those who mostly ask, and
HELPING = [149_000_000_018, 149_000_000_018, 12]  # who mostly help
LABELS = [
    "Open",
    "Pending",
    "Waiting on Customer",
    "Waiting for Customer",
    "Waiting for Third Party",
    "Resolved",
    "Closed",
    "Parked",
    "=1+1",
    'the "old", one',
    "ÉN ESPERA",
    "解決",
]
# Labels that a user may have mapped, in the user's spelling.
ALIASES = {
    "parked": "Pending",
    "=1+1": "Waiting on Customer",
    "Én  espera": "Waiting on Third Party",
    "解決": "Resolved",
}


# Exports


def respelled(label: str) -> st.SearchStrategy[str]:
    """The label in upper or lower case, with more white space, or as it is."""
    return st.sampled_from(
        [
            label,
            label,
            label.upper(),
            label.lower(),
            f" {label}\t",
            label.replace(" ", " \u00a0 "),
        ]
    )


moments = st.sampled_from([START + moment for moment in MOMENTS])
windows = st.sampled_from([START + moment for moment in WINDOWS])
asking = st.sampled_from(ASKING)
helping = st.sampled_from(HELPING)
labels = st.sampled_from(LABELS).flatmap(respelled)
labels_or_none = labels | labels | labels | st.sampled_from([None, "", " \n"])
json_values = st.sampled_from([1, 1.0, True, "1", None, [1, "a,b"], {"é": []}])

notes = st.fixed_dictionaries(
    {
        "note": st.fixed_dictionaries(
            {
                "id": st.integers(1, 2),
                "type": st.sampled_from([0, 4, 0, 4, 3, 1, 2, 5, 6]),
            }
        )
    }
)
priorities = st.sampled_from([2, 4, 11, None, "High", "2"])
groups = st.sampled_from([None, "refund", '"group":null', "", "=1+1", 7])
products = st.sampled_from(["mobile", None, "製品", "(none)", " "])
twelve_properties = st.fixed_dictionaries(
    {
        "shipping_address": st.just("N/A"),
        "shipment_date": st.just("21 Apr, 2017"),
        "category": st.none(),
        "contacted_customer": st.booleans(),
        "issue_type": st.just("Incident"),
        "source": st.sampled_from([3, None, "Phone"]),
        "status": labels_or_none,
        "priority": st.integers(1, 2),
        "group": groups,
        "agent_id": st.none() | helping,
        "requester": st.none() | asking,
        "product": products,
    }
)
changed_properties = st.fixed_dictionaries(
    {},
    optional={
        "new_ticket": st.sampled_from([True, True, False]),
        "status": labels_or_none,
        "source": st.sampled_from([1, None, "Bot"]),
        "requester_id": st.none() | asking,
        "agent_id": st.none() | helping,
        "internal_agent_id": st.none() | helping,
        "priority": priorities,
        "group": groups,
        "product": products,
        "¿Urgente?": json_values,
        # no property of the ticket, whatever its keys
        "association": st.just({"group": None, "priority": 1}),
    },
)
creations = st.fixed_dictionaries(
    {
        "status": respelled("Open"),
        "requester_id": asking,
    },
    optional={
        "new_ticket": st.just(True),
        "source": st.just(1),
        "agent_id": helping,
    },
)
status_changes = st.fixed_dictionaries({"status": labels})

performers = st.sampled_from(
    [
        *({"performer_type": "user", "performer_id": n} for n in ASKING),
        *({"performer_type": "user", "performer_id": n} for n in HELPING),
        {"performer_type": "system"},
        {"performer_type": "system", "performer_id": None},
        {"performer_type": "system", "performer_id": HELPING[0]},
        {"performer_type": "user", "performer_id": None},
    ]
)


def records_of(
    moments: st.SearchStrategy[int], activities: st.SearchStrategy[Json]
) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(
        {
            "moment": moments,
            "ticket_id": st.sampled_from(TICKETS),
            "performer": performers,
            "activity": activities,
        }
    )


records = st.one_of(
    records_of(moments, notes),
    records_of(moments.filter(lambda moment: moment < START + 61), notes),
    records_of(moments, status_changes),
    records_of(moments, twelve_properties),
    records_of(moments, changed_properties),
    records_of(moments.filter(lambda moment: moment < START + 3), creations),
    records_of(moments.filter(lambda moment: moment < START + 3), creations),
)


@st.composite
def pools(draw: st.DrawFn) -> list[Json]:
    """Records that exports are made of; often many, which meet more."""
    size = draw(st.integers(0, 24))
    return draw(st.lists(records, min_size=size, max_size=size))


offsets = st.sampled_from(["+0000", "+0000", "-0500", "+0530", "+1300"])


def written(moment: int, offset: str) -> str:
    """Return *moment* as the export writes times, at this offset from UTC."""
    away = int(offset[:3]) * 3_600 + int(offset[0] + offset[3:]) * 60
    local = iso_8601(moment + away)
    year, month, day = local[:10].split("-")
    return f"{day}-{month}-{year} {local[11:19]} {offset}"


@st.composite
def shuffled(draw: st.DrawFn, value: Json) -> Json:
    """The same object with its keys in any order."""
    return {key: value[key] for key in draw(st.permutations(list(value)))}


@st.composite
def exports(draw: st.DrawFn, pool: list[Json]) -> bytes:
    """An export that has some records of the pool, in any order."""
    size = draw(st.integers(0, 16)) if pool else 0
    chosen = [draw(st.sampled_from(pool)) for _ in range(size)]
    if draw(st.booleans()):  # mostly, not always, in time order
        chosen.sort(key=lambda record: record["moment"])
    start, end = sorted([draw(windows), draw(windows)])
    activities = []
    for record in chosen:
        activity = {
            "performed_at": written(record["moment"], draw(offsets)),
            "ticket_id": record["ticket_id"],
            **record["performer"],
            "activity": draw(shuffled(record["activity"])),
        }
        activities.append(draw(shuffled(activity)))
    metadata = {
        "start_at": written(start, draw(offsets)),
        "end_at": written(end, draw(offsets)),
        "activities_count": len(activities),
    }
    whole = {"metadata": metadata, "activities_data": activities}
    return json.dumps(
        draw(shuffled(whole)),
        ensure_ascii=draw(st.booleans()),
        indent=draw(st.sampled_from([None, 1])),
    ).encode()


@st.composite
def overlapping_exports(draw: st.DrawFn) -> list[bytes]:
    """One to four exports that have records in common."""
    pool = draw(pools())
    return draw(st.lists(exports(pool), min_size=1, max_size=4))


mappings = st.sets(st.sampled_from(sorted(ALIASES))).map(
    lambda mapped: {label: ALIASES[label] for label in mapped}
)


@contextmanager
def workplaces(number: int) -> Iterator[list[Path]]:
    """Empty directories, in memory if possible, where no disk is waited for."""
    memory = Path("/dev/shm")
    usable = memory.is_dir() and os.access(memory, os.W_OK)
    with TemporaryDirectory(dir=memory if usable else None) as directory:
        places = [Path(directory, str(place)) for place in range(number)]
        for place in places:
            place.mkdir()
        yield places


def table(lines: list[str]) -> list[dict[str, str]]:
    return list(csv.DictReader(lines))


def count(rows: list[dict[str, str]], column: str) -> int:
    return sum(row[column] != "" for row in rows)


def ended_tickets(rows: list[dict[str, str]]) -> int:
    return sum(row["current_status"] in ("Resolved", "Closed") for row in rows)


def known(value: str) -> int | None:
    return int(value) if value else None


# Equal to the oracle


@given(st.data())
def test_every_csv_equals_the_oracle_field_by_field(
    data: st.DataObject,
) -> None:
    files = data.draw(overlapping_exports())
    aliases = data.draw(mappings)
    order = data.draw(st.permutations(files))
    calls = data.draw(st.integers(1, len(order)))
    mapped = data.draw(st.integers(0, calls))  # in this call; or after all
    with workplaces(1) as [place]:
        for call in range(calls):
            ingest(
                *order[call::calls],
                aliases=aliases if call == mapped else None,
                directory=place,
            )
        if mapped == calls and aliases:
            ingest(aliases=aliases, directory=place)
        assert query(place) == recompute(files, aliases)


# Order and identity


@given(st.data())
def test_no_order_of_ingestion_changes_anything(data: st.DataObject) -> None:
    files = data.draw(overlapping_exports())
    other = data.draw(st.permutations(files))
    with workplaces(2) as [one, two]:
        reports = ingest_and_query(*files, directory=one)
        for file in other:
            ingest(file, directory=two)
        assert query(two) == reports


@given(st.data())
def test_an_export_ingested_twice_changes_nothing(data: st.DataObject) -> None:
    files = data.draw(overlapping_exports())
    again = data.draw(st.sampled_from(files))
    with workplaces(1) as [place]:
        reports = ingest_and_query(*files, directory=place)
        assert ingest_and_query(again, directory=place) == reports
        assert ingest_and_query(*files, *files, directory=place) == reports


@given(overlapping_exports(), st.integers(1, 9))
def test_in_how_many_pieces_an_export_is_inserted_changes_nothing(
    files: list[bytes], staged: int
) -> None:
    with workplaces(2) as [one, two]:
        reports = ingest_and_query(*files, directory=one)
        with patch.multiple(
            export_json,
            decoded=partial(decoded, read_size=100),
            BATCH_RECORDS=1,
            STAGED_ACTIVITIES=staged,
        ):
            ingest(*files, directory=two)
        assert query(two) == reports


@given(st.data())
def test_an_export_split_into_two_consecutive_ones_says_the_same(
    data: st.DataObject,
) -> None:
    whole = json.loads(data.draw(exports(data.draw(pools()))))
    start = seconds(whole["metadata"]["start_at"])
    end = seconds(whole["metadata"]["end_at"])
    assume(start < end)
    cut = data.draw(st.integers(start + 1, end) | st.just(START + 3_600))
    assume(start < cut <= end)

    def part(first: int, last: int, activities: list[Any]) -> Json:
        return {
            "metadata": {
                "start_at": written(first, "+0000"),
                "end_at": written(last, "+0000"),
                "activities_count": len(activities),
            },
            "activities_data": activities,
        }

    before: list[Any] = []
    after: list[Any] = []
    for activity in whole["activities_data"]:
        early = seconds(activity["performed_at"]) < cut
        (before if early else after).append(activity)
    halves = [part(start, cut - 1, before), part(cut, end, after)]
    with workplaces(2) as [one, two]:
        reports = ingest_and_query(whole, directory=one)
        assert ingest_and_query(*halves, directory=two) == reports


# The laws


@given(st.datetimes(timezones=st.just(timezone.utc)))
def test_a_time_is_written_as_it_is_read(moment: datetime) -> None:
    moment = moment.replace(microsecond=0)
    text = f"{moment:%d-%m}-{moment.year:04} {moment:%H:%M:%S} +0000"
    second = parse_timestamp(text)
    assert second == (moment - EPOCH).total_seconds()
    assert format_timestamp(second) == text


@given(overlapping_exports(), mappings)
def test_the_numbers_agree_with_each_other(
    files: list[bytes], aliases: dict[str, str]
) -> None:
    with workplaces(1) as [place]:
        reports = ingest_and_query(*files, aliases=aliases, directory=place)

    # The clock, the tickets, and each one's first known status.
    moments = []
    tickets = set()
    first_status: dict[str, int] = {}
    for export in map(json.loads, files):
        moments.append(seconds(export["metadata"]["end_at"]))
        for activity in export["activities_data"]:
            ticket = str(activity["ticket_id"])
            second = seconds(activity["performed_at"])
            moments.append(second)
            tickets.add(ticket)
            if (activity["activity"].get("status") or "").strip():
                first = min(second, first_status.get(ticket, second))
                first_status[ticket] = first
    as_of = max(moments)

    in_status: dict[str, Counter[str]] = {
        ticket: Counter() for ticket in tickets
    }
    visits: dict[str, Counter[str]] = {ticket: Counter() for ticket in tickets}
    for row in table(reports["time_in_status"]):
        ticket, status = row["ticket_id"], row["status"]
        assert status not in in_status[ticket], "one row per ticket and status"
        in_status[ticket][status] = int(row["time_in_status_seconds"])
        visits[ticket][status] = int(row["visits"])

    rows = table(reports["ticket_metrics"])
    assert [row["ticket_id"] for row in rows] == sorted(tickets, key=int)
    for row in rows:
        ticket, current = row["ticket_id"], row["current_status"]
        seen = ticket in first_status

        # "Its seconds over all statuses add up to as_of minus its first known
        # status", each of them 0 at least, and each visited.
        assert sum(in_status[ticket].values()) == (
            as_of - first_status[ticket] if seen else 0
        )
        assert all(spent >= 0 for spent in in_status[ticket].values())
        assert all(number > 0 for number in visits[ticket].values())
        assert (current in visits[ticket]) == seen == (current != "")

        # "0 = seen, but never in this status."
        for metric, status in {
            "time_spent_open": "Open",
            "time_spent_waiting_on_customer": "Waiting on Customer",
            "time_spent_waiting_for_response": "Pending",
        }.items():
            spent = in_status[ticket][status] if seen else None
            assert known(row[f"{metric}_seconds"]) == spent

        # Two visits of one status have another between them.
        total = visits[ticket].total()
        assert all(2 * n <= total + 1 for n in visits[ticket].values())

        # Each reopening leaves a visit that ended the ticket behind, and all
        # but an ended ticket's last run of them were left.
        ended = current in {"Resolved", "Closed"}
        runs = (known(row["reopens"]) or 0) + ended
        endings = visits[ticket]["Resolved"] + visits[ticket]["Closed"]
        assert runs <= endings
        assert (runs > 0) == (endings > 0)
        assert (row["reopens"] != "") == seen

        # Creation and the ends that are counted from it.
        resolution = known(row["time_till_resolution_seconds"])
        first_resolution = known(row["time_till_first_resolution_seconds"])
        response = known(row["time_to_first_response_seconds"])
        created = row["created_at"] != ""
        assert (resolution is not None) == (created and ended)
        assert (first_resolution is not None) == (created and endings > 0)
        assert created or response is None
        assert response is None or response >= 0
        if resolution is not None:
            assert first_resolution is not None
            assert 0 <= first_resolution <= resolution
            if runs == 1:
                assert first_resolution == resolution

    # The five reports are columns of ticket_metrics.
    for name in METRIC_REPORTS:
        column = f"{name}_seconds"
        assert reports[name] == [
            f"ticket_id,{column}",
            *(f"{row['ticket_id']},{row[column]}" for row in rows),
        ]

    # However tickets are divided, all are there, and in one part each.
    for name in BREAKDOWNS:
        parts = table(reports[name])
        for column, number in {
            "tickets": len(rows),
            "answered": count(rows, "time_to_first_response_seconds"),
            "still_open": len(first_status) - ended_tickets(rows),
            "resolved": ended_tickets(rows),
        }.items():
            assert sum(int(part[column]) for part in parts) == number

    # A ticket that takes a step comes to another visit.
    steps = sum(
        int(row["transitions"]) for row in table(reports["status_transitions"])
    )
    assert steps == sum(own.total() for own in visits.values()) - len(
        first_status
    )

    # The last hour is that of the clock, and leaves what is still open.
    hours = table(reports["tickets_by_hour"])
    assert hours[-1]["hour"] == iso_8601(as_of - as_of % 3_600)
    assert int(hours[-1]["backlog"]) == (
        len(first_status) - ended_tickets(rows)
    )
