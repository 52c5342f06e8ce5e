"""What every CSV must say: the definitions once more, slow and obvious.

The oracle recomputes the reports from the bytes of the exports, in plain Python
and without the project's code, as literally as the definitions read. Sentences
in quotation marks are the definitions' own.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

CANONICAL = [
    "Open",
    "Pending",
    "Waiting on Customer",
    "Waiting on Third Party",
    "Resolved",
    "Closed",
]
OTHER_SPELLINGS = {
    "Waiting for Customer": "Waiting on Customer",
    "Waiting for Third Party": "Waiting on Third Party",
}
ENDED = {"Resolved", "Closed"}

METRICS = [
    "time_spent_open",
    "time_spent_waiting_on_customer",
    "time_spent_waiting_for_response",
    "time_till_resolution",
    "time_to_first_response",
]
TICKET_METRICS = [
    "ticket_id",
    *(f"{metric}_seconds" for metric in METRICS),
    "time_till_first_resolution_seconds",
    "reopens",
    "current_status",
    "created_at",
    "agent_replies",
    "customer_replies",
    "is_one_touch",
]
RESPONSE_TIMES = [
    "ticket_id",
    "turn",
    "asked_at",
    "response_time_seconds",
    "agent_id",
]
# The properties that say who has a ticket, each with its column's name.
HOLDERS = {"group": "group_name", "agent_id": "agent_id"}
HELD = ["time_held_seconds", "time_held_open_seconds", "visits"]
OPEN_TICKETS = [
    "ticket_id",
    "current_status",
    "priority",
    "group_name",
    "agent_id",
    "created_at",
    "age_seconds",
    "time_in_current_status_seconds",
    "time_since_last_activity_seconds",
    "waits_for",
]
TIME_IN_STATUS = ["ticket_id", "status", "time_in_status_seconds", "visits"]
DUE_DATES = ["ticket_id", "due_at", "resolved_at", "overdue_seconds"]
EVENT_LOG = [
    "case_id",
    "activity",
    "timestamp",
    "resource",
    "role",
    "group_name",
]
STATUS_PATHS = ["path", "tickets", "median_time_till_resolution_seconds"]
NOTES_OF_AGENTS = {
    1: "Forward",
    2: "Reply to forward",
    3: "Private note",
    5: "Phone note",
    6: "Broadcast note",
}

# The older name of a property, and today's.
OTHER_NAMES = {"requester": "requester_id", "issue_type": "ticket_type"}
# The properties that tickets are compared by, each with its column's name.
PROPERTIES = {
    "priority": "priority",
    "group": "group_name",
    "agent_id": "agent_id",
    "product": "product",
    "source": "source",
}
NAMES_OF_CODES = {
    "priority": {"1": "Low", "2": "Medium", "3": "High", "4": "Urgent"},
    "source": {
        "1": "Email",
        "2": "Portal",
        "3": "Phone",
        "4": "Forums",
        "5": "Twitter",
        "6": "Facebook",
        "7": "Chat",
        "8": "Mobihelp",
        "9": "Feedback widget",
        "10": "Outbound email",
        "11": "E-commerce",
        "12": "Bot",
    },
}
OUTBOUND_EMAIL = "10"
NOTHING = "(none)"
COMPARED = [
    "tickets",
    "created",
    "answered",
    "resolved",
    "resolved_timed",
    "reopened",
    "still_open",
    *(
        f"{statistic}_{metric}_seconds"
        for metric in ("time_to_first_response", "time_till_resolution")
        for statistic in ("median", "p90", "mean")
    ),
]
TRANSITIONS = [
    "from_status",
    "to_status",
    "transitions",
    "median_time_before_seconds",
]
HOURLY = ["created", "first_answered", "resolved", "reopened", "backlog"]
DURATIONS = [name for name in TICKET_METRICS if name.endswith("_seconds")]
STATISTICS = COMPARED[-6:]
WEEKDAYS = [
    *("monday", "tuesday", "wednesday", "thursday", "friday"),
    *("saturday", "sunday"),
]
PAUSES = ["Pending", "Waiting on Customer", "Waiting on Third Party"]
SLA = [
    "ticket_id",
    *("first_response_priority", "first_response_target_seconds"),
    *("first_response_elapsed_seconds", "first_response"),
    *("resolution_priority", "resolution_target_seconds"),
    *("resolution_elapsed_seconds", "resolution"),
]
SLA_BY_PRIORITY = [
    "priority",
    *(
        f"{what}_{count}"
        for what in ("first_response", "resolution")
        for count in ("met", "missed", "running", "met_percent")
    ),
]
WEEKLY = [
    "week",
    "backlog_at_start",
    *HOURLY[:4],
    "backlog_at_end",
    *(
        f"{statistic}_{metric}_seconds"
        for metric in ("time_to_first_response", "time_till_resolution")
        for statistic in ("median", "p90")
    ),
    "is_partial",
]
# Freshdesk's own keys and the properties of tickets: no fields of the account.
NO_FIELDS = {
    "added_tags",
    "added_watcher",
    "agent_id",
    "association",
    "automation",
    "contacted_customer",
    "deleted",
    "description",
    "due_by",
    "group",
    "internal_agent_id",
    "new_ticket",
    "note",
    "priority",
    "product",
    "removed_tags",
    "removed_watcher",
    "requester",
    "requester_id",
    "send_email",
    "send_reply_email",
    "shipment_date",
    "shipping_address",
    "sla_policy",
    "source",
    "spam",
    "status",
    "subject",
    "thank_you_note",
    "thread",
    "thread_message",
}
HOUR = 3600

Performer = tuple[str, "int | None"]  # performer_type and performer_id
Length = Callable[[int, int], int]  # of the time between two moments


@dataclass
class Activity:
    """One record of one export."""

    ticket: int
    second: int
    performer: Performer
    content: dict[str, Any]
    file: tuple[int, str]  # the export's start and its SHA-256
    position: int

    @property
    def identity(self) -> tuple[int, int, Performer, str]:
        """ "Ticket, second, performer, content: key order and white space do
        not matter; the two forms' names of one property may be taken for the
        same." 1, 1.0 and true are different contents.
        """
        content = dict(self.content)
        for older, newer in OTHER_NAMES.items():
            if older in content and newer not in content:
                content[newer] = content.pop(older)
        text = json.dumps(content, sort_keys=True)
        return self.ticket, self.second, self.performer, text

    @property
    def place(self) -> tuple[int, bool, int, str, int]:
        """ "By second; within a second, an activity marked "new_ticket": true
        first, then by the export's start, the SHA-256 of its uncompressed
        bytes, and the position in the file."
        """
        return self.second, not self.is_marked, *self.file, self.position

    @property
    def is_marked(self) -> bool:
        return self.content.get("new_ticket") is True

    @property
    def is_by_system(self) -> bool:
        """ "performer_type is not user, or there is no performer_id" """
        performer_type, performer_id = self.performer
        return performer_type != "user" or performer_id is None

    def has_note(self, *types: int) -> bool:
        return "note" in self.content and self.content["note"]["type"] in types

    def named(self, *properties: str) -> list[Any]:
        """Return the values of these properties, without null."""
        values = [self.content.get(name) for name in properties]
        return [value for value in values if value is not None]


@dataclass
class Visit:
    """ "A visit runs from the activity that sets the status to the next
    activity that sets a different one."
    """

    status: str
    start: int
    end: int


def recompute(
    exports: Iterable[bytes],
    aliases: Mapping[str, str] | None = None,
    *,
    zone: tzinfo = timezone.utc,
    since: date | None = None,
    until: date | None = None,
    calendar: Any = None,
    policy: Any = None,
    people: Any = (),
) -> dict[str, list[str]]:
    """Return the lines of every report, by its name, header first.

    *exports* are the bytes of the files, in any order; *aliases* are the
    user's status labels and the canonical statuses they stand for. *calendar*,
    *policy* and *people* are what stands in business_hours.json (one entry),
    in sla_policies.json (likewise) and in agents.json.
    """
    files = list(exports)
    windows, as_of = covered_time([parsed(file) for file in files])
    statuses = status_names(aliases or {})
    activities = distinct(files)

    story: dict[int, list[Activity]] = {}
    for activity in sorted(
        activities, key=lambda activity: (activity.ticket, activity.place)
    ):
        story.setdefault(activity.ticket, []).append(activity)
    agents = agents_anywhere([*story.values()], statuses)
    # "Whoever stands there is an agent; "agent": false says that somebody never
    # is."
    agents |= {person["id"] for person in people}
    agents -= {one["id"] for one in people if one.get("agent") is False}
    visits = {
        ticket: status_visits(own, statuses, as_of)
        for ticket, own in story.items()
    }
    rows = [
        ticket_metrics(ticket, own, visits[ticket], statuses, agents)
        for ticket, own in story.items()
    ]
    # "It counts in nothing that is over many tickets."
    counted = [n for n, own in story.items() if set_aside(own) is None]
    if since or until:
        counted = [
            ticket
            for ticket in counted
            if (created := creation(story[ticket], statuses))
            and (not since or midnight(since, zone) <= created.second)
            and (
                not until
                or created.second < midnight(until + timedelta(days=1), zone)
            )
        ]
    counted_rows = [row for row in rows if row["ticket_id"] in counted]
    counted_visits = {ticket: visits[ticket] for ticket in counted}
    answered = [
        first_response(story[ticket], statuses, agents) for ticket in counted
    ]

    reports = {
        "ticket_metrics": csv_lines(
            TICKET_METRICS, [[*row.values()] for row in rows]
        ),
        "time_in_status": csv_lines(TIME_IN_STATUS, time_in_status(visits)),
        "status_transitions": csv_lines(
            TRANSITIONS, transitions([*counted_visits.values()])
        ),
    }
    moments = happened(counted_rows, answered, counted_visits)
    reports["tickets_by_hour"] = csv_lines(
        ["hour", *HOURLY],
        by_hour(windows, as_of, zone, moments, counted_visits),
    )
    reports["metrics_by_week"] = csv_lines(
        WEEKLY,
        by_week(windows, as_of, zone, moments, counted_visits, counted_rows),
    )
    reports["metrics_by_field"] = csv_lines(
        ["field", "value", *COMPARED],
        by_field([fields(story[ticket]) for ticket in counted], counted_rows),
    )
    for metric in METRICS:
        columns = ["ticket_id", f"{metric}_seconds"]
        reports[metric] = csv_lines(
            columns, [[row[column] for column in columns] for row in rows]
        )
    properties: list[list[Any]] = [[ticket] for ticket in story]
    for name, column in PROPERTIES.items():
        codes = [last_code(own, name) for own in story.values()]
        for row, code in zip(properties, codes, strict=True):
            row.append(label(name, code))
        counted_codes = [last_code(story[ticket], name) for ticket in counted]
        compared = by_property(name, counted_codes, counted_rows)
        header = [column, *COMPARED]
        if name in HOLDERS:
            place = header.index("still_open") + 1
            header.insert(place, "handed_over")
            held = [holders(name, story[n], statuses, as_of) for n in counted]
            compared = with_handed_over(name, compared, place, held)
        reports[f"metrics_by_{name.removesuffix('_id')}"] = csv_lines(
            header, compared
        )
    for name, column in HOLDERS.items():
        reports[f"time_per_{name.removesuffix('_id')}"] = csv_lines(
            ["ticket_id", column, *HELD],
            time_held(name, story, visits, statuses, as_of),
        )
    reports["open_tickets"] = csv_lines(
        OPEN_TICKETS,
        open_tickets(
            {ticket: story[ticket] for ticket in counted},
            visits,
            statuses,
            agents,
            as_of,
        ),
    )
    reports["response_times"] = csv_lines(
        RESPONSE_TIMES,
        [
            [ticket, number, *turn]
            for ticket, own in story.items()
            for number, turn in enumerate(
                response_times(own, statuses, agents), start=1
            )
        ],
    )
    reports["resolved_by_due_date"] = csv_lines(
        DUE_DATES,
        [
            [ticket, *row]
            for ticket, own in story.items()
            for row in due_dates(own, visits[ticket], statuses, agents, as_of)
        ],
    )
    reports["event_log"] = csv_lines(
        EVENT_LOG,
        [
            [ticket, *event]
            for ticket, own in story.items()
            for event in events(own, statuses, agents)
        ],
    )
    reports["status_paths"] = csv_lines(
        STATUS_PATHS,
        status_paths([*counted_visits.values()], counted_rows),
    )
    for row, own in zip(properties, story.values(), strict=True):
        row.append(set_aside(own))
    reports["ticket_properties"] = csv_lines(
        ["ticket_id", *PROPERTIES.values(), "set_aside"], properties
    )
    length = None
    if calendar is not None:
        first = min(own[0].second for own in story.values()) if story else as_of
        length = worked_seconds(calendar, first, as_of)
        worked = [
            ticket_metrics(
                ticket, own, visits[ticket], statuses, agents, length
            )
            for ticket, own in story.items()
        ]
        counted_worked = [row for row in worked if row["ticket_id"] in counted]
        codes = {
            name: [last_code(story[ticket], name) for ticket in counted]
            for name in PROPERTIES
        }
        weeks = by_week_worked(windows, as_of, zone, counted_worked)
        reports |= business_reports(worked, counted_worked, codes, weeks)
        spent = [row[:3] for row in time_in_status(visits, length)]
        header = ["ticket_id", "status", "time_in_status_business_seconds"]
        reports["time_in_status_business"] = csv_lines(header, spent)
    if policy is not None:
        judged = {
            ticket: service_levels(
                own, visits[ticket], statuses, agents, as_of, policy, length
            )
            for ticket, own in story.items()
        }
        reports["sla"] = csv_lines(
            SLA,
            [
                [ticket, *response, *resolution]
                for ticket, (response, resolution) in judged.items()
            ],
        )
        reports["sla_by_priority"] = csv_lines(
            SLA_BY_PRIORITY,
            targets_met([judged[ticket] for ticket in counted]),
        )
    return {n: with_names(lines, people) for n, lines in reports.items()}


# Reading


def seconds(text: str) -> int:
    """Return the UTC second; the offset is honoured."""
    return int(datetime.strptime(text, "%d-%m-%Y %H:%M:%S %z").timestamp())


def parsed(file: bytes) -> Any:
    return json.loads(file.decode("utf-8-sig"))


def covered_time(exports: list[Any]) -> tuple[list[tuple[int, int]], int]:
    """Return each export's first and last second, and as_of: "the latest
    metadata.end_at of all ingested exports, empty ones included, and never
    before the last activity."
    """
    windows, ends = [], []
    for export in exports:
        start, end = (
            seconds(export["metadata"][name]) for name in ("start_at", "end_at")
        )
        windows.append((start, end))
        ends.append(end)
        for record in export["activities_data"]:
            ends.append(seconds(record["performed_at"]))
    return windows, max(ends)


def distinct(files: list[bytes]) -> list[Activity]:
    """ "The same activity counts once, in however many exports it stands. It
    takes its place from the first of these exports in the order above."
    """
    first: dict[object, Activity] = {}
    for file in files:
        export = parsed(file)
        start = seconds(export["metadata"]["start_at"])
        sha256 = hashlib.sha256(file).hexdigest()
        for position, record in enumerate(export["activities_data"]):
            activity = Activity(
                ticket=record["ticket_id"],
                second=seconds(record["performed_at"]),
                performer=(
                    record["performer_type"],
                    record.get("performer_id"),
                ),
                content=record["activity"],
                file=(start, sha256),
                position=position,
            )
            known = first.get(activity.identity)
            if known is None or activity.place < known.place:
                first[activity.identity] = activity
    return list(first.values())


# Status


def folded(label: str) -> str:
    """Return *label* with its white space trimmed and folded."""
    return " ".join(label.split())


def alike(label: str) -> str:
    """Labels "match without regard to case, to surrounding or repeated white
    space and to how accented letters are composed (NFC)".
    """
    composed = unicodedata.normalize("NFC", folded(label))
    return unicodedata.normalize("NFC", composed.casefold())


def status_names(aliases: Mapping[str, str]) -> dict[str, str]:
    """Return what each label means, if it means something.

    "A label may be mapped to a canonical status or to another label, so that a
    renamed custom status stays one (chains are followed)."
    """
    labels = {label: label for label in CANONICAL}
    everything = {**aliases, **OTHER_SPELLINGS, **labels}
    told = {alike(label): everything[label] for label in everything}
    names = {}
    for label, meaning in told.items():
        while told.get(alike(meaning), meaning) != meaning:
            meaning = told[alike(meaning)]
        names[label] = names[alike(meaning)] = meaning
    return names


def status_set_by(activity: Activity, statuses: dict[str, str]) -> str | None:
    """ "Any other label is a status of its own, under its own spelling, white
    space trimmed and folded. A null or blank status is no status."
    """
    label = folded(activity.content.get("status") or "")
    return statuses.get(alike(label), label) or None


def status_visits(
    activities: list[Activity], statuses: dict[str, str], as_of: int
) -> list[Visit]:
    """ "An activity without status changes nothing. [...] A status that has
    not ended runs to as_of." "The last status of a second wins; the others are
    visits of 0 s." "Time before a ticket's first known status belongs to no
    status."
    """
    visits: list[Visit] = []
    for activity in activities:
        status = status_set_by(activity, statuses)
        if status is None:
            continue
        if visits and visits[-1].status == status:
            continue
        if visits:
            visits[-1].end = activity.second
        visits.append(Visit(status, activity.second, as_of))
    return visits


# Who acts


def everyone_named(ticket: list[Activity], *properties: str) -> set[int]:
    """Return all values that the ticket's activities ever gave these."""
    people: set[int] = set()
    for activity in ticket:
        people.update(activity.named(*properties))
    return people


