"""The numbers are those of the definitions.

Golden cases are worked out by hand; golden_cases.json says why. Corners are
sentences of the definitions, each with exports and the lines that follow from
them. For whatever exports Hypothesis makes, the CSV files equal the oracle's,
and the laws hold that tie the numbers to each other.
"""

from __future__ import annotations

import csv
import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from hashlib import sha256
from itertools import chain, permutations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest
from conftest import (
    AGENT,
    CUSTOMER,
    METRIC_REPORTS,
    REPORTS,
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
from hypothesis import assume, given
from hypothesis import strategies as st
from oracle import (
    CANONICAL,
    ENDED,
    METRICS,
    OTHER_SPELLINGS,
    iso_8601,
    recompute,
    seconds,
)

import export_json
import sql_queries
import ticket_gen
from freshdesk import (
    EPOCH,
    FORWARD,
    PRIVATE_NOTE,
    REPLY,
    format_timestamp,
    parse_timestamp,
)

CASES: list[Json] = json.loads(
    Path(__file__).with_name("golden_cases.json").read_text(encoding="utf-8")
)
COLLEAGUE = 149019
IN_COPY = 145999


# Golden cases


def check(case: Json, reports: dict[str, list[str]]) -> None:
    """Compare whole reports with the numbers that were worked out by hand."""

    def field(value: Any) -> str:
        return "" if value is None else str(value)

    expected = sorted(case["expected"].items(), key=lambda row: int(row[0]))
    for metric in METRICS:
        assert reports[metric] == [
            f"ticket_id,{metric}_seconds",
            *(f"{ticket},{field(row[metric])}" for ticket, row in expected),
        ]
    rows: dict[str, dict[str, str]] = {}
    for name in ("ticket_properties", "ticket_metrics"):
        for line in table(reports[name]):
            rows.setdefault(line["ticket_id"], {}).update(line)
    for ticket, extras in case["extras"].items():
        for name, value in extras.items():
            column = f"{name}_seconds" if name.startswith("time_") else name
            assert rows[ticket][column] == field(value), column
    if case["in_status"]:
        assert sorted(reports["time_in_status"][1:]) == sorted(
            f"{ticket_and_status.replace('|', ',')},{seconds},{visits}"
            for ticket_and_status, (seconds, visits) in case[
                "in_status"
            ].items()
        )


def table(lines: list[str]) -> list[dict[str, str]]:
    return list(csv.DictReader(lines))


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize(
    ("case", "order"),
    [
        pytest.param(case, order, id=f"{case['name']}-{number}")
        for case in CASES
        for number, order in enumerate(permutations(case["exports"]))
    ],
)
def test_a_case_comes_out_as_worked_out_whatever_the_order_of_its_exports(
    case: Json, order: tuple[Json, ...]
) -> None:
    check(case, ingest_and_query(*order, aliases=case["aliases"]))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_oracle_agrees_with_what_was_worked_out(case: Json) -> None:
    exports = [as_bytes(one) for one in case["exports"]]
    check(case, recompute(exports, case["aliases"]))


# Corners


def corner(sentence: str, *exports: Json, **reports: list[str]) -> Any:
    """Return a sentence, exports, and lines of reports that follow."""
    return pytest.param(exports, reports, id=sentence)


THE_CLOCK = [
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
        "the clock does not stop before the last activity",
        export(created("11:00:00"), end_at="10:30:00"),
        export(created("12:00:00", ticket=2), end_at="10:40:00"),
        time_spent_open=["1,3600", "2,0"],
    ),
]

