"""Cases worked out by hand, through the two command lines and the oracle.

golden_cases.json says of each case why its numbers are what they are.
"""

from __future__ import annotations

import csv
import json
from hashlib import sha256
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from conftest import (
    AGENT,
    CUSTOMER,
    SYSTEM,
    Json,
    activity,
    as_bytes,
    created,
    export,
    ingest,
    ingest_and_query,
    note,
    query,
)
from oracle import METRICS, TICKET_METRICS, recompute

CASES: list[Json] = json.loads(
    Path(__file__).with_name("golden_cases.json").read_text(encoding="utf-8")
)
IN_ANY_ORDER = [
    pytest.param(case, order, id=f"{case['name']}-{number}")
    for case in CASES
    for number, order in enumerate(permutations(case["exports"]))
]
REPLY, FORWARD, _, PRIVATE_NOTE, PUBLIC_NOTE = range(5)
COLLEAGUE = 149019
IN_COPY = 145999


def field(value: Any) -> str:
    """Return *value* as a CSV has it: what is not known is an empty field."""
    return "" if value is None else str(value)


def check(case: Json, reports: dict[str, list[str]]) -> None:
    """Compare whole reports with what was worked out by hand."""
    expected = sorted(case["expected"].items(), key=lambda row: int(row[0]))

    for metric in METRICS:
        assert reports[metric] == [
            f"ticket_id,{metric}_seconds",
            *(f"{ticket},{field(row[metric])}" for ticket, row in expected),
        ]

    rows = list(csv.DictReader(reports["ticket_metrics"]))
    assert [row["ticket_id"] for row in rows] == [row[0] for row in expected]
    for row, (ticket, metrics) in zip(rows, expected, strict=True):
        assert list(row) == TICKET_METRICS
        worked_out = {**metrics, **case["extras"].get(ticket, {})}
        for name, value in worked_out.items():
            column = f"{name}_seconds" if name.startswith("time_") else name
            assert row[column] == field(value), column

    if case["in_status"]:
        header, *lines = reports["time_in_status"]
        assert header == "ticket_id,status,time_in_status_seconds,visits"
        assert sorted(lines) == sorted(
            f"{ticket_and_status.replace('|', ',')},{seconds},{visits}"
            for ticket_and_status, (seconds, visits) in case[
                "in_status"
            ].items()
        )


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize(("case", "order"), IN_ANY_ORDER)
def test_a_case_comes_out_as_worked_out_whatever_the_order_of_its_exports(
    case: Json, order: tuple[Json, ...]
) -> None:
    check(case, ingest_and_query(*order, aliases=case["aliases"]))


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize(("case", "order"), IN_ANY_ORDER)
def test_a_case_comes_out_the_same_when_its_exports_come_one_by_one(
    case: Json, order: tuple[Json, ...]
) -> None:
    for one in order:
        ingest(one)
    if case["aliases"]:
        ingest(aliases=case["aliases"])
    check(case, query())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_oracle_agrees_with_what_was_worked_out(case: Json) -> None:
    exports = [as_bytes(one) for one in case["exports"]]
    check(case, recompute(exports, case["aliases"]))


# The corners of the definitions. Each is a list of exports, and the lines of
# some reports that follow from them.


def corner(sentence: str, *exports: Json, **reports: list[str]) -> Any:
    return pytest.param(exports, reports, id=sentence)