def agents_anywhere(
    tickets: list[list[Activity]], statuses: dict[str, str]
) -> set[int]:
    """ "Anyone [...] who, anywhere in the database, has been assigned a ticket
    (agent_id, internal_agent_id), has written what only agents write (note
    types 1, 2, 3), or has set a status other than Open on a ticket of which a
    requester is known and they are none, or has created a ticket with source
    10 of which they are no requester"; nobody has done what the system did.
    """
    agents: set[int] = set()
    for ticket in tickets:
        agents |= everyone_named(ticket, "agent_id", "internal_agent_id")
        requesters = everyone_named(ticket, "requester", "requester_id")
        created = creation(ticket, statuses)
        for activity in ticket:
            person = activity.performer[1]
            if activity.is_by_system or person is None:
                continue
            if activity.has_note(1, 2, 3):
                agents.add(person)
            status = status_set_by(activity, statuses)
            if (
                status is not None
                and status != "Open"
                and requesters
                and person not in requesters
            ):
                agents.add(person)
            if (
                activity is created
                and is_outbound(created)
                and person not in requesters
            ):
                agents.add(person)
    return agents


def is_by_agent(
    activity: Activity, ticket: list[Activity], agents: set[int]
) -> bool:
    """Say whether an agent did this: not the system, "a requester of this
    ticket who was never assigned to it", or someone in copy.
    """
    if activity.is_by_system:
        return False
    person = activity.performer[1]
    requesters = everyone_named(ticket, "requester", "requester_id")
    assigned = everyone_named(ticket, "agent_id", "internal_agent_id")
    if person in requesters and person not in assigned:
        return False
    return person in agents


