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
from datetime import date, datetime, timezone
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

import ticket_gen
from freshdesk import (
    EPOCH,
    FORWARD,
    PRIVATE_NOTE,
    REPLY,
    format_timestamp,
    parse_timestamp,
    reader,
    sqlite,
)
from freshdesk.local_time import time_zone

CASES: list[Json] = json.loads(
    Path(__file__).with_name("golden_cases.json").read_text(encoding="utf-8")
)
COLLEAGUE = 149019
IN_COPY = 145999


# Golden cases


def check(case: Json, reports: dict[str, list[str]]) -> None:
    """Compare whole reports with the numbers that were worked out by hand."""
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


def field(value: object) -> str:
    return "" if value is None else str(value)


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
    check(case, recompute(map(as_bytes, order), case["aliases"]))
    check(case, ingest_and_query(*order, aliases=case["aliases"]))


# Corners


def corner(sentence: str, *exports: Json, **reports: list[str]) -> Any:
    """Return a sentence, exports, and lines of reports that follow."""
    return pytest.param(exports, reports, id=sentence)


OUTBOUND: Json = {"by": AGENT, "source": 10, "agent_id": AGENT}
IN_TIME = "20-04-2017 12:00:00 +0000"
CORNERS = [
    # The clock
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
    # The creation
    corner(
        "of several marked creations the earliest counts",
        export(
            created("11:00:00"), created("12:00:00"), note("12:10:00", FORWARD)
        ),
        ticket_metrics=["1,82799,0,0,,,,0,Open,2017-04-20T11:00:00Z,0,0,"],
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
            "1,82799,0,0,,,,0,Open,2017-04-20T11:00:00Z,0,0,",
            "2,82799,0,0,,,,0,Open,2017-04-20T11:00:00Z,0,0,",
            "3,82799,0,0,,,,0,Open,2017-04-20T11:00:00Z,0,0,",
            "4,82799,0,0,,,,0,Open,,0,0,",
            "5,82799,0,0,,,,0,Open,,0,0,",
            "6,82799,0,0,,,,0,Open,,0,0,",
        ],
    ),
    corner(
        "a resolution before the creation counts as 0",
        export(
            activity("10:59:59", status="Closed"),
            created("11:00:00", status="Closed"),
        ),
        ticket_metrics=["1,0,0,0,0,,0,0,Closed,2017-04-20T11:00:00Z,0,0,0"],
        time_in_status=["1,Closed,82800,1"],
    ),
    # The first response
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
    # Who is an agent
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
    # Outbound emails
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
            "1,82199,0,0,,,,0,Open,2017-04-20T11:00:00Z,1,0,",
            "2,3610,0,0,10,9,10,0,Closed,2017-04-20T11:00:00Z,1,2,1",
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
            "1,0,0,0,,,,0,Resolved,2017-04-20T11:00:00Z,0,1,",
            "2,120,0,0,240,,120,1,Closed,2017-04-20T11:00:00Z,0,1,0",
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
            "1,82799,0,0,,0,0,1,Open,2017-04-20T11:00:00Z,1,1,",
            "2,82799,0,0,,9,,0,Open,2017-04-20T11:00:00Z,1,1,",
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
    # The status
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
        ticket_metrics=[
            "1,3600,0,0,7200,,3600,1,Closed,2017-04-20T11:00:00Z,0,0,0"
        ],
    ),
    corner(
        "a step to a label that nobody mapped is a reopening",
        export(
            created("11:00:00"),
            activity("12:00:00", status="Resolved"),
            activity("13:00:00", status="Parked"),
        ),
        ticket_metrics=["1,3600,0,0,,,3600,1,Parked,2017-04-20T11:00:00Z,0,0,"],
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
    # Order and identity
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
        ticket_metrics=[
            "1,3600,0,0,3600,,3600,0,Closed,2017-04-20T11:00:00Z,0,0,0"
        ],
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
    # Many tickets
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
            f"1,Urgent,Refund,{AGENT},,,Email,",
            "2,Urgent,(none),,,mobile,Email,",
            "3,,,,,,,",
        ],
        # the mean of 10 and 21 s is 15.5, rounded 16
        metrics_by_priority=[
            "Urgent,2,2,2,1,1,0,1,10,21,16,1800,1800,1800",
            ",1,0,0,0,0,0,0,,,,,,",
        ],
        metrics_by_group=[
            "Refund,1,1,1,1,1,0,0,0,10,10,10,1800,1800,1800",
            "(none),1,1,1,0,0,0,1,0,21,21,21,,,",
            ",1,0,0,0,0,0,0,0,,,,,,",
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
            f"{priority},1,0,0,0,0,0,0,,,,,,"
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
            "1,,true,,,1.0,[1],",
            '2,,"{""a"":""é"",""b"":1}",,,,[],',
            "3,10000000000000000000000000,(none),,,,Email,",
            '4,,"{""group"":null}",,,,[null],',
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
            "1,,a\ufffdb,,,a\ufffdb,a\ufffdb,",
            "2,,\\u0000,,,\ufffd,Email,",
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
    # Set aside
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
            "1,Low,,,,,Email,",
            "2,Low,,,,,Email,deleted",
            f"3,Low,,{AGENT},,,Email,spam",
            "4,Low,,,,,Email,deleted",
            "5,,,,,,Email,spam",
        ],
        metrics_by_priority=["Low,1,1,0,0,0,0,1,,,,,,"],
        metrics_by_agent=[",,1,1,0,0,0,0,1,0,,,,,,"],
        status_transitions=[],
        tickets_by_hour=[
            "2017-04-20T10:00:00Z,1,0,0,0,1",
            "2017-04-20T11:00:00Z,0,0,0,0,1",
            "2017-04-20T12:00:00Z,0,0,0,0,1",
        ],
    ),
    # Weeks and fields
    corner(
        "an hour that no export covers is unknown, not 0",
        export(created("10:10:00"), end_at="10:59:59"),
        export(
            created("11:30:00", ticket=2),
            activity("12:30:00", status="Closed"),
            start_at="12:30:00",
            end_at="12:59:59",
        ),
        tickets_by_hour=[
            "2017-04-20T10:00:00Z,1,0,0,0,1",
            "2017-04-20T11:00:00Z,,,,,",
            "2017-04-20T12:00:00Z,0,0,1,0,1",
        ],
        metrics_by_week=["2017-04-17,0,2,0,1,0,1,,,8400,8400,1"],
    ),
    corner(
        "a week begins on Monday; what happened in it explains its backlog, but"
        " for tickets first seen in it; its times are of the tickets created in"
        " it",
        export(
            created("23-04-2017 11:00:00 +0000", agent_id=AGENT),
            note("23-04-2017 11:30:00 +0000", REPLY),
            activity("24-04-2017 08:00:00 +0000", ticket=2, status="Pending"),
            created("24-04-2017 08:00:00 +0000", ticket=3),
            note("24-04-2017 08:00:40 +0000", REPLY, ticket=3),
            activity("24-04-2017 08:10:00 +0000", ticket=3, status="Resolved"),
            activity("24-04-2017 09:00:00 +0000", status="Closed"),
            activity("24-04-2017 09:30:00 +0000", status="Open"),
            start_at="23-04-2017 10:00:00 +0000",
            end_at="24-04-2017 09:59:59 +0000",
        ),
        export(
            activity("10-05-2017 12:00:00 +0000", ticket=2, status="Closed"),
            start_at="08-05-2017 00:00:00 +0000",
            end_at="14-05-2017 23:59:59 +0000",
        ),
        metrics_by_week=[
            "2017-04-17,0,1,1,0,0,1,1800,1800,,,1",
            "2017-04-24,1,1,1,2,1,2,40,40,600,600,1",
            "2017-05-01,,,,,,,,,,,1",
            "2017-05-08,2,0,0,1,0,1,,,,,0",
        ],
    ),
    corner(
        "a field's rows add up to all tickets that count; Freshdesk's own keys"
        " are no fields",
        export(
            created("10:00:00", ticket_type="Incident", **{"Urgente?": "no"}),
            activity("10:30:00", automation={}, **{"Urgente?": "sí"}),
            activity("11:00:00", status="Closed"),
            created("10:00:00", ticket=2, **{"Urgente?": "no"}, category="A"),
            activity("11:00:00", ticket=2, **{"Urgente?": None}, category=None),
            created("10:00:00", ticket=3, é=True, added_tags=["a"]),
            created("10:00:00", ticket=4, **{"Urgente?": "sí"}, spam=True),
        ),
        metrics_by_field=[
            "Urgente?,sí,1,1,0,1,1,0,0,,,,3600,3600,3600",
            "Urgente?,(none),1,1,0,0,0,0,1,,,,,,",
            "Urgente?,,1,1,0,0,0,0,1,,,,,,",
            "category,(none),1,1,0,0,0,0,1,,,,,,",
            "category,,2,2,0,1,1,0,1,,,,3600,3600,3600",
            "issue_type,Incident,1,1,0,1,1,0,0,,,,3600,3600,3600",
            "issue_type,,2,2,0,0,0,0,2,,,,,,",
            "é,true,1,1,0,0,0,0,1,,,,,,",
            "é,,2,2,0,1,1,0,1,,,,3600,3600,3600",
        ],
    ),
    # Who had it
    corner(
        "a ticket is held by one group and one agent at a time while its known"
        " status is neither Resolved nor Closed; whoever had it before another"
        " has handed it over",
        export(
            created("09:00:00", group="A", agent_id=AGENT),
            activity("10:00:00", group="B"),
            activity("10:30:00", status="Pending"),
            activity("11:00:00", status="Resolved"),
            activity("12:00:00", status="Open"),
            activity("12:20:00", group="A", agent_id=None),
            activity("12:40:00", agent_id=COLLEAGUE),
            activity("12:40:00", agent_id=AGENT),
            created("10:00:00", ticket=2),
            activity("11:00:00", ticket=2, group="A"),
            activity("12:00:00", ticket=2, group=None),
            note("10:00:00", PRIVATE_NOTE, ticket=3),
            activity("11:00:00", ticket=3, status="Pending"),
            activity("12:00:00", ticket=3, group="A"),
            note("10:00:00", PRIVATE_NOTE, ticket=4),
            activity("12:00:00", ticket=4, status="Closed", group="B"),
            created("10:00:00", ticket=5, group="A", agent_id=AGENT, spam=True),
            activity("11:00:00", ticket=5, group="B"),
            start_at="09:00:00",
            end_at="13:00:00",
        ),
        time_per_group=[
            "1,A,6000,6000,2",
            "1,B,4800,3000,1",
            "2,A,3600,3600,1",
            "2,(none),7200,7200,2",
            "3,A,3600,0,1",
            "3,,3600,0,1",
            "4,B,0,0,1",
            "5,A,3600,3600,1",
            "5,B,7200,7200,1",
        ],
        time_per_agent=[
            f"1,{AGENT},,9600,7800,2",
            f"1,{COLLEAGUE},,0,0,1",
            "1,(none),,1200,1200,1",
            "2,(none),,10800,10800,1",
            "3,,,7200,0,1",
            f"5,{AGENT},,10800,10800,1",
        ],
        metrics_by_group=[
            "A,2,1,0,0,0,1,2,1,,,,,,",
            "B,1,0,0,1,0,0,0,1,,,,,,",
            "(none),1,1,0,0,0,0,1,0,,,,,,",
        ],
        metrics_by_agent=[
            f"{AGENT},,1,1,0,0,0,1,1,1,,,,,,",
            f"{COLLEAGUE},,0,0,0,0,0,0,0,1,,,,,,",
            ",,3,1,0,1,0,0,2,0,,,,,,",
        ],
    ),
    corner(
        "the oldest creation is on top of the table; a ticket waits for the"
        " customer after an agent's public note",
        export(
            activity("10:00:00", status="Open", group="A"),
            note("10:10:00", REPLY, by=IN_COPY),
            created("11:00:00", ticket=2, priority=1, agent_id=AGENT),
            note("11:10:00", REPLY, ticket=2),
            activity("11:30:00", ticket=2, status="Pending"),
            note("11:40:00", REPLY, ticket=2, by=SYSTEM),
            created("10:30:00", ticket=3),
            created("10:30:00", ticket=4, status="Closed"),
            created("10:30:00", ticket=5, spam=True),
            created("11:00:00", ticket=6),
            note("11:10:00", REPLY, ticket=6),
            note("11:20:00", REPLY, ticket=6, by=CUSTOMER),
            end_at="12:00:00",
        ),
        open_tickets=[
            "3,Open,,,,,2017-04-20T10:30:00Z,5400,5400,5400,agent",
            f"2,Pending,Low,,{AGENT},,2017-04-20T11:00:00Z,3600,1800,1200,customer",
            "6,Open,,,,,2017-04-20T11:00:00Z,3600,3600,2400,agent",
            "1,Open,,A,,,,,7200,6600,agent",
        ],
    ),
    # Every answer
    corner(
        "a turn begins when a ticket is asked, or with somebody's note after an"
        " agent's; a ticket's body is no reply",
        export(
            created("10:00:00", by=AGENT, agent_id=AGENT),
            note("10:00:00", REPLY),
            note("10:10:00", REPLY, by=COLLEAGUE),
            note("10:20:00", REPLY, by=IN_COPY),
            note("10:30:00", REPLY, by=CUSTOMER),
            note("10:40:00", REPLY, by=SYSTEM),
            note("10:50:00", PRIVATE_NOTE, by=COLLEAGUE),
            note("11:00:00", REPLY),
            note("11:00:00", REPLY, by=CUSTOMER),
            activity("12:00:00", status="Closed"),
            note("10:00:00", REPLY, ticket=2, by=IN_COPY),
            note("10:10:00", REPLY, ticket=2),
            note("10:20:00", REPLY, ticket=2, by=IN_COPY),
            note("10:30:00", REPLY, ticket=2),
            activity("10:40:00", ticket=2, status="Closed"),
            created("10:00:00", ticket=3),
            note("10:00:09", REPLY, ticket=3),
            activity("11:00:00", ticket=3, status="Resolved"),
            created("10:00:00", ticket=4, **OUTBOUND),
            note("10:10:00", REPLY, ticket=4),
            activity("10:20:00", ticket=4, status="Closed"),
        ),
        response_times=[
            f"1,1,2017-04-20T10:00:00Z,600,{COLLEAGUE},",
            f"1,2,2017-04-20T10:20:00Z,2400,{AGENT},",
            "1,3,2017-04-20T11:00:00Z,,,",
            f"2,1,2017-04-20T10:20:00Z,600,{AGENT},",
            f"3,1,2017-04-20T10:00:00Z,9,{AGENT},",
        ],
        ticket_metrics=[
            "1,7200,0,0,7200,600,7200,0,Closed,2017-04-20T10:00:00Z,2,3,0",
            "2,0,0,0,,,,0,Closed,,2,2,",
            "3,3600,0,0,3600,9,3600,0,Resolved,2017-04-20T10:00:00Z,1,0,1",
            "4,1200,0,0,,,,0,Closed,2017-04-20T10:00:00Z,1,0,",
        ],
    ),
    # Due dates
    corner(
        "the due date is the last one named until the resolution, in whatever"
        " offset; without one, the last of all",
        export(
            created("10:00:00", due_by=IN_TIME),
            activity("10:30:00", by=SYSTEM, due_by="20-04-2017 16:30:00 +0530"),
            activity("11:10:00", status="Closed"),
            activity("11:10:01", by=SYSTEM, due_by=IN_TIME),
            created("10:00:00", ticket=2, due_by=IN_TIME),
            activity("10:30:00", ticket=2, due_by=None),
            created("10:00:00", ticket=3),
            activity("11:00:00", ticket=3, status="Resolved"),
            activity("11:00:01", ticket=3, status="Closed", due_by=IN_TIME),
            created("10:00:00", ticket=4, due_by="tomorrow"),
            created("10:00:00", ticket=5, due_by=IN_TIME),
            activity("11:00:00", ticket=5, status="Closed"),
            activity("21-04-2017 09:59:59 +0000", ticket=5, status="Open"),
        ),
        resolved_by_due_date=[
            "1,2017-04-20T11:00:00Z,2017-04-20T11:10:00Z,600",
            "2,2017-04-20T12:00:00Z,,79199",
            "3,2017-04-20T12:00:00Z,2017-04-20T11:00:00Z,0",
            "5,2017-04-20T12:00:00Z,,79199",
        ],
    ),
    corner(
        "a ticket without a known status is not overdue for sure, nor is an"
        " outbound email that was closed without an answer",
        export(
            activity("10:00:00", by=SYSTEM, due_by=IN_TIME),
            created("10:00:00", ticket=2, due_by=IN_TIME, **OUTBOUND),
            activity("13:00:00", ticket=2, status="Closed"),
        ),
        resolved_by_due_date=[
            "1,2017-04-20T12:00:00Z,,",
            "2,2017-04-20T12:00:00Z,,",
        ],
    ),
    # Events; PM4Py's name for a ticket is a case
    corner(
        "an event is a change of the ticket, or a note, and says who did it as"
        " what",
        export(
            created("10:00:00", group="A"),
            note("10:00:00", REPLY, by=CUSTOMER),
            note("10:00:01", REPLY, by=SYSTEM),
            activity("10:05:00", status="Pending", agent_id=AGENT, group="B"),
            activity("10:06:00", status="Pending", agent_id=AGENT, group="B"),
            note("10:10:00", REPLY),
            note("10:10:00", REPLY, note_id=2),
            note("10:20:00", REPLY, by=CUSTOMER),
            note("10:21:00", REPLY, by=IN_COPY),
            *(note(f"10:3{kind}:00", kind) for kind in (1, 2, 3, 5, 6, 7)),
            activity("11:00:00", status="Closed", agent_id=None, group=None),
            activity("11:10:00", deleted=True),
            activity("11:11:00", deleted=False, spam=True),
        ),
        event_log=[
            "1,Created,2017-04-20T10:00:00Z,customer 145423,customer,A",
            "1,Moved to group,2017-04-20T10:00:00Z,customer 145423,customer,A",
            "1,Automatic reply,2017-04-20T10:00:01Z,system,system,A",
            "1,Pending,2017-04-20T10:05:00Z,agent 149018,agent,B",
            "1,Assigned,2017-04-20T10:05:00Z,agent 149018,agent,B",
            "1,Moved to group,2017-04-20T10:05:00Z,agent 149018,agent,B",
            "1,First response,2017-04-20T10:10:00Z,agent 149018,agent,B",
            "1,Agent reply,2017-04-20T10:10:00Z,agent 149018,agent,B",
            "1,Customer reply,2017-04-20T10:20:00Z,customer 145423,customer,B",
            "1,Contact reply,2017-04-20T10:21:00Z,contact 145999,contact,B",
            "1,Forward,2017-04-20T10:31:00Z,agent 149018,agent,B",
            "1,Reply to forward,2017-04-20T10:32:00Z,agent 149018,agent,B",
            "1,Private note,2017-04-20T10:33:00Z,agent 149018,agent,B",
            "1,Phone note,2017-04-20T10:35:00Z,agent 149018,agent,B",
            "1,Broadcast note,2017-04-20T10:36:00Z,agent 149018,agent,B",
            "1,Closed,2017-04-20T11:00:00Z,agent 149018,agent,(none)",
            "1,Unassigned,2017-04-20T11:00:00Z,agent 149018,agent,(none)",
            "1,Deleted,2017-04-20T11:10:00Z,agent 149018,agent,(none)",
            "1,Restored,2017-04-20T11:11:00Z,agent 149018,agent,(none)",
            "1,Spam,2017-04-20T11:11:00Z,agent 149018,agent,(none)",
        ],
    ),
    corner(
        "a ticket without an event was seen; its group may be unknown",
        export(
            note("10:00:00", 7, by=IN_COPY),
            activity("10:00:01", group=None, agent_id=None, spam=False),
            activity("10:00:00", ticket=2, by=SYSTEM, group=None),
            note("10:00:00", REPLY, ticket=3),
            created("10:00:01", ticket=3),
            activity("10:00:02", ticket=3, status="Pending"),
        ),
        event_log=[
            "1,Seen,2017-04-20T10:00:00Z,contact 145999,contact,",
            "2,Seen,2017-04-20T10:00:00Z,system,system,(none)",
            "3,Agent reply,2017-04-20T10:00:00Z,agent 149018,agent,",
            "3,Created,2017-04-20T10:00:01Z,customer 145423,customer,(none)",
            "3,Pending,2017-04-20T10:00:02Z,agent 149018,agent,(none)",
        ],
    ),
    corner(
        "a path has all visits of a ticket that counts, 20 at most",
        export(
            *(created("10:00:00", ticket=ticket) for ticket in (1, 2, 3)),
            activity("11:00:00", status="Closed"),
            activity("11:30:00", ticket=2, status="Closed"),
            activity("11:40:00", ticket=2, status="Closed"),
            activity("11:00:00", ticket=3, status="Closed", spam=True),
            *(
                activity(f"10:{n:02}:00", ticket=ticket, status=status)
                for ticket in (4, 5)
                for n, status in enumerate(["Open", "Pending"] * 10)
            ),
            activity("11:00:00", ticket=5, status="Closed"),
            note("10:00:00", PRIVATE_NOTE, ticket=6),
        ),
        status_paths=[
            "Open > Closed,2,3600",
            f"{' > '.join(['Open > Pending'] * 10)},1,",
            f"{' > '.join(['Open > Pending'] * 10)} > ...,1,",
        ],
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


@pytest.mark.usefixtures("workplace")
def test_a_custom_field_of_more_than_100_values_is_left_out() -> None:
    tickets = [
        created("10:00:00", ticket=n + 1, Order=n, Shelf=n % 100, ticket_type=n)
        for n in range(101)
    ]
    rows = table(ingest_and_query(export(*tickets))["metrics_by_field"])
    values = Counter(row["field"] for row in rows)
    assert values == {"Shelf": 100, "category": 1, "issue_type": 101}


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize(
    ("name", "day", "hours", "among_them"),
    [
        ("Europe/Berlin", "2026-03-29", 23, "01:00+01:00 03:00+02:00"),
        ("Europe/Berlin", "2026-10-25", 25, "02:00+02:00 02:00+01:00"),
        ("UTC", "2026-03-29", 24, "00:00Z 01:00Z"),
        ("Europe/London", "2026-01-01", 24, "00:00+00:00 01:00+00:00"),
        ("Asia/Kolkata", "2026-03-29", 24, "01:00+05:30 02:00+05:30"),
        # From 2:00 back to 1:30: the half hour from there is an hour.
        ("Australia/Lord_Howe", "2026-04-05", 25, "01:00+11:00 01:30+10:30"),
    ],
)
def test_hours_and_weeks_are_those_of_the_time_zone(
    name: str, day: str, hours: int, among_them: str
) -> None:
    noon = int(datetime.fromisoformat(f"{day}T12:00:00+00:00").timestamp())
    start, end = noon - 129_600, noon + 129_599
    told = export(
        *(
            created(format_timestamp(moment), ticket=ticket)
            for ticket, moment in enumerate(range(start, end, 1_800))
        ),
        activity(format_timestamp(start - 700_000), status="Open"),
        start_at=format_timestamp(start),
        end_at=format_timestamp(end),
    )
    ingest(told)
    reports = query(None, f"--timezone={name}")
    assert reports == recompute([as_bytes(told)], zone=time_zone(name))
    shown = [row["hour"] for row in table(reports["tickets_by_hour"])]
    of_the_day = [f"{h[11:16]}{h[19:]}" for h in shown if h.startswith(day)]
    assert len(of_the_day) == hours
    assert among_them in " ".join(of_the_day)


@pytest.mark.usefixtures("workplace")
def test_only_tickets_created_in_the_period_count() -> None:
    """Its days are those of the time zone; a creation must be seen."""
    ingest(
        export(
            created("21:59:59"),
            created("22:00:00", ticket=2),
            created("21-04-2017 21:59:59 +0000", ticket=3),
            created("21-04-2017 22:00:00 +0000", ticket=4),
            activity("23:00:00", ticket=5, status="Open"),
            end_at="22-04-2017 10:00:00 +0000",
        )
    )
    for since, until, tickets in [
        ("--since=2017-04-21", "--until=2017-04-21", 2),
        ("--since=2017-04-21", "--until=9999-12-31", 3),
        ("--since=0001-01-01", "--until=2017-04-20", 1),
    ]:
        reports = query(None, "--timezone=Europe/Berlin", since, until)
        (row,) = table(reports["metrics_by_product"])
        assert row["tickets"] == row["still_open"] == str(tickets)
        (week,) = table(reports["metrics_by_week"])
        assert week["created"] == week["backlog_at_end"] == str(tickets)
        assert len(reports["ticket_metrics"]) == 1 + 5


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
    "due_by": [
        "20-04-2017 11:00:00 +0000",
        "20-04-2017 15:30:01 +0530",
        "21-04-2017 09:59:00 +0000",
        "soon",
        None,
        1,
    ],
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


@st.composite
def overlapping_exports(draw: st.DrawFn) -> list[bytes]:
    """Return one to four exports that have records in common."""

    def pick(values: Sequence[Any]) -> Any:
        return draw(st.sampled_from(values))

    pool = [made_up_record(pick) for _ in range(pick(range(25)))]
    return [made_up_export(pick, pool) for _ in range(pick([1, 2, 3, 4]))]


@st.composite
def mappings(draw: st.DrawFn) -> dict[str, str]:
    return {n: ALIASES[n] for n in ALIASES if draw(st.booleans())}


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
    zone = data.draw(st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"]))
    days = date(2017, 4, 20), date(2017, 4, 21)
    since = data.draw(st.sampled_from([None, None, *days]))
    until = data.draw(st.sampled_from([None, None, since, days[-1]]))
    period = {"since": since, "until": until}
    options = [f"--{name}={day}" for name, day in period.items() if day]
    with (
        workplace_in_memory() as place,
        patch.multiple(reader, READ_SIZE=small * 13, ENDS_SIZE=300),
        patch.object(sqlite, "CHUNK_ROWS", small),
    ):
        for call in range(calls):
            ingest(
                *order[call::calls],
                aliases=aliases if call == mapped else None,
                directory=place,
            )
        if aliases and mapped == calls:
            ingest(aliases=aliases, directory=place)
        assert query(place, f"--timezone={zone}", *options) == recompute(
            files, aliases, zone=time_zone(zone), **period
        )


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
    reports = ingest_and_query(*exports)
    assert reports == recompute(map(as_bytes, exports))
    check_laws(reports, exports)


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
    """The oracle's, which the scripts' numbers equal, and take longer."""
    check_laws(recompute(files, aliases), [*map(json.loads, files)])


def check_laws(
    reports: dict[str, list[str]], exports: Sequence[dict[str, Any]]
) -> None:
    """Check what ties the numbers of exports of one week to each other."""
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
    own = [row for row in rows if row["ticket_id"] in counted]
    is_resolved = Counter(
        row["current_status"] in ENDED for row in own if row["current_status"]
    )

    # "For each ticket, its seconds over all statuses add up to as_of minus its
    # first known status."
    in_status = table(reports["time_in_status"])
    column = "time_in_status_seconds"
    assert all(int(row[column]) >= 0 for row in in_status)
    assert totals(in_status, column) == {
        ticket: as_of - first for ticket, first in first_status.items()
    }
    # "A ticket's held seconds over its groups (over its agents) equal its
    # seconds over all unresolved statuses."
    unresolved = [row for row in in_status if row["status"] not in ENDED]
    for name in ("time_per_group", "time_per_agent"):
        held = totals(table(reports[name]), "time_held_seconds")
        assert +held == +totals(unresolved, column)
    # "Turn 1 is the first response where the creation was seen."
    first_turns = {
        turn["ticket_id"]: turn["response_time_seconds"]
        for turn in table(reports["response_times"])
        if turn["turn"] == "1"
    }
    # Every ticket has events, and its answers are among them.
    happened = {row["ticket_id"]: Counter[str]() for row in rows}
    events = table(reports["event_log"])
    assert [*dict.fromkeys(event["case_id"] for event in events)] == [*happened]
    for event in events:
        happened[event["case_id"]][event["activity"]] += 1
    for row in rows:
        response = row["time_to_first_response_seconds"]
        if row["created_at"]:
            assert response == first_turns.get(row["ticket_id"], "")
        seen_of = happened[row["ticket_id"]]
        assert seen_of["Created"] == (row["created_at"] != "")
        assert seen_of["First response"] == (response != "")
        answers = seen_of["First response"] + seen_of["Agent reply"]
        assert answers == int(row["agent_replies"])
        customers = seen_of["Customer reply"] + seen_of["Contact reply"]
        assert customers == int(row["customer_replies"])
        assert seen_of["Seen"] == 0 or seen_of.total() == 1
    # Every counted ticket with a status has one path.
    paths = table(reports["status_paths"])
    assert total(paths, "tickets") == is_resolved.total()
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
    divisions = [
        table(reports[f"metrics_by_{name}"])
        for name in ("agent", "group", "priority", "product", "source")
    ]
    fields = table(reports["metrics_by_field"])
    for field in {row["field"] for row in fields}:
        divisions.append([row for row in fields if row["field"] == field])
    for parts in divisions:
        assert total(parts, "tickets") == len(counted)
        assert total(parts, "resolved") == is_resolved[True]
        assert total(parts, "still_open") == is_resolved[False]

    # The last hour is the clock's.
    last_hour = table(reports["tickets_by_hour"])[-1]
    assert last_hour["hour"] == iso_8601(as_of - as_of % 3_600)

    # All of it is in one week. "Created - resolved + reopened explains the
    # backlog, but for tickets first seen in it that were created earlier", and
    # for those of no known status.
    (week,) = table(reports["metrics_by_week"])
    were_created = sum(row["created_at"] != "" for row in own)
    assert int(week["created"]) == were_created
    assert int(week["backlog_at_start"]) == 0
    assert int(week["backlog_at_end"]) == is_resolved[False]
    explained = were_created - int(week["resolved"]) + int(week["reopened"])
    first_seen = is_resolved.total() - were_created
    assert is_resolved[False] == explained + first_seen


def total(rows: list[dict[str, str]], column: str) -> int:
    return sum(int(row[column]) for row in rows)


def totals(rows: list[dict[str, str]], column: str) -> Counter[str]:
    """Return the total of each ticket."""
    by_ticket: Counter[str] = Counter()
    for row in rows:
        by_ticket[row["ticket_id"]] += int(row[column])
    return by_ticket