TWELVE_PROPERTIES = {
    "shipping_address": "N/A",
    "shipment_date": "21 Apr, 2017",
    "category": None,
    "contacted_customer": True,
    "issue_type": "Incident",
    "source": 3,
    "status": "Open",
    "priority": 4,
    "group": "refund",
    "agent_id": AGENT,
    "requester": CUSTOMER,
    "product": "mobile",
}
CORNERS = [
    corner(
        "the format's own example: of 600 a note, of 704 the creation",
        export(
            note("21-04-2017 09:33:38 +0000", PUBLIC_NOTE, ticket=600),
            activity(
                "21-04-2017 09:38:24 +0000", ticket=704, **TWELVE_PROPERTIES
            ),
        ),
        ticket_metrics=[
            "600,,,,,,,,,",
            "704,1295,0,0,,,,0,Open,2017-04-21T09:38:24Z",
        ],
        time_in_status=["704,Open,1295,1"],
    ),
    corner(
        "of several marked creations the earliest counts",
        export(
            created("11:00:00"), created("12:00:00"), note("12:10:00", FORWARD)
        ),
        ticket_metrics=["1,82799,0,0,,,,0,Open,2017-04-20T11:00:00Z"],
    ),
    corner(
        "a marked creation counts although another Open stands before it",
        export(
            activity("11:00:00", status="Open", requester_id=CUSTOMER),
            created("11:00:01"),
            activity("11:00:11", status="Closed"),
        ),
        time_till_resolution=["1,10"],
        time_spent_open=["1,11"],
    ),
    corner(
        "an Open that names nobody and no source is no creation",
        export(activity("11:00:00", status="Open", requester_id=None)),
        ticket_metrics=["1,82799,0,0,,,,0,Open,"],
    ),
    corner(
        "an Open that names a requester, or a source in whatever way, is one",
        export(
            activity("11:00:00", ticket=3, status="Open", requester=CUSTOMER),
            activity("11:00:00", status="Open", source=2),
            activity("11:00:00", ticket=2, status="Open", source="Portal"),
        ),
        ticket_metrics=[
            "1,82799,0,0,,,,0,Open,2017-04-20T11:00:00Z",
            "2,82799,0,0,,,,0,Open,2017-04-20T11:00:00Z",
            "3,82799,0,0,,,,0,Open,2017-04-20T11:00:00Z",
        ],
    ),
    corner(
        "an Open after the ticket's first second is no creation",
        export(
            activity("11:00:00", by=SYSTEM, due_by="2017-04-21 11:00"),
            activity("11:00:01", status="Open", requester_id=CUSTOMER),
        ),
        ticket_metrics=["1,82798,0,0,,,,0,Open,"],
    ),
    corner(
        "new_ticket marks a creation only as true",
        export(activity("11:00:00", new_ticket=False, status="Open")),
        ticket_metrics=["1,82799,0,0,,,,0,Open,"],
    ),
    corner(
        "a resolution before the creation counts as 0",
        export(
            activity("10:59:59", status="Closed"),
            created("11:00:00", status="Closed"),
        ),
        ticket_metrics=["1,0,0,0,0,,0,0,Closed,2017-04-20T11:00:00Z"],
        time_in_status=["1,Closed,82800,1"],
    ),
    corner(
        "a note before the creation is no response",
        export(
            note("10:59:59", REPLY),
            created("11:00:00", agent_id=AGENT),
            note("11:00:30", REPLY),
        ),
        time_to_first_response=["1,30"],
    ),
    corner(
        "the creator's own note in the creation second is no response",
        export(
            created("11:00:00", by=AGENT, agent_id=AGENT),
            note("11:00:00", REPLY),
            note("11:00:01", REPLY),
        ),
        time_to_first_response=["1,1"],
    ),
    corner(
        "another agent's note in the creation second is a response",
        export(
            note("11:00:00", REPLY, by=COLLEAGUE),
            created("11:00:00", by=AGENT, internal_agent_id=COLLEAGUE),
        ),
        time_to_first_response=["1,0"],
    ),
    corner(
        "someone in copy is not an agent",
        export(created("11:00:00"), note("11:10:00", REPLY, by=IN_COPY)),
        time_to_first_response=["1,"],
    ),
    corner(
        "an agent who asks for something is a customer in that ticket",
        export(
            created("11:00:00", by=AGENT, requester_id=AGENT),
            note("11:10:00", REPLY),
            note("11:20:00", PRIVATE_NOTE),
            note("11:30:00", REPLY, by=COLLEAGUE),
            created("11:00:00", ticket=2, agent_id=AGENT),
            note("11:10:00", REPLY, ticket=2),
            note("11:20:00", FORWARD, ticket=2, by=COLLEAGUE),
        ),
        time_to_first_response=["1,1800", "2,600"],
    ),
    corner(
        "whoever either form's name tells of is a requester",
        export(
            created("11:00:00", requester_id=CUSTOMER, requester=AGENT),
            note("11:10:00", REPLY),
            note("11:20:00", REPLY, by=COLLEAGUE),
            created("11:00:00", ticket=2, agent_id=AGENT),
            note("11:10:00", FORWARD, ticket=2, by=COLLEAGUE),
        ),
        time_to_first_response=["1,1200", "2,"],
    ),
    corner(
        "an agent who is assigned to the own request is an agent in it",
        export(
            created("11:00:00", requester_id=AGENT),
            note("11:10:00", REPLY),
            activity("11:20:00", agent_id=AGENT),
        ),
        time_to_first_response=["1,600"],
    ),
    corner(
        "whoever is the internal agent of the own request is an agent in it",
        export(
            created("11:00:00", requester_id=AGENT, internal_agent_id=AGENT),
            note("11:10:00", REPLY),
        ),
        time_to_first_response=["1,600"],
    ),
    corner(
        "a user without an id is the system",
        export(
            created("11:00:00", agent_id=AGENT),
            {**note("11:10:00", REPLY), "performer_id": None},
            {**note("11:20:00", REPLY), "performer_type": "system"},
            note("11:30:00", REPLY),
        ),
        time_to_first_response=["1,1800"],
    ),
    corner(
        "what the system forwards makes nobody an agent",
        export(
            created("11:00:00"),
            {**note("11:10:00", FORWARD), "performer_type": "system"},
            note("11:20:00", REPLY),
        ),
        time_to_first_response=["1,"],
    ),
    corner(
        "a status that is set again goes on; null and blank are no status",
        export(
            created("11:00:00"),
            activity("11:10:00", status=" oPEN "),
            activity("11:20:00", status=None),
            activity("11:30:00", status="\t "),
            activity("12:00:00", status="WAITING  for\u00a0customer"),
        ),
        time_in_status=["1,Open,3600,1", "1,Waiting on Customer,79199,1"],
    ),
    corner(
        "labels that nobody mapped differ by case but not by white space",
        export(
            created("11:00:00", status="On hold"),
            activity("12:00:00", status=" On  hold"),
            activity("13:00:00", status="on hold"),
        ),
        time_in_status=["1,On hold,7200,1", "1,on hold,75599,1"],
    ),
    corner(
        "a label that a spreadsheet would run is defused, and quoted if needed",
        export(
            created("11:00:00", status="=1+1"),
            activity("12:00:00", status='@"home", today'),
        ),
        time_in_status=["1,'=1+1,3600,1", '1,"\'@""home"", today",79199,1'],
    ),
    corner(
        "a visit of 0 s breaks a resolution, and is a reopening",
        export(
            created("11:00:00"),
            activity("12:00:00", status="Resolved"),
            activity("13:00:00", status="Open"),
            activity("13:00:00", status="Closed"),
        ),
        ticket_metrics=["1,3600,0,0,7200,,3600,1,Closed,2017-04-20T11:00:00Z"],
    ),
    corner(
        "a step to a label that nobody mapped is a reopening",
        export(
            created("11:00:00"),
            activity("12:00:00", status="Resolved"),
            activity("13:00:00", status="Parked"),
        ),
        ticket_metrics=["1,3600,0,0,,,3600,1,Parked,2017-04-20T11:00:00Z"],
    ),
    corner(
        "the clock does not stop before the last activity",
        export(created("11:00:00"), end_at="10:30:00"),
        export(created("12:00:00", ticket=2), end_at="10:40:00"),
        time_spent_open=["1,3600", "2,0"],
    ),
    corner(
        "offsets are honoured, in the window as well",
        export(
            created("20-04-2017 16:30:00 +0530"),
            activity("20-04-2017 07:00:00 -0500", status="Pending"),
            end_at="20-04-2017 15:00:00 +0200",
        ),
        time_spent_open=["1,3600"],
        time_spent_waiting_for_response=["1,3600"],
    ),
    corner(
        "within a second the creation stands first wherever it is in the file",
        export(activity("11:00:00", status="Pending"), created("11:00:00")),
        time_in_status=["1,Open,0,1", "1,Pending,82799,1"],
    ),
    corner(
        "an activity repeated within its second stands where it stood first",
        export(
            created("11:00:00"),
            activity("12:00:00", status="Pending"),
            activity("12:00:00", status="Closed"),
            activity("12:00:00", status="Pending"),
        ),
        ticket_metrics=["1,3600,0,0,3600,,3600,0,Closed,2017-04-20T11:00:00Z"],
        time_in_status=["1,Closed,79199,1", "1,Open,3600,1", "1,Pending,0,1"],
    ),
    corner(
        "an activity of two exports takes its place from the earlier one",
        export(
            activity("12:00:00", status="Closed"),
            activity("12:00:00", status="Pending"),
        ),
        export(
            created("11:00:00"),
            activity("12:00:00", status="Pending"),
            start_at="09:00:00",
        ),
        time_in_status=["1,Closed,79199,1", "1,Open,3600,1", "1,Pending,0,1"],
    ),
    corner(
        "of two exports that start together the one that ends first is first",
        export(activity("12:00:00", status="Open"), end_at="15:00:00"),
        export(activity("12:00:00", status="Resolved"), end_at="14:00:00"),
        export(activity("12:00:00", status="Pending"), end_at="13:00:00"),
        export(activity("12:00:00", status="Closed"), end_at="12:00:00"),
        ticket_metrics=["1,10800,0,0,,,,2,Open,"],
    ),
    corner(
        "a system record is the same with performer_id null or without one",
        export(
            created("11:00:00"),
            activity("12:00:00", by=SYSTEM, status="Closed"),
            activity("12:00:00", status="Open"),
            {
                **activity("12:00:00", by=SYSTEM, status="Closed"),
                "performer_id": None,
            },
        ),
        time_in_status=["1,Closed,0,1", "1,Open,82799,2"],
    ),
    corner(
        "activities that differ by a number's type are two",
        export(
            created("11:00:00"),
            activity("12:00:00", status="Closed", cost=1),
            activity("12:00:00", status="Open"),
            activity("12:00:00", status="Closed", cost=1.0),
            activity("12:00:00", status="Open", cost=True),
            activity("12:00:00", status="Closed", cost=True),
        ),
        time_in_status=["1,Closed,79199,3", "1,Open,3600,3"],
    ),
]