# The metrics


def creation(
    activities: list[Activity], statuses: dict[str, str]
) -> Activity | None:
    """ "The earliest activity of the ticket marked "new_ticket": true; where
    none is marked, the first activity of the ticket's first second that sets
    status Open and names a (non-null) requester, requester_id or source."
    """
    for activity in activities:
        if activity.is_marked:
            return activity
    first_second = activities[0].second
    for activity in activities:
        if (
            activity.second == first_second
            and status_set_by(activity, statuses) == "Open"
            and activity.named("requester", "requester_id", "source")
        ):
            return activity
    return None


def is_outbound(created: Activity) -> bool:
    """ "A ticket whose creation names source 10." """
    return as_text(created.content.get("source")) == OUTBOUND_EMAIL


def asked(
    activities: list[Activity], statuses: dict[str, str], agents: set[int]
) -> int | None:
    """ "The customer's matter begins with the creation. [An outbound email]
    begins only when somebody who is neither an agent nor the system first
    writes a public note on it: in the creation's second or later."
    """
    created = creation(activities, statuses)
    if created is None or not is_outbound(created):
        return created.second if created else None
    for activity in activities:
        if (
            activity.has_note(0, 4)
            and activity.second >= created.second
            and not activity.is_by_system
            and not is_by_agent(activity, activities, agents)
        ):
            return activity.second
    return None