THE_CREATION = [
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
        "an Open in the first second is a creation if it names a requester or a"
        " source",
        export(
            activity("11:00:00", ticket=1, status="Open", source=2),
            activity("11:00:00", ticket=2, status="Open", source="Portal"),
            activity("11:00:00", ticket=3, status="Open", requester=CUSTOMER),
            activity("11:00:00", ticket=4, status="Open", requester_id=None),
            activity("11:00:00", ticket=5, status="Open", new_ticket=False),
            activity("10:59:59", ticket=6, by=SYSTEM, due_by="tomorrow"),
            activity("11:00:00", ticket=6, status="Open", source=2),
        ),
        ticket_metrics=[
            "1,82799,0,0,,,,0,Open,2017-04-20T11:00:00Z",
            "2,82799,0,0,,,,0,Open,2017-04-20T11:00:00Z",
            "3,82799,0,0,,,,0,Open,2017-04-20T11:00:00Z",
            "4,82799,0,0,,,,0,Open,",
            "5,82799,0,0,,,,0,Open,",
            "6,82799,0,0,,,,0,Open,",
        ],
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
]

THE_FIRST_RESPONSE = [
    corner(
        "a response is a public note after the creation; in its second, of an"
        " agent who is not the creator",
        export(
            note("10:59:59", REPLY),
            created("11:00:00", agent_id=AGENT),
            note("11:00:30", REPLY),
            created("11:00:00", ticket=2, by=AGENT, agent_id=AGENT),
            note("11:00:00", REPLY, ticket=2),
            note("11:00:01", REPLY, ticket=2),
            note("11:00:00", REPLY, ticket=3, by=COLLEAGUE),
            created("11:00:00", ticket=3, by=AGENT, agent_id=COLLEAGUE),
        ),
        time_to_first_response=["1,30", "2,1", "3,0"],
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
        "a person under either form's name is a requester",
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
            created(
                "11:00:00",
                ticket=2,
                requester_id=COLLEAGUE,
                internal_agent_id=COLLEAGUE,
            ),
            note("11:20:00", REPLY, ticket=2, by=COLLEAGUE),
        ),
        time_to_first_response=["1,600", "2,1200"],
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
        "a note that the system forwards makes nobody an agent",
        export(
            created("11:00:00"),
            {**note("11:10:00", FORWARD), "performer_type": "system"},
            note("11:20:00", REPLY),
        ),
        time_to_first_response=["1,"],
    ),
]

WHO_IS_AN_AGENT = [
    corner(
        "whoever sets a status other than Open on somebody else's ticket is an"
        " agent",
        export(
            created("11:00:00"),
            note("11:10:00", REPLY, by=IN_COPY),
            activity("11:10:00", by=IN_COPY, status="Open"),
            note("11:20:00", REPLY, by=COLLEAGUE),
            created("11:00:00", ticket=2),
            activity("11:30:00", ticket=2, by=COLLEAGUE, status="on hold"),
        ),
        time_to_first_response=["1,1200", "2,"],
    ),
    corner(
        "a requester, by either name and whenever named, sets the own ticket's"
        " status as a customer, and so does anyone where no requester is known",
        export(
            activity("11:00:00", by=IN_COPY, status="Closed"),
            activity("11:00:00", requester=IN_COPY, requester_id=CUSTOMER),
            activity("11:00:00", ticket=2, by=COLLEAGUE, status="Closed"),
            activity("11:00:00", ticket=3, by=SYSTEM, status="Closed"),
            created("12:00:00", ticket=4),
            note("12:10:00", REPLY, ticket=4, by=IN_COPY),
            note("12:20:00", REPLY, ticket=4, by=COLLEAGUE),
        ),
        time_to_first_response=["1,", "2,", "3,", "4,"],
    ),
    corner(
        "whoever sends an outbound email to somebody else is an agent",
        export(
            created("11:00:00", by=COLLEAGUE, source=10),
            created("11:00:00", ticket=2, source=10),
            created("11:00:00", ticket=3, by=IN_COPY, source=1),
            created("12:00:00", ticket=4),
            note("12:10:00", REPLY, ticket=4),
            note("12:20:00", REPLY, ticket=4, by=IN_COPY),
            note("12:30:00", REPLY, ticket=4, by=COLLEAGUE),
        ),
        time_to_first_response=["1,", "2,", "3,", "4,1800"],
    ),
]