CORNERS += [
    corner(
        "a ticket counts under the last value that an activity named",
        export(
            created("10:00:00", priority=1, group="Refund", agent_id=AGENT),
            note("10:00:10", REPLY),
            activity("10:30:00", priority=4, status="Closed"),
            created("10:00:00", ticket=2, priority=2, product="mobile"),
            note("10:00:21", REPLY, ticket=2),
            activity("11:00:00", ticket=2, priority=4, group=None),
            note("12:00:00", PRIVATE_NOTE, ticket=3),
        ),
        ticket_properties=[
            f"1,Urgent,Refund,{AGENT},,Email",
            "2,Urgent,(none),,mobile,Email",
            "3,,,,,",
        ],
        # the mean of 10 and 21 s is 15.5, rounded 16
        metrics_by_priority=[
            "Urgent,2,2,1,0,1,10,21,16,1800,1800,1800",
            ",1,0,0,0,0,,,,,,",
        ],
        metrics_by_group=[
            "Refund,1,1,1,0,0,10,10,10,1800,1800,1800",
            "(none),1,1,0,0,1,21,21,21,,,",
            ",1,0,0,0,0,,,,,,",
        ],
    ),
    corner(
        "hours without activity are there, and the backlog is what is open",
        export(
            activity("09:59:59", ticket=1, status="Open"),  # too early
            created("10:10:00", ticket=2),
            activity("10:20:00", ticket=2, status="Resolved"),
            activity("12:59:59", ticket=2, status="Open"),
            note("12:00:00", PRIVATE_NOTE, ticket=3),
            start_at="10:30:00",
            end_at="13:00:00",
        ),
        tickets_by_hour=[
            "2017-04-20T10:00:00Z,1,0,1,0,1",
            "2017-04-20T11:00:00Z,0,0,0,0,1",
            "2017-04-20T12:00:00Z,0,0,0,1,2",
            "2017-04-20T13:00:00Z,0,0,0,0,2",
        ],
    ),
    corner(
        "the time before a step is that of the last visit",
        export(
            created("10:00:00"),
            activity("10:00:05", status="Pending"),
            activity("10:00:05", status="Open"),
            activity("10:00:06", status="Open"),
            activity("10:00:15", status="Pending"),
        ),
        status_transitions=["Open,Pending,2,5", "Pending,Open,1,0"],
    ),
]


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize(("exports", "expected"), CORNERS)
def test_in_the_corners_of_the_definitions(
    exports: tuple[Json, ...], expected: dict[str, list[str]]
) -> None:
    oracle = recompute(map(as_bytes, exports))
    reports = ingest_and_query(*exports)
    for name, rows in expected.items():
        assert oracle[name][1:] == rows
        assert reports[name][1:] == rows


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.usefixtures("workplace")
def test_of_exports_of_the_same_window_the_lowest_sha_256_is_first(
    way: int,
) -> None:
    exports = [
        export(activity("12:00:00", status=status))
        for status in ["Open", "Pending", "Closed", "Resolved"]
    ]
    exports.sort(key=lambda one: sha256(as_bytes(one)).hexdigest())
    last = exports[-1]["activities_data"][0]["activity"]["status"]
    row = ingest_and_query(*exports[::way])["ticket_metrics"][1]
    assert row.endswith(f",{last},")


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize("mapped", ["before", "together", "after"])
def test_a_mapped_label_counts_whenever_it_was_mapped(mapped: str) -> None:
    aliases = {"esperando por el cliente": "Waiting on Customer", "a=b": "Open"}
    exports = [
        export(
            created("11:00:00", status="A=B"),
            activity("12:00:00", status="Esperando  por el CLIENTE "),
            activity("13:00:00", status="Waiting on Customer"),
            activity("14:00:00", status="Résolu"),
        )
    ]
    if mapped == "before":
        ingest(aliases=aliases)
    ingest(*exports, aliases=aliases if mapped == "together" else None)
    if mapped == "after":
        ingest(aliases=aliases)
    assert query()["time_in_status"] == [
        "ticket_id,status,time_in_status_seconds,visits",
        "1,Open,3600,1",
        "1,Résolu,71999,1",
        "1,Waiting on Customer,7200,1",
    ]
    assert query() == recompute(map(as_bytes, exports), aliases)