def first_response(
    activities: list[Activity], statuses: dict[str, str], agents: set[int]
) -> int | None:
    """Return the second of "the first public note (type 0 reply or 4 public
    note) by an agent; the creator's own note in the creation second is the
    ticket's body and does not count"; a note before the ticket was asked is no
    response, and "all of this is by second".
    """
    created = creation(activities, statuses)
    asked_at = asked(activities, statuses, agents)
    if created is None or asked_at is None:
        return None
    for activity in activities:
        if not activity.has_note(0, 4) or activity.second < asked_at:
            continue
        if not is_by_agent(activity, activities, agents):
            continue
        if (
            activity.second == created.second
            and activity.performer == created.performer
        ):
            continue
        return activity.second
    return None


def ticket_metrics(
    ticket: int,
    activities: list[Activity],
    visits: list[Visit],
    statuses: dict[str, str],
    agents: set[int],
    length: Length = lambda start, end: end - start,
) -> dict[str, Any]:
    """Return the ticket's row; None is unknown."""

    def spent(status: str) -> int | None:
        """ "0 = seen, but never in this status" """
        if not visits:
            return None
        return sum(length(v.start, v.end) for v in visits if v.status == status)

    created = creation(activities, statuses)
    asked_at = asked(activities, statuses, agents)
    response = first_response(activities, statuses, agents)

    # The unbroken runs of Resolved/Closed: where each begins, and whether the
    # ticket has left it, in "steps to a status that is neither".
    runs: list[tuple[int, bool]] = []
    was_ended = False
    for visit in visits:
        if visit.status in ENDED and not was_ended:
            runs.append((visit.start, False))
        if visit.status not in ENDED and was_ended:
            runs[-1] = (runs[-1][0], True)
        was_ended = visit.status in ENDED
    # "Only runs that begin in [asked_at's] second or later are resolutions,
    # and only leaving one of those is a reopening."
    if created is not None and is_outbound(created):
        runs = [
            (start, is_left)
            for start, is_left in runs
            if asked_at is not None and start >= asked_at
        ]
    reopens = len([start for start, is_left in runs if is_left])
    # "The first Resolved/Closed."
    first_resolved = runs[0][0] if runs else None
    # "The start of the current unbroken run of Resolved/Closed."
    resolved = None
    for start, is_left in runs:
        if not is_left:
            resolved = start

    def since_asked(moment: int | None) -> int | None:
        """ "A resolution before it counts as 0." """
        if asked_at is None or moment is None:
            return None
        return length(asked_at, max(asked_at, moment))

    row = [
        ticket,
        spent("Open"),
        spent("Waiting on Customer"),
        spent("Pending"),
        since_asked(resolved),
        since_asked(response),
        since_asked(first_resolved),
        reopens if visits else None,
        visits[-1].status if visits else None,
        iso_8601(created.second) if created else None,
        *replies(activities, created, agents),
        None,
    ]
    metrics = dict(zip(TICKET_METRICS, row, strict=True))
    # "Resolved with one agent's reply."
    if metrics["time_till_resolution_seconds"] is not None:
        metrics["is_one_touch"] = int(metrics["agent_replies"] == 1)
    return metrics


def time_in_status(
    visits: dict[int, list[Visit]],
    length: Length = lambda start, end: end - start,
) -> list[list[Any]]:
    """ "One row per ticket and status", ordered by status."""
    rows = []
    for ticket, every in visits.items():
        for status in sorted({visit.status for visit in every}):
            own = [visit for visit in every if visit.status == status]
            spent = sum(length(visit.start, visit.end) for visit in own)
            rows.append([ticket, status, spent, len(own)])
    return rows


# Many tickets


def set_aside(activities: list[Activity]) -> str | None:
    """ "A ticket whose last deleted or last spam is true at as_of is set
    aside: deleted, else spam, else empty."
    """
    last: dict[str, Any] = {}
    for activity in activities:
        for mark in ("deleted", "spam"):
            if isinstance(activity.content.get(mark), bool):
                last[mark] = activity.content[mark]
    for mark in ("deleted", "spam"):
        if last.get(mark) is True:
            return mark
    return None


def last_code(activities: list[Activity], name: str) -> str | None:
    """Return the value of a property at as_of: "the last that an activity
    named", as text.
    """
    code = None
    for activity in activities:
        if name in activity.content:
            code = as_text(activity.content[name])
    return code