OUTBOUND: Json = {"by": AGENT, "source": 10, "agent_id": AGENT}
OUTBOUND_EMAILS = [
    corner(
        "nobody has asked anything before a customer or somebody in copy writes"
        " a public note",
        export(
            created("11:00:00", **OUTBOUND),
            note("11:00:01", REPLY),
            note("11:10:00", REPLY, by=SYSTEM),
            activity("11:20:00", status="Closed"),
            activity("11:30:00", by=CUSTOMER, status="Open"),
            note("10:59:59", REPLY, ticket=2, by=CUSTOMER),
            created("11:00:00", ticket=2, **OUTBOUND),
            note("12:00:00", REPLY, ticket=2, by=IN_COPY),
            note("12:00:09", REPLY, ticket=2),
            activity("12:00:10", ticket=2, status="Closed"),
        ),
        ticket_metrics=[
            "1,82199,0,0,,,,0,Open,2017-04-20T11:00:00Z",
            "2,3610,0,0,10,9,10,0,Closed,2017-04-20T11:00:00Z",
        ],
        # the hours count steps, whoever asked
        tickets_by_hour=[
            "2017-04-20T10:00:00Z,0,0,0,0,0",
            "2017-04-20T11:00:00Z,2,0,1,1,2",
            "2017-04-20T12:00:00Z,0,1,1,0,1",
            *(
                f"2017-04-{day:02}T{hour:02}:00:00Z,0,0,0,0,1"
                for day, hours in ((20, range(13, 24)), (21, range(10)))
                for hour in hours
            ),
        ],
    ),
    corner(
        "a run of Resolved and Closed that began before somebody asked is no"
        " resolution, and leaving it no reopening",
        export(
            created("11:00:00", status="Closed", **OUTBOUND),
            note("12:00:00", REPLY, by=CUSTOMER),
            activity("12:00:01", status="Resolved"),
            created("11:00:00", ticket=2, status="Closed", **OUTBOUND),
            note("12:00:00", REPLY, ticket=2, by=CUSTOMER),
            activity("12:01:00", ticket=2, status="Open"),
            activity("12:02:00", ticket=2, status="Closed"),
            activity("12:03:00", ticket=2, status="Open"),
            activity("12:04:00", ticket=2, status="Closed"),
        ),
        ticket_metrics=[
            "1,0,0,0,,,,0,Resolved,2017-04-20T11:00:00Z",
            "2,120,0,0,240,,120,1,Closed,2017-04-20T11:00:00Z",
        ],
    ),
    corner(
        "what happens in the second in which somebody asked counts, wherever it"
        " stands in it",
        export(
            created("11:00:00", **OUTBOUND),
            activity("12:00:00", status="Closed"),
            note("12:00:00", REPLY),
            note("12:00:00", REPLY, by=CUSTOMER),
            activity("12:00:00", status="Open"),
            note("11:00:00", REPLY, ticket=2, by=CUSTOMER),
            note("11:00:00", REPLY, ticket=2),
            created("11:00:00", ticket=2, **OUTBOUND),
            note("11:00:09", REPLY, ticket=2),
        ),
        ticket_metrics=[
            "1,82799,0,0,,0,0,1,Open,2017-04-20T11:00:00Z",
            "2,82799,0,0,,9,,0,Open,2017-04-20T11:00:00Z",
        ],
    ),
    corner(
        "a ticket is an outbound email by its creation alone",
        export(
            created("11:00:00", agent_id=AGENT),
            activity("11:00:01", source=10),
            created("11:00:00", ticket=2, **OUTBOUND),
            activity("11:00:01", ticket=2, source=1),
            activity("11:00:00", ticket=3, status="Open", source=10),
            *(note("11:00:09", REPLY, ticket=ticket) for ticket in (1, 2, 3)),
        ),
        time_to_first_response=["1,9", "2,", "3,"],
    ),
]

