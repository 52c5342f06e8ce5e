"""What every CSV must say: the definitions once more, slow and obvious.

The oracle recomputes the reports from the bytes of the exports, in plain Python
and without the project's code, as literally as the definitions read. Sentences
in quotation marks are the definitions' own.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import pairwise
from typing import Any

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
]
TIME_IN_STATUS = ["ticket_id", "status", "time_in_status_seconds", "visits"]

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
    "answered",
    "resolved",
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
HOUR = 3600

Performer = tuple[str, "int | None"]  # performer_type and performer_id


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
    exports: Iterable[bytes], aliases: Mapping[str, str] | None = None
) -> dict[str, list[str]]:
    """Return the lines of every report, by its name, header first.

    *exports* are the bytes of the files, in any order; *aliases* are the
    user's status labels and the canonical statuses they stand for.
    """
    files = list(exports)
    first_start, as_of = first_and_last([parsed(file) for file in files])
    statuses = status_names(aliases or {})
    activities = distinct(files)

    story: dict[int, list[Activity]] = {}
    for activity in sorted(
        activities, key=lambda activity: (activity.ticket, activity.place)
    ):
        story.setdefault(activity.ticket, []).append(activity)
    agents = agents_anywhere([*story.values()], statuses)
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
        "tickets_by_hour": csv_lines(
            ["hour", *HOURLY],
            by_hour(first_start, as_of, counted_rows, answered, counted_visits),
        ),
    }
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
        reports[f"metrics_by_{name.removesuffix('_id')}"] = csv_lines(
            [column, *COMPARED], by_property(name, counted_codes, counted_rows)
        )
    for row, own in zip(properties, story.values(), strict=True):
        row.append(set_aside(own))
    reports["ticket_properties"] = csv_lines(
        ["ticket_id", *PROPERTIES.values(), "set_aside"], properties
    )
    return reports


# Reading


def seconds(text: str) -> int:
    """Return the UTC second; the offset is honoured."""
    return int(datetime.strptime(text, "%d-%m-%Y %H:%M:%S %z").timestamp())


def parsed(file: bytes) -> Any:
    return json.loads(file.decode("utf-8-sig"))


def first_and_last(exports: list[Any]) -> tuple[int, int]:
    """Return the first export's start, and as_of: "the latest metadata.end_at
    of all ingested exports, empty ones included, and never before the last
    activity."
    """
    starts, ends = [], []
    for export in exports:
        starts.append(seconds(export["metadata"]["start_at"]))
        ends.append(seconds(export["metadata"]["end_at"]))
        for record in export["activities_data"]:
            ends.append(seconds(record["performed_at"]))
    return min(starts), max(ends)


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
) -> dict[str, Any]:
    """Return the ticket's row; None is unknown."""

    def spent(status: str) -> int | None:
        """ "0 = seen, but never in this status" """
        if not visits:
            return None
        return sum(v.end - v.start for v in visits if v.status == status)

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
        return max(0, moment - asked_at)

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
    ]
    return dict(zip(TICKET_METRICS, row, strict=True))


def time_in_status(visits: dict[int, list[Visit]]) -> list[list[Any]]:
    """ "One row per ticket and status", ordered by status."""
    rows = []
    for ticket, every in visits.items():
        for status in sorted({visit.status for visit in every}):
            own = [visit for visit in every if visit.status == status]
            spent = sum(visit.end - visit.start for visit in own)
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
        known = [row["current_status"] for row in own if row["current_status"]]
        responses = having(own, "time_to_first_response_seconds")
        result.append(
            [
                value,
                len(own),
                len(responses),
                len([status for status in known if status in ENDED]),
                len([row for row in own if row["reopens"]]),
                len([status for status in known if status not in ENDED]),
                *statistics(responses),
                *statistics(having(own, "time_till_resolution_seconds")),
            ]
        )
    return result


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


def by_hour(
    start: int,
    as_of: int,
    rows: list[dict[str, Any]],
    responses: list[int | None],
    visits_of: dict[int, list[Visit]],
) -> list[list[Any]]:
    """ "UTC hours from the first export's start to as_of, those without
    activity included."
    """
    created, resolved, reopened = [], [], []
    answered = [response for response in responses if response is not None]
    for row in rows:
        if row["created_at"]:
            moment = datetime.fromisoformat(row["created_at"][:-1] + "+00:00")
            created.append(int(moment.timestamp()))
    for visits in visits_of.values():
        was_ended = False
        for visit in visits:
            if visit.status in ENDED and not was_ended:
                resolved.append(visit.start)
            if visit.status not in ENDED and was_ended:
                reopened.append(visit.start)
            was_ended = visit.status in ENDED

    result = []
    hours = range(start - start % HOUR, as_of + 1, HOUR)
    for hour in hours[:1_000_000]:  # "at most a million of them"
        backlog = 0
        for visits in visits_of.values():
            begun = [v for v in visits if v.start < hour + HOUR]
            if begun and begun[-1].status not in ENDED:
                backlog += 1
        counts = [
            len([moment for moment in moments if hour <= moment < hour + HOUR])
            for moments in (created, answered, resolved, reopened)
        ]
        result.append([iso_8601(hour), *counts, backlog])
    return result


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