def as_text(value: Any) -> str:
    """Return a text as it is, null as an empty text, all else as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )


def label(name: str, code: str | None) -> str | None:
    """Return the name of a code, if it has one; blank is nothing."""
    if code is None:
        return None
    if code.strip(" ") == "":
        return NOTHING
    return NAMES_OF_CODES.get(name, {}).get(code, code)


def by_property(
    name: str, codes: list[str | None], rows: list[dict[str, Any]]
) -> list[list[Any]]:
    """Return a row per label of a code, then one of the tickets whose property
    is set to nothing, then one of those whose property is unknown.

    Labels stand in the order of their lowest code. Numbers stand in the order
    of their size: the shorter one first.
    """
    groups: dict[Any, list[tuple[str, dict[str, Any]]]] = {}
    for code, row in zip(codes, rows, strict=True):
        groups.setdefault(label(name, code), []).append((code or "", row))

    def place(value: str | None) -> tuple[Any, ...]:
        if value is None:
            return (3,)
        if value == NOTHING:
            return (2,)
        lowest = min(code for code, _ in groups[value])
        return 1, 0 if name in ("group", "product") else len(lowest), lowest

    result = []
    for value in sorted(groups, key=place):
        own = [row for _, row in groups[value]]
        result.append([value, *fares(own)])
    return result


def fares(rows: list[dict[str, Any]]) -> list[int | None]:
    """Return how some tickets fare."""
    known = [row["current_status"] for row in rows if row["current_status"]]
    responses = having(rows, "time_to_first_response_seconds")
    resolutions = having(rows, "time_till_resolution_seconds")
    return [
        len(rows),
        len(having(rows, "created_at")),
        len(responses),
        len([status for status in known if status in ENDED]),
        len(resolutions),
        len([row for row in rows if row["reopens"]]),
        len([status for status in known if status not in ENDED]),
        *statistics(responses),
        *statistics(resolutions),
    ]


def having(rows: list[dict[str, Any]], metric: str) -> list[int]:
    return [row[metric] for row in rows if row[metric] is not None]


def nearest_rank(values: list[int], tenths: int) -> int | None:
    """ "The smallest value that at least half, or nine tenths, of the values
    do not exceed."
    """
    for value in sorted(values):
        within = len([other for other in values if other <= value])
        if within * 10 >= len(values) * tenths:
            return value
    return None


def statistics(values: list[int]) -> list[int | None]:
    """Return median, 90th percentile, and mean, "rounded to a second"."""
    mean = None
    if values:
        mean = (2 * sum(values) + len(values)) // (2 * len(values))
    return [nearest_rank(values, 5), nearest_rank(values, 9), mean]


def transitions(tickets: list[list[Visit]]) -> list[list[Any]]:
    """ "From, to, count, median time before the step." """
    steps: dict[tuple[str, str], list[int]] = {}
    for visits in tickets:
        for before, after in pairwise(visits):
            step = before.status, after.status
            steps.setdefault(step, []).append(before.end - before.start)
    return [
        [*step, len(times), nearest_rank(times, 5)]
        for step, times in sorted(steps.items())
    ]


def happened(
    rows: list[dict[str, Any]],
    responses: list[int | None],
    visits_of: dict[int, list[Visit]],
) -> tuple[list[int], list[int], list[int], list[int]]:
    """Return the seconds of creations, first responses, "steps to Resolved or
    Closed from another status, or from none", and "steps back".
    """
    created = [second_of(row) for row in rows if row["created_at"]]
    answered = [response for response in responses if response is not None]
    resolved, reopened = [], []
    for visits in visits_of.values():
        was_ended = False
        for visit in visits:
            if visit.status in ENDED and not was_ended:
                resolved.append(visit.start)
            if visit.status not in ENDED and was_ended:
                reopened.append(visit.start)
            was_ended = visit.status in ENDED
    return created, answered, resolved, reopened


def second_of(row: dict[str, Any]) -> int:
    """Return the second of a creation."""
    moment = datetime.fromisoformat(row["created_at"][:-1] + "+00:00")
    return int(moment.timestamp())


def backlog_before(moment: int, visits_of: dict[int, list[Visit]]) -> int:
    """Return of how many tickets "the known status is neither Resolved nor
    Closed" before a moment.
    """
    backlog = 0
    for visits in visits_of.values():
        begun = [visit for visit in visits if visit.start < moment]
        if begun and begun[-1].status not in ENDED:
            backlog += 1
    return backlog


def within(moments: list[int], start: int, end: int) -> int:
    return len([moment for moment in moments if start <= moment < end])


def is_covered(windows: list[tuple[int, int]], start: int, end: int) -> bool:
    """Say whether a window has a second of this time."""
    return any(first < end and last >= start for first, last in windows)


def offset(moment: int, zone: tzinfo) -> int:
    away = datetime.fromtimestamp(moment, zone).utcoffset()
    return int(away.total_seconds()) if away else 0


def hour_of(moment: int, zone: tzinfo) -> int:
    """Return when the local hour of a moment began: at a full hour, or where
    another offset from UTC did.
    """
    start = moment - (moment + offset(moment, zone)) % HOUR
    while offset(start, zone) != offset(moment, zone):
        start += 1
    return start


def by_hour(
    windows: list[tuple[int, int]],
    as_of: int,
    zone: tzinfo,
    events: tuple[list[int], ...],
    visits_of: dict[int, list[Visit]],
) -> list[list[Any]]:
    """ "Hours from the first export's start to as_of, those without activity
    included." "A time that no export covers is unknown, not 0."
    """
    result = []
    hour = hour_of(min(start for start, _ in windows), zone)
    while hour <= as_of:
        following = hour_of(hour + HOUR, zone)
        counts: list[Any] = [None] * len(HOURLY)
        if is_covered(windows, hour, following):
            counts = [within(moments, hour, following) for moments in events]
            counts.append(backlog_before(following, visits_of))
        name = datetime.fromtimestamp(hour, zone).isoformat()
        if zone is timezone.utc:
            name = iso_8601(hour)
        result.append([name, *counts])
        hour = following
    return result


def midnight(day: date, zone: tzinfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


def by_week(
    windows: list[tuple[int, int]],
    as_of: int,
    zone: tzinfo,
    events: tuple[list[int], ...],
    visits_of: dict[int, list[Visit]],
    rows: list[dict[str, Any]],
) -> list[list[Any]]:
    """ "Weeks from Monday 00:00 in the reports' time zone"; "is_partial (1: the
    exports do not cover all of it)".
    """
    first = min(start for start, _ in windows)
    monday = datetime.fromtimestamp(first, zone).date()
    monday -= timedelta(days=monday.weekday())
    result = []
    while midnight(monday, zone) <= as_of:
        start = midnight(monday, zone)
        end = midnight(monday + timedelta(days=7), zone)
        covered_until = start
        for window_start, window_end in sorted(windows):
            if window_start <= covered_until <= window_end:
                covered_until = window_end + 1
        cells: list[Any] = [None] * (len(WEEKLY) - 2)
        if is_covered(windows, start, end):
            # "of the tickets *created* in it"
            own = [
                row
                for row in rows
                if row["created_at"] and start <= second_of(row) < end
            ]
            responses = having(own, "time_to_first_response_seconds")
            resolutions = having(own, "time_till_resolution_seconds")
            cells = [
                backlog_before(start, visits_of),
                *(within(moments, start, end) for moments in events),
                backlog_before(end, visits_of),
                *statistics(responses)[:2],
                *statistics(resolutions)[:2],
            ]
        result.append([str(monday), *cells, int(covered_until < end)])
        monday += timedelta(days=7)
    return result


# The account's own words


def fields(activities: list[Activity]) -> dict[str, str]:
    """Return the last value that was named of `issue_type`, `category` "and
    every custom field (JSON scalars as text)".
    """
    last = {}
    for activity in activities:
        for name, value in activity.content.items():
            if name == "issue_type" and "ticket_type" in activity.content:
                continue
            if name == "ticket_type":
                name = "issue_type"
            if name not in NO_FIELDS:
                last[name] = as_text(value)
    return last


def by_field(
    tickets: list[dict[str, str]], rows: list[dict[str, Any]]
) -> list[list[Any]]:
    """ "Every custom field that has at most 100 values; the value at as_of,
    (none), and empty where it was never named, so that a field's rows add up
    to all counted tickets."
    """
    result = []
    names = {name for ticket in tickets for name in ticket}
    for name in sorted(names | {"issue_type", "category"} if rows else names):
        groups: dict[str | None, list[dict[str, Any]]] = {}
        for ticket, row in zip(tickets, rows, strict=True):
            value = label(name, ticket.get(name))
            groups.setdefault(value, []).append(row)
        values = groups.keys() - {None, NOTHING}
        if len(values) > 100 and name not in ("issue_type", "category"):
            continue
        for value in in_order("", groups):
            result.append([name, value, *fares(groups[value])])
    return result


# Who had it


def holders(
    name: str, activities: list[Activity], statuses: dict[str, str], as_of: int
) -> list[tuple[str | None, int, int]]:
    """ "A ticket's group at a moment is the last one that an activity named at
    or before it; (none) where that was set to nothing, and from a seen creation
    on until the first is named; unknown before that." "A visit is a run of the
    same value": return each with its start and its end.
    """
    named = [
        (label(name, as_text(activity.content[name])), activity.second)
        for activity in activities
        if name in activity.content
    ]
    first_named = named[0][1] if named else as_of + 1
    created = creation(activities, statuses)
    since: list[tuple[str | None, int]] = []
    if created is not None and created.second < first_named:
        since = [(NOTHING, created.second)]
    first_second = activities[0].second
    if first_second < first_named and (NOTHING, first_second) not in since:
        since = [(None, first_second), *since]
    runs: list[tuple[str | None, int]] = []
    for value, second in [*since, *named]:
        if not runs or runs[-1][0] != value:
            runs.append((value, second))
    ends = [*(second for _, second in runs[1:]), as_of]
    return [
        (value, start, end)
        for (value, start), end in zip(runs, ends, strict=True)
    ]


def in_order(name: str, values: Iterable[str | None]) -> list[str | None]:
    """Return the values of a property in their order: names, (none), unknown.
    Agents stand in the order of their numbers: the shorter one first.
    """

    def place(value: str | None) -> tuple[int, int, str]:
        if value is None or value == NOTHING:
            return 3 if value is None else 2, 0, ""
        return 1, len(value) if name == "agent_id" else 0, value

    return sorted(values, key=place)


def time_held(
    name: str,
    story: dict[int, list[Activity]],
    visits_of: dict[int, list[Visit]],
    statuses: dict[str, str],
    as_of: int,
) -> list[list[Any]]:
    """ "Held: the ticket's status is known and neither Resolved nor Closed.
    Held open: of these, Open." "A row for each that the ticket ever had": of
    an unknown one, if it held the ticket.
    """
    rows = []
    for ticket, activities in story.items():
        runs = holders(name, activities, statuses, as_of)
        for value in in_order(name, {value for value, _, _ in runs}):
            own = [(start, end) for v, start, end in runs if v == value]
            held = held_open = 0
            for visit in visits_of[ticket]:
                for start, end in own:
                    both = min(end, visit.end) - max(start, visit.start)
                    if visit.status not in ENDED:
                        held += max(0, both)
                    if visit.status == "Open":
                        held_open += max(0, both)
            if value is not None or held:
                rows.append([ticket, value, held, held_open, len(own)])
    return rows


def with_handed_over(
    name: str,
    rows: list[list[Any]],
    place: int,
    held: list[list[tuple[str | None, int, int]]],
) -> list[list[Any]]:
    """Insert "handed_over (tickets that were somebody else's later), a row
    counting under the group (agent) that handed over"; nobody hands nothing
    over. Whoever has no ticket any more gets a row.
    """
    handed: dict[Any, int] = {}
    for runs in held:
        named = [value for value, _, _ in runs if value not in (None, NOTHING)]
        for value in set(named):
            later = named[named.index(value) :]
            if set(later) != {value}:
                handed[value] = handed.get(value, 0) + 1
    row_of = {row[0]: row for row in rows}
    for value in handed:
        row_of.setdefault(value, [value, *[0] * (place - 1), *[None] * 6])
    return [
        [*row_of[v][:place], handed.get(v, 0), *row_of[v][place:]]
        for v in in_order(name, row_of)
    ]


# What is on the table


def open_tickets(
    story: dict[int, list[Activity]],
    visits_of: dict[int, list[Visit]],
    statuses: dict[str, str],
    agents: set[int],
    as_of: int,
) -> list[list[Any]]:
    """ "Tickets whose known status at as_of is neither Resolved nor Closed,
    worst first (oldest creation first, unknown creation last, then ticket)."
    """
    rows = []
    for ticket, activities in story.items():
        visits = visits_of[ticket]
        if not visits or visits[-1].status in ENDED:
            continue
        # "customer where the last public note by a person is an agent's, else
        # agent (automatic replies do not count)"
        waits_for = "agent"
        for activity in activities:
            if activity.has_note(0, 4) and not activity.is_by_system:
                is_answer = is_by_agent(activity, activities, agents)
                waits_for = "customer" if is_answer else "agent"
        created = creation(activities, statuses)
        row = [
            ticket,
            visits[-1].status,
            *(
                label(name, last_code(activities, name))
                for name in ("priority", "group", "agent_id")
            ),
            iso_8601(created.second) if created else None,
            as_of - created.second if created else None,
            as_of - visits[-1].start,
            as_of - activities[-1].second,
            waits_for,
        ]
        rows.append((created.second if created else as_of + 1, ticket, row))
    return [row for _, _, row in sorted(rows, key=lambda row: row[:2])]


# Every answer


def counts_as_reply(activity: Activity, created: Activity | None) -> bool:
    """Say whether this is a public note by a person; "the creator's own note
    in the creation second is the ticket's body and does not count".
    """
    return (
        activity.has_note(0, 4)
        and not activity.is_by_system
        and not (
            created is not None
            and activity.second == created.second
            and activity.performer == created.performer
        )
    )


def replies(
    activities: list[Activity], created: Activity | None, agents: set[int]
) -> tuple[int, int]:
    """Return the replies of agents, and "of people who are no agents on that
    ticket".
    """
    every = [
        is_by_agent(activity, activities, agents)
        for activity in activities
        if counts_as_reply(activity, created)
    ]
    return every.count(True), every.count(False)


def response_times(
    activities: list[Activity], statuses: dict[str, str], agents: set[int]
) -> list[list[Any]]:
    """ "A turn begins with the creation (asked) or the first public note of
    somebody who is no agent (customer or contact) after an agent's; it ends
    with the next public note of an agent; not yet answered: empty."
    """
    created = creation(activities, statuses)
    asked_at = asked(activities, statuses, agents)
    turns: list[list[Any]] = []
    if asked_at is not None:
        turns.append([asked_at, None, None])
    is_after_an_agents = False
    for activity in activities:
        if not counts_as_reply(activity, created):
            continue
        if created and (asked_at is None or activity.second < asked_at):
            continue
        if is_by_agent(activity, activities, agents):
            if turns and turns[-1][1] is None:
                turns[-1][1] = activity.second - turns[-1][0]
                turns[-1][2] = activity.performer[1]
            is_after_an_agents = True
        elif is_after_an_agents:
            turns.append([activity.second, None, None])
            is_after_an_agents = False
    return [[iso_8601(start), *answer] for start, *answer in turns]


# Freshdesk's own judgement


def standing_resolution(
    activities: list[Activity],
    visits: list[Visit],
    statuses: dict[str, str],
    agents: set[int],
) -> int | None:
    """ "The start of the current unbroken run of Resolved/Closed"; of an
    outbound email only if it is a resolution.
    """
    start = None
    for visit in visits:
        if visit.status not in ENDED:
            start = None
        elif start is None:
            start = visit.start
    created = creation(activities, statuses)
    if start is not None and created is not None and is_outbound(created):
        asked_at = asked(activities, statuses, agents)
        if asked_at is None or start < asked_at:
            return None
    return start


def due_dates(
    activities: list[Activity],
    visits: list[Visit],
    statuses: dict[str, str],
    agents: set[int],
    as_of: int,
) -> list[list[Any]]:
    """ "The last one named at or before the final resolution, else before
    as_of; overdue_seconds is how much later it was resolved, or, unresolved,
    how much later as_of is; 0 if in time."
    """
    resolved = standing_resolution(activities, visits, statuses, agents)
    due = early = None
    for activity in activities:
        try:
            due = seconds(activity.content["due_by"])
        except (KeyError, TypeError, ValueError):
            continue
        if resolved is None or activity.second <= resolved:
            early = due
    due = due if early is None else early
    if due is None:
        return []
    judged = resolved
    if visits and visits[-1].status not in ENDED:
        judged = as_of
    return [
        [
            iso_8601(due),
            None if resolved is None else iso_8601(resolved),
            None if judged is None else max(0, judged - due),
        ]
    ]


# For process mining


def role(activity: Activity, ticket: list[Activity], agents: set[int]) -> str:
    if activity.is_by_system:
        return "system"
    if is_by_agent(activity, ticket, agents):
        return "agent"
    requesters = everyone_named(ticket, "requester", "requester_id")
    return "customer" if activity.performer[1] in requesters else "contact"


def events(
    ticket: list[Activity], statuses: dict[str, str], agents: set[int]
) -> list[list[Any]]:
    """Return the ticket's events: "Created; a status, when a visit begins (not
    the creation's own); Assigned, Unassigned, Moved to group; First response,
    Agent reply, Customer reply, Contact reply; Private note, Forward, Reply to
    forward, Phone note, Broadcast note, Automatic reply (a note by the system);
    Deleted, Restored, Spam."
    """
    created = creation(ticket, statuses)
    response = first_response(ticket, statuses, agents)
    now: dict[str, Any] = {}  # what was named last

    def changes(name: str, value: Any) -> bool:
        """Say whether this is not what was named before, and remember it."""
        before = now.get(name)
        now[name] = value
        return bool(before != value)

    def of_activity(activity: Activity) -> list[str]:
        names = []
        content = activity.content
        if activity is created:
            names.append("Created")
        status = status_set_by(activity, statuses)
        if status is not None and changes("status", status):
            names.extend([status] if activity is not created else [])
        was_assigned = bool(now.get("agent"))
        if "agent_id" in content and changes("agent", content["agent_id"]):
            if content["agent_id"] is not None:
                names.append("Assigned")
            elif was_assigned:
                names.append("Unassigned")
        if "group" in content:
            group = label("group", as_text(content["group"]))
            if changes("group", group) and group != NOTHING:
                names.append("Moved to group")
        who = role(activity, ticket, agents)
        if counts_as_reply(activity, created):
            if (
                who == "agent"
                and activity.second == response
                and not now.get("answered")
            ):
                now["answered"] = True
                names.append("First response")
            else:
                names.append(f"{who.capitalize()} reply")
        elif "note" in content and activity.is_by_system:
            names.append("Automatic reply")
        elif activity.has_note(*NOTES_OF_AGENTS):
            names.append(NOTES_OF_AGENTS[content["note"]["type"]])
        for mark, name in (("deleted", "Deleted"), ("spam", "Spam")):
            value = content.get(mark)
            was_marked = now.get(mark)
            if isinstance(value, bool) and changes(mark, value):
                names.extend([name] if value else [])
                names.extend(["Restored"] if was_marked else [])
        return names

    def group(activity: Activity) -> str | None:
        """ "A ticket's group at a moment is the last one that an activity named
        at or before it; (none) [...] from a seen creation on until the first is
        named."
        """
        named = [
            label("group", as_text(other.content["group"]))
            for other in ticket
            if "group" in other.content and other.second <= activity.second
        ]
        is_created = created is not None and activity.second >= created.second
        return [NOTHING if is_created else None, *named][-1]

    def line(name: str, activity: Activity) -> list[Any]:
        """ "resource: agent 149005, customer 1451659, system" """
        who = role(activity, ticket, agents)
        person = "" if who == "system" else f" {activity.performer[1]}"
        moment = iso_8601(activity.second)
        return [name, moment, f"{who}{person}", who, group(activity)]

    lines = []
    for number, activity in enumerate(ticket):
        names = of_activity(activity)
        lines += [line(name, activity) for name in names]
        if number == 0:
            seen = line("Seen", activity)
    # "A ticket of which none of these was seen has one Seen."
    return lines or [seen]


def status_paths(
    tickets: list[list[Visit]], rows: list[dict[str, Any]]
) -> list[list[Any]]:
    """ "Open > Waiting on Customer > Open > Resolved", most frequent first; of
    more than 20 statuses the first 20.
    """
    paths: dict[str, list[dict[str, Any]]] = {}
    for visits, row in zip(tickets, rows, strict=True):
        statuses = [visit.status for visit in visits]
        if len(statuses) > 20:
            statuses = [*statuses[:20], "..."]
        if statuses:
            paths.setdefault(" > ".join(statuses), []).append(row)
    metric = "time_till_resolution_seconds"
    result = [
        [path, len(own), nearest_rank(having(own, metric), 5)]
        for path, own in paths.items()
    ]
    return sorted(result, key=lambda line: (-line[1], line[0]))


def with_names(lines: list[str], people: Any) -> list[str]:
    """ "Reports that have agent_id have agent_name beside it (empty without a
    list)."
    """
    if "agent_id" not in lines[0].split(","):
        return lines
    names = {str(p["id"]): p.get("contact", {}).get("name") for p in people}
    names["agent_id"] = "agent_name"
    text = io.StringIO("\n".join(lines), newline="")
    header, *rows = csv.reader(text)
    place = header.index("agent_id")
    for row in (header, *rows):
        row.insert(place + 1, names.get(row[place]))
    return csv_lines(header, rows)


# Working hours


def worked_seconds(calendar: Any, first: int, last: int) -> Length:
    """Return what counts the worked seconds between two moments of this time:
    "a second is worked if it begins in [opens, closes)".
    """
    is_worked = bytearray(last - first)
    zone = ZoneInfo(calendar["time_zone"])
    day = datetime.fromtimestamp(first, zone).date() - timedelta(days=2)
    while midnight(day, zone) <= last:
        for span in spans_on(calendar, day):
            opens = local_moment(day, span["start_time"], zone)
            closes = local_moment(day, span["end_time"], zone)
            for second in range(max(opens, first), min(closes, last)):
                is_worked[second - first] = 1
        day += timedelta(days=1)
    return lambda start, end: sum(is_worked[start - first : end - first])


def spans_on(calendar: Any, day: date) -> list[Any]:
    """ "A date in holidays has exactly its own hours, none by default, whatever
    the weekday; --MM-DD is every year, a date with its year wins over it. A
    missing day is closed."
    """
    spans = calendar["business_hours"].get(WEEKDAYS[day.weekday()], [])
    for name in (f"--{day:%m-%d}", str(day)):
        for holiday in calendar.get("holidays", []):
            first = holiday.get("date", holiday.get("from"))
            last = holiday.get("date", holiday.get("to"))
            is_range = not first.startswith("--") and not name.startswith("--")
            if name == first or (is_range and first <= name <= last):
                spans = holiday.get("hours", [])
    return spans if isinstance(spans, list) else [spans]


def local_moment(day: date, time: str, zone: tzinfo) -> int:
    """ "A local time that a change of clocks skips is read as if the clock had
    not changed; one that occurs twice is the first (Python's fold=0)." "23:59
    and 23:59:59 as an end mean 24:00."
    """
    if time in ("24:00", "23:59", "11:59:59 pm"):
        return midnight(day + timedelta(days=1), zone)
    form = "%I:%M:%S %p" if time.count(":") == 2 else "%I:%M %p"
    form = form if time.lower().endswith("m") else "%H:%M"
    read = datetime.strptime(time, form).time()
    return int(datetime.combine(day, read, zone).timestamp())


def business_names(columns: list[str]) -> list[str]:
    return [name.replace("_seconds", "_business_seconds") for name in columns]


def business_reports(
    rows: list[dict[str, Any]],
    counted: list[dict[str, Any]],
    codes: dict[str, list[str | None]],
    weeks: list[list[Any]],
) -> dict[str, list[str]]:
    """Return the reports that exist only with business hours: "value, then
    median, p90, mean of the two business durations".
    """
    reports = {
        "ticket_metrics_business": csv_lines(
            business_names(["ticket_id", *DURATIONS]),
            [[row[name] for name in ("ticket_id", *DURATIONS)] for row in rows],
        ),
        "metrics_by_week_business": csv_lines(
            business_names(["week", *STATISTICS]), weeks
        ),
    }
    for name in ("priority", "group", "agent_id"):
        compared = by_property(name, codes[name], counted)
        reports[f"metrics_by_{name.removesuffix('_id')}_business"] = csv_lines(
            business_names([PROPERTIES[name], *STATISTICS]),
            [[row[0], *row[-6:]] for row in compared],
        )
    return reports


def by_week_worked(
    windows: list[tuple[int, int]],
    as_of: int,
    zone: tzinfo,
    rows: list[dict[str, Any]],
) -> list[list[Any]]:
    """Return the weeks of by_week(), and how long their tickets took."""
    result = []
    nothing: tuple[list[int], ...] = ([], [], [], [])
    for week, *counts in by_week(windows, as_of, zone, nothing, {}, []):
        monday = date.fromisoformat(week)
        start = midnight(monday, zone)
        end = midnight(monday + timedelta(days=7), zone)
        own = [
            row
            for row in rows
            if row["created_at"] and start <= second_of(row) < end
        ]
        own = own if counts[0] is not None else []  # no export covers it
        responses = having(own, "time_to_first_response_seconds")
        resolutions = having(own, "time_till_resolution_seconds")
        result.append([week, *statistics(responses), *statistics(resolutions)])
    return result


# Targets


def service_levels(
    ticket: list[Activity],
    visits: list[Visit],
    statuses: dict[str, str],
    agents: set[int],
    as_of: int,
    policy: Any,
    worked: Length | None,
) -> list[list[Any]]:
    """Return priority, target, elapsed seconds and judgement of the ticket's
    first response, and of its resolution.

    "The time to first response (business or calendar, as that priority says).
    It never pauses." "The seconds from the creation (asked) to the final
    resolution spent in statuses that neither pause nor are Resolved or Closed."
    """
    asked_at = asked(ticket, statuses, agents)
    told = policy.get("pauses", PAUSES)
    pauses = {statuses.get(alike(status), folded(status)) for status in told}

    def judge(name: str, happened: int | None) -> list[Any]:
        moment = as_of if happened is None else happened
        # "The ticket's at the moment that is judged."
        before = [activity for activity in ticket if activity.second <= moment]
        code = last_code(before, "priority")
        target = policy["sla_target"].get(f"priority_{code}", {})
        within = target.get(name)
        if asked_at is None or within is None:
            return [label("priority", code), within, None, None]
        spans = [(asked_at, moment)]
        if name == "resolve_within":
            spans = [
                (max(asked_at, visit.start), visit.end)
                for visit in visits
                if visit.status not in {*pauses, *ENDED}
                and visit.end > asked_at
            ]
        length = worked if target["business_hours"] else None
        elapsed = sum(
            length(start, end) if length else end - start
            for start, end in spans
        )
        verdict = "running" if happened is None else "met"
        verdict = "missed" if elapsed > within else verdict
        return [label("priority", code), within, elapsed, verdict]

    return [
        judge("respond_within", first_response(ticket, statuses, agents)),
        judge(
            "resolve_within",
            standing_resolution(ticket, visits, statuses, agents),
        ),
    ]


def targets_met(judged: list[list[list[Any]]]) -> list[list[Any]]:
    """ "Each judgement under its own priority." "Share = met / (met + missed)
    in percent, one decimal; empty if both are 0."
    """
    rows = []
    for priority in NAMES_OF_CODES["priority"].values():
        row: list[Any] = [priority]
        for verdicts in zip(*judged, strict=True):
            own = [one[3] for one in verdicts if one[0] == priority]
            met, missed = own.count("met"), own.count("missed")
            row += [met, missed, own.count("running")]
            share = None
            if both := met + missed:
                tenths = (2000 * met + both) // (2 * both)
                share = f"{tenths // 10}.{tenths % 10}"
            row.append(share)
        if any(row[1:]):
            rows.append(row)
    return rows


# Writing


def iso_8601(second: int) -> str:
    moment = datetime.fromtimestamp(second, tz=timezone.utc)
    return moment.isoformat().replace("+00:00", "Z")


def csv_lines(header: list[str], rows: list[list[Any]]) -> list[str]:
    """ "Comma, \\n, a header row, quotes only where needed. A text field (never
    a number) that begins with =, +, -, @, tab or carriage return gets a
    leading '." Unknown is an empty field.
    """

    def field(value: str | int | None) -> str:
        if value is None:
            return ""
        text = str(value).replace("\0", "\ufffd")
        is_number = re.fullmatch(r"-[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?", text)
        if text.startswith(tuple("=+-@\t\r")) and not is_number:
            text = f"'{text}"
        if any(special in text for special in ',"\r\n'):
            text = '"' + text.replace('"', '""') + '"'
        return text

    lines = [",".join(map(field, row)) for row in (header, *rows)]
    return "\n".join(lines).split("\n")