THE_STATUS = [
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
        "the time before a step is the time of the last visit",
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

ORDER_AND_IDENTITY = [
    corner(
        "within a second the creation stands first wherever it is in the file",
        export(
            activity("11:00:00", status="Pending"),
            created("11:00:00"),
            activity("10:00:00", ticket=2, status="Open"),
            activity("10:00:01", ticket=2, status="Closed"),
            activity("10:00:01", ticket=2, status="Open"),
            created("10:00:01", ticket=2),
        ),
        time_in_status=[
            "1,Open,0,1",
            "1,Pending,82799,1",
            "2,Closed,0,1",
            "2,Open,86399,2",
        ],
        status_transitions=[
            "Closed,Open,1,0",
            "Open,Closed,1,1",
            "Open,Pending,1,0",
        ],
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
        "a property is the same under either form's name",
        export(
            created("11:00:00"),
            activity("12:00:00", status="Closed", requester=CUSTOMER),
            activity("12:00:00", status="Open"),
            activity("12:00:00", status="Closed", requester_id=CUSTOMER),
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

MANY_TICKETS = [
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
            f"1,Urgent,Refund,{AGENT},,Email,",
            "2,Urgent,(none),,mobile,Email,",
            "3,,,,,,",
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
        "values stand in the order of their codes, then nothing, then unknown",
        export(
            *(
                activity("10:00:00", ticket=ticket, priority=priority)
                for ticket, priority in enumerate([12, "High", 4, None, 1])
            ),
            note("10:00:00", REPLY, ticket=5),
        ),
        metrics_by_priority=[
            f"{priority},1,0,0,0,0,,,,,,"
            for priority in ["Low", "Urgent", 12, "High", "(none)", ""]
        ],
    ),
    corner(
        "a value of an odd type shows its JSON, and nothing is told from a text"
        " that looks like it",
        export(
            created("10:00:00", group=True, product=1.0, source=[1]),
            created("10:00:00", ticket=2, group={"b": 1, "a": "é"}, source=[]),
            created("10:00:00", ticket=3, group=None, priority=10**25),
            created("10:00:00", ticket=4, group={"group": None}, source=[None]),
        ),
        ticket_properties=[
            "1,,true,,1.0,[1],",
            '2,,"{""a"":""é"",""b"":1}",,,[],',
            "3,10000000000000000000000000,(none),,,Email,",
            '4,,"{""group"":null}",,,[null],',
        ],
    ),
    corner(
        "a NUL does not end a text",
        export(
            created("10:00:00", status="on\0hold"),
            *(
                activity("10:00:00", group=text, product=text, source=text)
                for text in ["\0", "a\0b"]
            ),
            created("10:00:00", ticket=2, group="\\u0000", product="\0"),
        ),
        time_in_status=["1,on\ufffdhold,86399,1", "2,Open,86399,1"],
        ticket_properties=[
            "1,,a\ufffdb,,a\ufffdb,a\ufffdb,",
            "2,,\\u0000,,\ufffd,Email,",
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
]

SET_ASIDE = [
    corner(
        "a deleted ticket and spam keep their rows, and count nowhere else; a"
        " restored one counts",
        export(
            created("10:00:00", priority=1),
            *(
                record
                for ticket in (2, 3, 4)
                for record in (
                    created("10:00:00", ticket=ticket, priority=1),
                    note("10:00:09", REPLY, ticket=ticket),
                    activity("11:00:00", ticket=ticket, status="Closed"),
                )
            ),
            activity("12:00:00", ticket=2, deleted=True),
            activity("12:00:00", ticket=3, spam=True, agent_id=AGENT),
            activity("12:00:00", ticket=4, deleted=True, spam=True),
            activity("12:00:01", ticket=4, spam=False),
            activity("12:00:00", deleted=True),
            activity("12:00:00", deleted=False),
            activity("10:00:00", ticket=5, spam=True),
            created("10:00:00", ticket=5, spam=False),
            end_at="12:30:00",
        ),
        time_till_resolution=["1,", "2,3600", "3,3600", "4,3600", "5,"],
        ticket_properties=[
            "1,Low,,,,Email,",
            "2,Low,,,,Email,deleted",
            f"3,Low,,{AGENT},,Email,spam",
            "4,Low,,,,Email,deleted",
            "5,,,,,Email,spam",
        ],
        metrics_by_priority=["Low,1,0,0,0,1,,,,,,"],
        metrics_by_agent=[",1,0,0,0,1,,,,,,"],
        status_transitions=[],
        tickets_by_hour=[
            "2017-04-20T10:00:00Z,1,0,0,0,1",
            "2017-04-20T11:00:00Z,0,0,0,0,1",
            "2017-04-20T12:00:00Z,0,0,0,0,1",
        ],
    ),
]

CORNERS = [
    *THE_CLOCK,
    *THE_CREATION,
    *THE_FIRST_RESPONSE,
    *WHO_IS_AN_AGENT,
    *OUTBOUND_EMAILS,
    *THE_STATUS,
    *ORDER_AND_IDENTITY,
    *MANY_TICKETS,
    *SET_ASIDE,
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
def test_of_exports_that_start_together_the_lowest_sha_256_is_first(
    way: int,
) -> None:
    exports = [
        export(activity("12:00:00", status=status), end_at=f"{hour}:00:00")
        for hour, status in enumerate(
            ["Open", "Pending", "Closed", "Resolved"], start=12
        )
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


# Made-up exports: few tickets, people, statuses and seconds, so that they meet
# in every way, in both forms, in several overlapping files

Pick = Callable[[Sequence[Any]], Any]  # returns one of some values

START = seconds("20-04-2017 10:00:00 +0000")
MOMENTS = [0, 0, 0, 1, 1, 2, 60, 3_600, 7_200, 43_200, 86_399, 90_000]
WINDOWS = [0, 0, 3_600, 86_399]
OFFSETS = ["+0000", "+0000", "-0500", "+0530", "+1300"]

TICKETS = [1, 1, 1, 2, 600_000_000_001]
ASKING = [11, 11, 12]
HELPING = [149_000_000_018, 149_000_000_018, 12]
COPIED = [13, 13, 14]  # until they do what only agents do
PERFORMERS = [
    *({"performer_type": "user", "performer_id": n} for n in ASKING),
    *({"performer_type": "user", "performer_id": n} for n in HELPING),
    *({"performer_type": "user", "performer_id": n} for n in COPIED),
    {"performer_type": "system"},
    {"performer_type": "system", "performer_id": None},
    {"performer_type": "system", "performer_id": HELPING[0]},
    {"performer_type": "user", "performer_id": None},
]


def spellings(label: str) -> list[str]:
    spaced = [f" {label}\t", label.replace(" ", " \u00a0 ")]
    return [label, label, label.upper(), label.lower(), *spaced]


# Labels that a user may have mapped, in the user's spelling.
ALIASES = {
    "parked": "Pending",
    "=1+1": "Waiting on Customer",
    "Én  espera": "Waiting on Third Party",
    "解決": "Resolved",
    "Re\u0301solu": "解決",
    "Awaiting vendor": "With supplier",
}
OTHERS = ["With supplier", "R\u00e9solu", 'the "old", one']
LABELS = [*CANONICAL, *OTHER_SPELLINGS, *ALIASES, *OTHERS]
STATUSES = [spelling for label in LABELS for spelling in spellings(label)]
GROUPS = [None, "refund", '"group":null', "", "=1+1", 7, {"é": [1.0]}]
PRODUCTS = ["mobile", None, "製品", "(none)", " ", True]
NOTES = [
    {"id": note_id, "type": kind}
    for note_id in (1, 2)
    for kind in (0, 4, 0, 4, 3, 1, 2, 5, 6)
]
FORM_OF_2017 = {
    "shipping_address": ["N/A"],
    "shipment_date": ["21 Apr, 2017"],
    "category": [None],
    "contacted_customer": [True, False],
    "issue_type": ["Incident"],
    "source": [3, None, "Phone", 10],
    "status": [*STATUSES, None],
    "priority": [1, 2],
    "group": GROUPS,
    "agent_id": [None, *HELPING],
    "requester": [None, *ASKING],
    "product": PRODUCTS,
}
TODAYS_FORM = {
    "new_ticket": [True, True, False],
    "status": [*STATUSES, None, "", " \n"],
    "source": [1, None, "Bot", 10**25, 10, "10"],
    "requester": ASKING,
    "requester_id": [None, *ASKING],
    "issue_type": ["Incident"],
    "ticket_type": ["Incident"],
    "agent_id": [None, *HELPING],
    "internal_agent_id": [None, *HELPING],
    "priority": [2, 4, 11, None, "High", "2", 1.0, [1]],
    "group": GROUPS,
    "product": PRODUCTS,
    "¿Urgente?": [1, 1.0, True, "1", None, [1, "a,b"], {"é": []}],
    # no property of the ticket, whatever its keys
    "association": [{"group": None, "priority": 1}],
}
CREATION = {"status": spellings("Open"), "requester_id": ASKING}
OF_A_CREATION = {"new_ticket": [True], "source": [1], "agent_id": HELPING}
OUTBOUND_EMAIL = {
    "new_ticket": [True],
    "status": ["Open", "Closed"],
    "source": [10],
}
ASKED_AND_SENT = {"requester_id": ASKING, "agent_id": HELPING}
MARKS = {"deleted": [True, False, None], "spam": [False, True, 1]}
# When an activity happens, properties that it names, and some that it may name.
KINDS: list[tuple[list[int], Json, Json]] = [
    (MOMENTS, {"note": NOTES}, {}),
    (MOMENTS[:7], {"note": NOTES}, {}),
    (MOMENTS, {"status": STATUSES}, {}),
    (MOMENTS, FORM_OF_2017, {}),
    (MOMENTS, {}, TODAYS_FORM),
    (MOMENTS[:6], CREATION, OF_A_CREATION),
    (MOMENTS[:6], CREATION, OF_A_CREATION),
    (MOMENTS[:6], OUTBOUND_EMAIL, ASKED_AND_SENT),
    (MOMENTS, {}, MARKS),
]


def made_up_record(pick: Pick) -> Json:
    """Return a record whose time is in seconds."""
    moments, named, optional = pick(KINDS)
    named = named | {n: optional[n] for n in optional if pick([True, False])}
    return {
        "performed_at": START + pick(moments),
        "ticket_id": pick(TICKETS),
        **pick(PERFORMERS),
        "activity": {name: pick(values) for name, values in named.items()},
    }


def made_up_export(pick: Pick, pool: Sequence[Json]) -> bytes:
    """Return an export of records of the pool, in any order."""

    def at(moment: int) -> str:
        """Return a time as the export writes it, at any offset from UTC."""
        offset = pick(OFFSETS)
        away = int(offset[:3]) * 3_600 + int(offset[0] + offset[3:]) * 60
        local = iso_8601(moment + away)
        year, month, day = local[:10].split("-")
        return f"{day}-{month}-{year} {local[11:19]} {offset}"

    def turned(value: Json) -> Json:
        """Return the same object, its keys in the one or the other order."""
        return dict(pick([list, reversed])([*value.items()]))

    chosen = [pick(pool) for _ in range(pick(range(17)) if pool else 0)]
    if pick([True, False]):
        chosen.sort(key=lambda record: record["performed_at"])
    start, end = sorted([START + pick(WINDOWS), START + pick(WINDOWS)])
    metadata = {
        "start_at": at(start),
        "end_at": at(end),
        "activities_count": len(chosen),
    }
    records = [
        turned(
            {
                **record,
                "performed_at": at(record["performed_at"]),
                "activity": turned(record["activity"]),
            }
        )
        for record in chosen
    ]
    return json.dumps(
        turned({"metadata": metadata, "activities_data": records}),
        ensure_ascii=pick([True, False]),
        indent=pick([None, 1]),
    ).encode()


def made_up_exports(pick: Pick) -> list[bytes]:
    """Return one to four exports that have records in common."""
    pool = [made_up_record(pick) for _ in range(pick(range(25)))]
    return [made_up_export(pick, pool) for _ in range(pick([1, 2, 3, 4]))]


def made_up_aliases(pick: Pick) -> dict[str, str]:
    return {n: ALIASES[n] for n in ALIASES if pick([True, False])}


@st.composite
def overlapping_exports(draw: st.DrawFn) -> list[bytes]:
    return made_up_exports(lambda values: draw(st.sampled_from(values)))


@st.composite
def mappings(draw: st.DrawFn) -> dict[str, str]:
    return made_up_aliases(lambda values: draw(st.sampled_from(values)))


@contextmanager
def workplace_in_memory() -> Iterator[Path]:
    """Make an empty directory, in memory if possible: no disk is waited for."""
    memory = Path("/dev/shm")
    usable = memory.is_dir() and os.access(memory, os.W_OK)
    with TemporaryDirectory(dir=memory if usable else None) as directory:
        yield Path(directory)


# Equal to the oracle


@given(overlapping_exports(), mappings(), st.data())
def test_every_csv_equals_the_oracle_however_the_exports_are_ingested(
    files: list[bytes], aliases: dict[str, str], data: st.DataObject
) -> None:
    """In any order, some twice, in one call or several, in pieces of any size;
    labels mapped before, between or after them.
    """
    twice = data.draw(st.lists(st.sampled_from(files), max_size=2))
    order = data.draw(st.permutations([*files, *twice]))
    calls = data.draw(st.integers(1, len(order)))
    mapped = data.draw(st.integers(0, calls))
    small = data.draw(st.integers(1, 9) | st.just(20_000))
    with (
        workplace_in_memory() as place,
        patch.multiple(
            export_json, READ_SIZE=small * 13, BATCH_ROWS=small, ENDS_SIZE=300
        ),
        patch.object(sql_queries, "CHUNK_ROWS", small),
    ):
        for call in range(calls):
            ingest(
                *order[call::calls],
                aliases=aliases if call == mapped else None,
                directory=place,
            )
        if aliases and mapped == calls:
            ingest(aliases=aliases, directory=place)
        assert query(place) == recompute(files, aliases)


PEOPLE = ("requester", "requester_id", "agent_id", "internal_agent_id")


def apart(record: Json, number: int) -> Json:
    """Return a record with a ticket and people of its own story's number."""

    def own(person: int | None) -> int | None:
        return None if person is None else person + number * 1_000

    changes = record["activity"]
    people = {name: own(changes[name]) for name in PEOPLE if name in changes}
    return {
        **record,
        "performed_at": format_timestamp(record["performed_at"]),
        "ticket_id": record["ticket_id"] + number * 1_000,
        "performer_id": own(record.get("performer_id")),
        "activity": {**changes, **people},
    }


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize("seed", range(2))
def test_hundreds_of_stories_in_one_database_equal_the_oracle(
    seed: int,
) -> None:
    pick = random.Random(seed).choice
    halves: tuple[list[Json], list[Json]] = ([], [])
    for number in range(400):
        for _ in range(pick(range(5, 15))):
            pick(halves).append(apart(made_up_record(pick), number))
    exports = [export(*half) for half in halves]
    assert ingest_and_query(*exports) == recompute(map(as_bytes, exports))


def generated(directory: Path, form: str, days: int) -> list[bytes]:
    """Generate a helpdesk of 300 tickets, and return its exports by name."""
    options = f"-n 300 --seed 7 --end-at 2026-03-03T12:00:00Z --form {form}"
    output = ["-o", str(directory / "activities.json"), f"--days={days}"]
    assert ticket_gen.main([*options.split(), *output]) == 0
    return [file.read_bytes() for file in sorted(directory.glob("*.json"))]


@pytest.mark.parametrize("days", [1, 3])
@pytest.mark.parametrize("form", ["readme", "today"])
def test_generated_days_equal_the_oracle(
    workplace: Path, form: str, days: int
) -> None:
    exports = generated(workplace, form, days)
    assert len(exports) == days
    reports = ingest_and_query(*reversed(exports))
    assert len(reports["ticket_metrics"]) == 1 + 300
    assert reports == recompute(exports)


# The laws


@given(st.datetimes(timezones=st.just(timezone.utc)))
def test_a_time_is_written_as_it_is_read(moment: datetime) -> None:
    moment = moment.replace(microsecond=0)
    text = f"{moment:%d-%m}-{moment.year:04} {moment:%H:%M:%S} +0000"
    second = parse_timestamp(text)
    assert second == (moment - EPOCH).total_seconds()
    assert format_timestamp(second) == text


@given(overlapping_exports(), st.sampled_from([1, 2, 3_600, 43_200, 86_399]))
def test_an_export_split_into_two_consecutive_ones_says_the_same(
    files: list[bytes], seconds_before_the_cut: int
) -> None:
    whole = json.loads(files[0])
    start, end = whole["metadata"]["start_at"], whole["metadata"]["end_at"]
    cut = seconds(start) + seconds_before_the_cut
    assume(cut <= seconds(end))
    parts: list[list[Json]] = [[], []]
    for record in whole["activities_data"]:
        parts[seconds(record["performed_at"]) >= cut].append(record)
    before, after = parts
    halves = [
        export(*before, start_at=start, end_at=format_timestamp(cut - 1)),
        export(*after, start_at=format_timestamp(cut), end_at=end),
    ]
    with workplace_in_memory() as place:
        reports = ingest_and_query(*halves, directory=place)
    assert reports == recompute(files[:1])


@given(overlapping_exports(), mappings())
def test_the_numbers_agree_with_each_other(
    files: list[bytes], aliases: dict[str, str]
) -> None:
    with workplace_in_memory() as place:
        reports = ingest_and_query(*files, aliases=aliases, directory=place)

    exports = [json.loads(file) for file in files]
    as_of = max(seconds(one["metadata"]["end_at"]) for one in exports)
    tickets = set()
    first_status: dict[str, int] = {}
    for record in chain(*(one["activities_data"] for one in exports)):
        ticket = str(record["ticket_id"])
        second = seconds(record["performed_at"])
        as_of = max(as_of, second)
        tickets.add(ticket)
        if (record["activity"].get("status") or "").strip():
            first = first_status.get(ticket, second)
            first_status[ticket] = min(first, second)

    rows = table(reports["ticket_metrics"])
    assert [row["ticket_id"] for row in rows] == sorted(tickets, key=int)
    seen = [row for row in rows if row["current_status"]]
    assert {row["ticket_id"] for row in seen} == first_status.keys()
    counted = {
        row["ticket_id"]
        for row in table(reports["ticket_properties"])
        if not row["set_aside"]
    }
    is_resolved = Counter(
        row["current_status"] in ENDED
        for row in seen
        if row["ticket_id"] in counted
    )

    # "For each ticket, its seconds over all statuses add up to as_of minus its
    # first known status."
    in_status = table(reports["time_in_status"])
    spent: Counter[str] = Counter()
    for line in in_status:
        assert int(line["time_in_status_seconds"]) >= 0
        spent[line["ticket_id"]] += int(line["time_in_status_seconds"])
    assert spent == {
        ticket: as_of - first for ticket, first in first_status.items()
    }
    # A ticket that takes a step comes to another visit.
    steps = total(table(reports["status_transitions"]), "transitions")
    visits = [row for row in in_status if row["ticket_id"] in counted]
    assert steps == total(visits, "visits") - is_resolved.total()

    # Five reports are columns of ticket_metrics.
    for name in METRIC_REPORTS:
        column = f"{name}_seconds"
        assert reports[name] == [
            f"ticket_id,{column}",
            *(f"{row['ticket_id']},{row[column]}" for row in rows),
        ]

    # However tickets are divided, each is in one part, unless it is set aside.
    for name in REPORTS:
        if name.startswith("metrics_by_"):
            parts = table(reports[name])
            assert total(parts, "tickets") == len(counted)
            assert total(parts, "resolved") == is_resolved[True]
            assert total(parts, "still_open") == is_resolved[False]

    # The last hour is the clock's, and its backlog is still open.
    last_hour = table(reports["tickets_by_hour"])[-1]
    assert last_hour["hour"] == iso_8601(as_of - as_of % 3_600)
    assert int(last_hour["backlog"]) == is_resolved[False]


def total(rows: list[dict[str, str]], column: str) -> int:
    return sum(int(row[column]) for row in rows)
