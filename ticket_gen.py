#!/usr/bin/env python3
"""Make a believable helpdesk's day as a Freshdesk ticket activity export.

Glossary
    ticket     a customer's matter; its ids grow with its creation
    requester  the customer who raised it; a *contact* is someone in copy
    agent      who works on it, in a *group*, on a *shift*
    stage      where a ticket stands: a status, and what happens next in it
    step       what somebody does to a ticket: a note, a new stage, or both
    window     the 24 hours of one export, both ends included
    clock      time that passes only when somebody is there (office hours)

The tables below make the world; change them to change the helpdesk. The
simulation (Helpdesk) decides what happens. The two forms (ReadmeForm,
TodaysForm) only write it down. One record of the README's form:

    {"performed_at": "21-04-2017 09:33:38 +0000", "ticket_id": 600,
     "performer_type": "user", "performer_id": 149018,
     "activity": {"note": {"id": 4025864, "type": 4}}}

Limit: the README's form cannot mark a ticket's creation. Of several days
(--days), a later one ingested alone can show a reopening that reads as a
creation. Ingest them together, or write today's form, which marks creations.
"""

from __future__ import annotations

import argparse
import random
import time
from array import array
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone, tzinfo
from itertools import accumulate, count
from json import dumps
from math import exp
from pathlib import Path
from statistics import NormalDist
from typing import IO, Any, NamedTuple, Protocol, TypeVar

from freshdesk import (
    DAY,
    EPOCH,
    EXPORTS_DIR,
    FORWARD,
    PRIVATE_NOTE,
    PUBLIC_NOTE,
    REPLY,
    REPLY_TO_FORWARD,
    Failure,
    run_script,
    format_timestamp,
    locked,
    replacing,
    show_progress,
    without_garbage_collection,
)

# ---- The tables that make the world ----------------------------------------
# Where no source is named, the figures are what support teams commonly report
# (one-touch resolutions around a third, skewed waits), tuned so that a weekday
# ends with about six in ten of its tickets resolved.

EARLIER_SHARE = 0.1  # of the tickets were opened before the first window

# Arrivals by local hour from midnight, the busiest hour being 1: a morning
# peak, a dip at lunch, a second peak, a quiet night.
ARRIVALS = [
    *(0.05, 0.04, 0.03, 0.03, 0.03, 0.05, 0.10, 0.25),
    *(0.55, 0.90, 1.00, 0.97, 0.62, 0.68, 0.90, 0.92),
    *(0.85, 0.66, 0.42, 0.30, 0.26, 0.21, 0.14, 0.08),
]
# Business customers rest at the weekend; Monday brings what was left over.
WEEKDAYS = (1.15, 1.05, 1.0, 1.0, 0.92, 0.35, 0.28)  # Monday first


class Shift(NamedTuple):
    share: float  # of the agents
    days: Sequence[int]  # 0 is Monday
    begins: float  # local hours; one that ends before it begins, at night
    ends: float
    skeleton: bool  # a few people who stand in for every group


SHIFTS = {
    "early": Shift(0.28, range(5), 7.0, 15.5, False),
    "day": Shift(0.44, range(5), 9.0, 17.5, False),
    "late": Shift(0.18, range(5), 11.5, 20.0, False),
    "night": Shift(0.05, range(7), 19.5, 7.5, True),
    "weekend": Shift(0.05, (5, 6), 7.0, 20.0, True),
}
TICKETS_PER_AGENT = 20  # new ones a day: a usual workload
FEWEST_AGENTS = 12
# How unevenly work and trade spread: the higher, the more the first ones get.
AGENT_SKEW, REQUESTER_SKEW = 1.4, 2.5
REQUESTERS_PER_TICKET = 0.8
# Out of office hours the skeleton shift takes these at once (1 is low); the
# rest waits for the morning.
ON_CALL = {1: 0.25, 2: 0.4, 3: 0.7, 4: 0.97}
# Nobody's ticket waits longer than this for a skeleton shift to return.
PATIENCE = 8 * 3600

# How long agents take, by priority (1 is low): service levels are set so.
PACE = {1: 2.1, 2: 1.05, 3: 0.55, 4: 0.2}
SLA_HOURS = {1: 72, 2: 24, 3: 8, 4: 2}  # Freshdesk's usual defaults, roughly


class Product(NamedTuple):
    weight: float
    category: str
    ships: bool


PRODUCTS = {  # one bestseller, a long tail
    "mobile": Product(34, "Phone", True),
    "laptop": Product(17, "Computer", True),
    "headphones": Product(13, "Accessory", True),
    "music streaming": Product(10, "Subscription", False),
    "tablet": Product(8, "Computer", True),
    "cloud storage": Product(6, "Subscription", False),
    "charger": Product(5, "Accessory", True),
    "smart watch": Product(4, "Wearable", True),
    "warranty plan": Product(2, "Service", False),
    "gift card": Product(1, "Service", False),
}


class Issue(NamedTuple):
    weight: float
    group: str
    priorities: Sequence[float]  # weights of low, medium, high, urgent
    tag: str
    shipped_only: bool = False


ISSUES = {
    "Question": Issue(34, "Customer Care", (50, 42, 7, 1), "how-to"),
    "Incident": Issue(22, "Technical Support", (10, 42, 34, 14), "outage"),
    "Problem": Issue(14, "Technical Support", (18, 50, 25, 7), "defect"),
    "Refund": Issue(12, "Refund", (20, 55, 21, 4), "refund"),
    "Delivery": Issue(12, "Logistics", (20, 52, 22, 6), "delivery", True),
    "Feature Request": Issue(6, "Customer Care", (82, 17, 1, 0), "idea"),
}
SECOND_LEVEL, SECOND_LEVEL_SHARE = "Second Level", 0.1  # takes escalations


class Source(NamedTuple):
    weight: float
    reply: int  # the type of public notes: email is replied to by email
    pace: float  # of everything: a chat or a call is soon over
    stage: str  # where its tickets begin


EMAIL, PORTAL, PHONE, TWITTER, FACEBOOK, CHAT, WIDGET = 1, 2, 3, 5, 6, 7, 9
SOURCES = {
    EMAIL: Source(46, REPLY, 1.0, "New"),
    PORTAL: Source(20, PUBLIC_NOTE, 1.0, "New"),
    PHONE: Source(14, PUBLIC_NOTE, 0.6, "New"),
    CHAT: Source(9, PUBLIC_NOTE, 0.5, "Talk"),
    WIDGET: Source(6, REPLY, 1.0, "New"),
    TWITTER: Source(3, PUBLIC_NOTE, 0.7, "New"),
    FACEBOOK: Source(2, PUBLIC_NOTE, 0.7, "New"),
}
ASSIGNED_SHARE = 0.65  # get an agent when opened; an agent picks up the rest

# Who takes a step. A colleague helps the assigned agent; a contact is in copy.
AGENT, COLLEAGUE, CUSTOMER, CONTACT, SYSTEM, NOBODY = range(6)
PUBLIC = -1  # the public note's type depends on the ticket's source
SILENT = -2  # a step without a note

STAYS, HANDS_OVER, ESCALATES = range(3)


class Step(NamedTuple):
    """What may happen next in a stage, and after how long.

    The wait is log-normal: half are shorter than *minutes*, *spread* is the
    standard deviation of its logarithm. It passes on the clock of who acts.
    """

    weight: float
    who: int
    note: int
    to: str
    minutes: float
    spread: float
    effect: int = STAYS


# The status that a stage shows. New: nobody has worked on it. Talk: a live
# conversation, note after note; few tickets, many activities.
LABELS = {
    "New": "Open",
    "Talk": "Open",
    "Open": "Open",
    "Pending": "Pending",
    "Customer": "Waiting on Customer",
    "Third party": "Waiting on Third Party",
    "Resolved": "Resolved",
    "Closed": "Closed",
}
LIFE: dict[str, tuple[Step, ...]] = {
    "New": (
        # a third is solved by the first answer
        Step(29, AGENT, PUBLIC, "Resolved", 42, 1.1),
        Step(23, AGENT, PUBLIC, "Customer", 30, 1.1),
        Step(11, AGENT, PUBLIC, "Pending", 30, 1.1),
        Step(11, AGENT, PUBLIC, "Open", 20, 1.1),  # "we are on it"
        Step(4, AGENT, FORWARD, "Third party", 45, 1.1),
        Step(5, AGENT, SILENT, "Closed", 25, 1.0),  # spam, duplicates
        Step(8, AGENT, PRIVATE_NOTE, "New", 15, 1.0),
        Step(4, COLLEAGUE, PRIVATE_NOTE, "New", 20, 1.0),
        Step(7, CUSTOMER, PUBLIC, "New", 35, 1.2),  # "also, ..."
        Step(2, CONTACT, PUBLIC, "New", 45, 1.2),
        Step(3, AGENT, PUBLIC, "Talk", 12, 1.0),
        Step(2, AGENT, PRIVATE_NOTE, "New", 20, 1.0, HANDS_OVER),
        Step(1.5, AGENT, PRIVATE_NOTE, "New", 25, 1.0, ESCALATES),
    ),
    "Talk": (
        Step(47, AGENT, PUBLIC, "Talk", 2.5, 0.8),
        Step(43, CUSTOMER, PUBLIC, "Talk", 1.5, 0.8),
        Step(6, AGENT, PUBLIC, "Resolved", 4, 0.9),
        Step(2, AGENT, PUBLIC, "Customer", 4, 0.9),
        Step(2, AGENT, PUBLIC, "Pending", 4, 0.9),
    ),
    "Open": (  # answered before, and the agents' turn again
        Step(38, AGENT, PUBLIC, "Resolved", 35, 1.1),
        Step(13, AGENT, PUBLIC, "Customer", 28, 1.1),
        Step(8, AGENT, PUBLIC, "Pending", 28, 1.1),
        Step(5, AGENT, FORWARD, "Third party", 35, 1.1),
        Step(3, AGENT, PUBLIC, "Closed", 30, 1.1),
        Step(11, AGENT, PRIVATE_NOTE, "Open", 15, 1.0),
        Step(7, COLLEAGUE, PRIVATE_NOTE, "Open", 18, 1.0),
        Step(5, AGENT, PUBLIC, "Open", 25, 1.0),
        Step(7, CUSTOMER, PUBLIC, "Open", 30, 1.2),
        Step(1.5, CONTACT, PUBLIC, "Open", 40, 1.2),
        Step(2, AGENT, PUBLIC, "Talk", 12, 1.0),
        Step(2, AGENT, PRIVATE_NOTE, "Open", 20, 1.0, HANDS_OVER),
        Step(1.5, AGENT, PRIVATE_NOTE, "Open", 25, 1.0, ESCALATES),
    ),
    "Pending": (
        Step(46, AGENT, PUBLIC, "Resolved", 70, 1.2),
        Step(14, AGENT, PRIVATE_NOTE, "Pending", 40, 1.1),
        Step(10, COLLEAGUE, PRIVATE_NOTE, "Pending", 40, 1.1),
        Step(8, AGENT, PUBLIC, "Customer", 60, 1.1),
        Step(6, AGENT, FORWARD, "Third party", 60, 1.1),
        Step(14, CUSTOMER, PUBLIC, "Open", 60, 1.3),  # "any news?"
        Step(2, CONTACT, PUBLIC, "Pending", 60, 1.3),
    ),
    "Customer": (
        Step(66, CUSTOMER, PUBLIC, "Open", 50, 1.3),
        Step(12, AGENT, PUBLIC, "Customer", 240, 0.8),  # a reminder
        Step(8, AGENT, PUBLIC, "Resolved", 260, 0.8),
        Step(6, CUSTOMER, PUBLIC, "Customer", 30, 1.2),
        Step(4, SYSTEM, SILENT, "Resolved", 2 * 24 * 60, 0.0),  # no answer
        Step(2, CONTACT, PUBLIC, "Customer", 60, 1.2),
    ),
    "Third party": (
        Step(36, AGENT, REPLY_TO_FORWARD, "Open", 120, 1.1),
        Step(24, AGENT, PUBLIC, "Resolved", 150, 1.1),
        Step(16, AGENT, REPLY_TO_FORWARD, "Third party", 90, 1.0),
        Step(10, COLLEAGUE, PRIVATE_NOTE, "Third party", 60, 1.0),
        Step(12, CUSTOMER, PUBLIC, "Open", 120, 1.2),
    ),
    "Resolved": (
        # most rest until the system closes them; the rule: after a day
        Step(72, SYSTEM, SILENT, "Closed", 24 * 60, 0.0),
        Step(7, CUSTOMER, PUBLIC, "Open", 50, 1.3),  # reopened
        Step(21, CUSTOMER, PUBLIC, "Resolved", 40, 1.2),  # "thank you"
    ),
    "Closed": (
        Step(98.5, NOBODY, SILENT, "Closed", 0, 0.0),
        Step(1.5, CUSTOMER, PUBLIC, "Open", 180, 1.2),
    ),
}
# Where the tickets stand that were opened before the first window.
EARLIER_STAGES = {
    "New": 10,
    "Open": 20,
    "Pending": 16,
    "Customer": 25,
    "Third party": 11,
    "Resolved": 18,
}
# Seconds from a reply to its new status. An Open in the first second of a
# ticket that was opened earlier would read as a creation.
GAPS = [0, 0, 0, 0, 0, 1, 1, 2, 3]
FIRST_GAPS = [gap or 1 for gap in GAPS]
AT_ONCE = [0]
SLA_FIRST_SHARE = 0.12  # the service level's record comes a second early
# Something ships from a week before a ticket is opened to some days after.
SHIPMENT_DAYS = {-7: 1, -5: 2, -4: 3, -3: 5, -2: 6, -1: 5, 0: 3, 1: 4, 3: 2}

# Ids that never meet: agents stay below requesters for any number of tickets.
FIRST_TICKET, FIRST_NOTE = 600, 4_025_864
FIRST_AGENT, FIRST_REQUESTER = 149_001, 1_450_001
ADDRESSES = 800  # drawn from Faker; a requester keeps the same one
TODAYS_OFFSET = 103_000_000_000  # today's ids of people and notes are long

# ---- Drawing ---------------------------------------------------------------

MINUTE = 60
MOST_DAYS = 366  # all their files are open at once
SLOT = 900  # seconds; every zone's offset is a multiple of it
NEVER = 1 << 60
T = TypeVar("T")
# A step as it is planned: who, note, the stage after, effect.
Planned = tuple[int, int, str, int]
TABLE = 1024  # entries of a table to draw from: drawing is one look-up


def table(weights: Mapping[T, float]) -> list[T]:
    """Return the keys, each as often as its weight has it; equals together."""
    total = sum(weights.values())
    entries: list[T] = []
    passed = 0.0
    for key, weight in weights.items():
        passed += weight
        entries += [key] * (round(TABLE * passed / total) - len(entries))
    return entries


def steps_table(steps: Sequence[Step]) -> tuple[list[Planned], array[float]]:
    """Return a stage's steps, each as often as its weight has it; their waits.

    Each time it has another wait, in seconds: the quantiles of its
    distribution.
    """
    planned: list[Planned] = []
    waits = array("d")
    for step, times in Counter(table({s: s.weight for s in steps})).items():
        planned += [(step.who, step.note, step.to, step.effect)] * times
        for i in range(times):
            normal = NormalDist().inv_cdf((i + 0.5) / times)
            waits.append(60 * step.minutes * exp(step.spread * normal))
    return planned, waits


class Clock:
    """A clock that runs at a given rate in every slot of time, 0 to 1.

    Agents' waits are measured on it, so that they stand still out of hours
    and spread over the morning; arrivals are even on it.
    """

    def __init__(
        self, start: int, rates: Sequence[float], *, skeleton: bool = False
    ) -> None:
        self.start = start
        self.skeleton = skeleton  # the clock of a skeleton shift
        self.rates = rates
        self.readings = [0.0, *accumulate(rate * SLOT for rate in rates)]

    def reading(self, second: int) -> float:
        """Return how much has passed by *second*."""
        slot, within = divmod(second - self.start, SLOT)
        if slot >= len(self.rates):
            return self.readings[-1]
        return self.readings[slot] + within * self.rates[slot]

    def when(self, reading: float) -> int:
        """Return the second at which the clock shows *reading*, or NEVER."""
        readings = self.readings
        slot = bisect_right(readings, reading) - 1
        if slot >= len(self.rates):
            return NEVER
        into = (reading - readings[slot]) / self.rates[slot]
        return self.start + slot * SLOT + int(into)

    def after(self, second: int, wait: float) -> int:
        """Return the second by which *wait* more has passed, or NEVER."""
        # self.when(self.reading(second) + wait), without the calls
        readings, rates, passed = self.readings, self.rates, second - self.start
        slot = passed // SLOT
        reading = readings[slot] + passed % SLOT * rates[slot] + wait
        if reading >= readings[-1]:
            return NEVER
        slot = bisect_right(readings, reading, slot) - 1
        into = (reading - readings[slot]) / rates[slot]
        return self.start + slot * SLOT + int(into)


class Calendar:
    """The local days and hours of the slots of time that are simulated."""

    def __init__(self, first: int, last: int, zone: tzinfo) -> None:
        self.start = first - first % SLOT
        slots = range(self.start, last + 2 * SLOT, SLOT)
        moments = [datetime.fromtimestamp(slot, zone) for slot in slots]
        self.hours = [(m.weekday(), m.hour + m.minute / 60) for m in moments]

    def arrivals(self) -> Clock:
        """Return the customers' clock."""
        rates = [ARRIVALS[int(h)] * WEEKDAYS[day] for day, h in self.hours]
        return Clock(self.start, rates)

    def shift(self, shift: Shift) -> Clock:
        """Return the clock that runs while the shift is at work."""
        rates = [on_shift(shift, *local) for local in self.hours]
        return Clock(self.start, rates, skeleton=shift.skeleton)


def on_shift(shift: Shift, weekday: int, hour: float) -> bool:
    if shift.begins > shift.ends:
        return hour >= shift.begins or hour < shift.ends
    return weekday in shift.days and shift.begins <= hour < shift.ends


# ---- People ----------------------------------------------------------------


class Staff:
    """The agents: teams by group and shift, and who is on duty when."""

    def __init__(
        self, draw: Callable[[], float], agents: int, calendar: Calendar
    ) -> None:
        self.draw = draw
        ids = count(FIRST_AGENT)
        regular = [s for s in SHIFTS if not SHIFTS[s].skeleton]
        self.teams: dict[tuple[str, str], list[int]] = {}
        for group, group_share in group_shares().items():
            for name in regular:
                size = round(agents * group_share * SHIFTS[name].share)
                team = [next(ids) for _ in range(max(1, size))]
                self.teams[group, name] = team
        for name, shift in SHIFTS.items():
            if shift.skeleton:
                size = max(2, round(agents * shift.share))
                team = [next(ids) for _ in range(size)]
                for group in group_shares():
                    self.teams[group, name] = team
        self.clocks = {n: calendar.shift(s) for n, s in SHIFTS.items()}
        # Larger shifts stand more often in these lists.
        self.office = [name for name in regular for _ in range(size_of(name))]
        self.start = calendar.start
        self.duty = [self.on_duty(*hour) for hour in calendar.hours]

    def on_duty(self, weekday: int, hour: float) -> tuple[bool, list[str]]:
        """Return whether the office is open, and the shifts at work then."""
        present = [s for s in SHIFTS if on_shift(SHIFTS[s], weekday, hour)]
        regular = [s for s in present if not SHIFTS[s].skeleton]
        names = regular or present
        return bool(regular), [n for n in names for _ in range(size_of(n))]

    def pick(
        self, second: int, group: str, priority: int, *, now: bool = False
    ) -> tuple[int, Clock]:
        """Return an agent for the ticket, and the clock; *now*: on duty."""
        draw = self.draw
        is_open, shifts = self.duty[(second - self.start) // SLOT]
        if not (is_open or now or draw() < ON_CALL[priority]):
            shifts = self.office
        return self.one_of(group, shifts)

    def one_of(self, group: str, shifts: Sequence[str]) -> tuple[int, Clock]:
        shift = shifts[int(self.draw() * len(shifts))]
        team = self.teams[group, shift]
        agent = team[int(len(team) * self.draw() ** AGENT_SKEW)]
        return agent, self.clocks[shift]


def group_shares() -> dict[str, float]:
    """Return each group's share of the agents: as much as it gets to do."""
    shares = {issue.group: 0.0 for issue in ISSUES.values()}
    for issue in ISSUES.values():
        shares[issue.group] += issue.weight
    total = sum(shares.values()) / (1 - SECOND_LEVEL_SHARE)
    return {group: weight / total for group, weight in shares.items()} | {
        SECOND_LEVEL: SECOND_LEVEL_SHARE
    }


def size_of(shift: str) -> int:
    return round(SHIFTS[shift].share * 100)


def draw_addresses(locale: str, seed: int, size: int) -> list[str]:
    """Return addresses of the locale, each one line, as JSON text."""
    try:
        from faker import Faker
    except ModuleNotFoundError:
        raise Failure(
            "Faker is missing; install it: python -m pip install faker"
        ) from None
    fake = Faker(locale)
    fake.seed_instance(seed)
    return [dumps(", ".join(fake.address().split("\n"))) for _ in range(size)]


# ---- Tickets and how they are written ---------------------------------------


class Ticket:
    """A ticket as it stands.

    It has no text of its own: of a large helpdesk's, hardly any ticket is in
    the processor's cache when its turn comes, and each text would be another
    wait for memory. Written text around what changes took a fifth more time at
    ten million activities, and more than twice the memory.
    """

    __slots__ = (
        "address",
        "agent",
        "assigned",
        "clock",
        "contacted",
        "group",
        "id",
        "issue",
        "priority",
        "product",
        "requester",
        "said",
        "second",
        "shipment",
        "source",
        "stage",
        "step",
        "unseen",
    )
    id: int
    requester: int
    address: str  # as JSON, like the shipment's date
    shipment: str
    product: str
    issue: str
    source: int
    stage: str
    priority: int
    group: str
    agent: int  # who works on it
    clock: Clock  # and when
    assigned: int | None  # who is shown to do so
    contacted: bool
    step: Planned  # what happens next
    second: int  # of its minute
    unseen: bool  # opened before the windows, and not in them so far
    said: tuple[Any, ...]  # what today's form has last told


class Form(Protocol):
    """How the export writes what happens, from the ticket's id on.

    All of a second's records begin alike (beginning()). "" stands for what a
    form leaves out.
    """

    def know(self, ticket: Ticket) -> None:
        """Take what an earlier export has told of the ticket."""

    def created(self, ticket: Ticket, by: int) -> str: ...

    def note(self, ticket: int, by: int, number: int, kind: int) -> str: ...

    def changed(self, ticket: Ticket, by: int | None) -> str: ...

    def service_level(self, ticket: Ticket, due: int) -> str: ...

    def routed(self, ticket: Ticket) -> str: ...


def beginning(second: int) -> str:
    """Return what comes before the ticket's id in a record of that second."""
    return f'{{"performed_at": "{format_timestamp(second)}", "ticket_id": '


BOOLEANS = {False: "false", True: "true"}
MONTHS = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
TEXT = {  # every name of the tables, once and for all as JSON
    name: dumps(name)
    for names in (LABELS.values(), ISSUES, PRODUCTS, group_shares())
    for name in names
}
CATEGORY = {name: dumps(p.category) for name, p in PRODUCTS.items()}
STATUS = {stage: TEXT[label] for stage, label in LABELS.items()}


class ReadmeForm:
    """The README's form: a note, or all twelve properties after a change."""

    def know(self, ticket: Ticket) -> None:
        pass  # it tells everything each time

    def note(self, ticket: int, by: int, number: int, kind: int) -> str:
        return (
            f'{ticket}, "performer_type": "user", "performer_id": {by}, '
            f'"activity": {{"note": {{"id": {number}, "type": {kind}}}}}}}'
        )

    def changed(self, ticket: Ticket, by: int | None) -> str:
        who = f'user", "performer_id": {by}'
        if by is None:
            who = 'system", "performer_id": null'
        return (
            f'{ticket.id}, "performer_type": "{who}, "activity": {{'
            f'"shipping_address": {ticket.address}, '
            f'"shipment_date": {ticket.shipment}, '
            f'"category": {CATEGORY[ticket.product]}, '
            f'"contacted_customer": {BOOLEANS[ticket.contacted]}, '
            f'"issue_type": {TEXT[ticket.issue]}, '
            f'"source": {ticket.source}, '
            f'"status": {STATUS[ticket.stage]}, '
            f'"priority": {ticket.priority}, '
            f'"group": {TEXT[ticket.group]}, '
            f'"agent_id": {ticket.assigned or "null"}, '
            f'"requester": {ticket.requester}, '
            f'"product": {TEXT[ticket.product]}}}}}'
        )

    def created(self, ticket: Ticket, by: int) -> str:
        return self.changed(ticket, by)

    def service_level(self, ticket: Ticket, due: int) -> str:  # noqa: ARG002
        return ""

    def routed(self, ticket: Ticket) -> str:  # noqa: ARG002
        return ""


ROUTED = {  # what the automation on creation does besides
    name: f', "added_tags": [{dumps(issue.tag)}], '
    '"automation": {"type": 1, "rule": "Route by ticket type"}'
    for name, issue in ISSUES.items()
}


ORDER = dumps("Nº de pedido")  # a custom field's name is not always English


class TodaysForm:
    """Today's form: only what changed, and what the helpdesk does by itself."""

    def know(self, ticket: Ticket) -> None:
        ticket.said = state(ticket)

    def record(self, ticket: int, by: int | None, activity: str) -> str:
        who = '"system"'
        if by is not None:
            who = f'"user", "performer_id": {by + TODAYS_OFFSET}'
        return (
            f'{ticket}, "performer_type": {who}, "activity": {{{activity}}}}}'
        )

    def note(self, ticket: int, by: int, number: int, kind: int) -> str:
        number += TODAYS_OFFSET
        note = f'"note": {{"id": {number}, "type": {kind}}}'
        return self.record(ticket, by, note)

    def created(self, ticket: Ticket, by: int) -> str:
        ticket.said = ("Open", ticket.priority, None, ticket.assigned, False)
        agent = ticket.assigned
        activity = (
            f'"new_ticket": true, "status": "Open", '
            f'"priority": {ticket.priority}, "source": {ticket.source}, '
            f'"requester_id": {ticket.requester + TODAYS_OFFSET}, '
            f'"group": null, '
            f'"agent_id": {agent + TODAYS_OFFSET if agent else "null"}, '
            f'"ticket_type": {TEXT[ticket.issue]}, '
            f'"product": {TEXT[ticket.product]}, "Category": '
            f"{CATEGORY[ticket.product]}, "
            f'"Contacted customer": false'
        )
        if ticket.address != NOT_SHIPPED:
            order = f"A-{ticket.id * 7919 % 1_000_000:06}"
            activity += (
                f', "Shipping address": {ticket.address}, "Shipment date": '
                f'{ticket.shipment}, {ORDER}: "{order}"'
            )
        return self.record(ticket.id, by, activity)

    def changes(self, ticket: Ticket) -> list[str]:
        """Return what is new since the ticket's last record, and note it."""
        said, now = ticket.said, state(ticket)
        ticket.said = now
        status, priority, group, agent, contacted = now
        new = []
        if status != said[0]:
            new.append(f'"status": {TEXT[status]}')
        if priority != said[1]:
            new.append(f'"priority": {priority}')
        if group != said[2]:
            new.append(f'"group": {TEXT[group]}')
        if agent != said[3]:
            new.append(f'"agent_id": {agent + TODAYS_OFFSET}')
        if contacted != said[4]:
            new.append(f'"Contacted customer": {BOOLEANS[contacted]}')
        return new

    def changed(self, ticket: Ticket, by: int | None) -> str:
        new = self.changes(ticket)
        if by is None:
            rule = f"{LABELS[ticket.stage]} after a rest"
            new.append(f'"automation": {{"type": 3, "rule": {dumps(rule)}}}')
        return self.record(ticket.id, by, ", ".join(new))

    def service_level(self, ticket: Ticket, due: int) -> str:
        activity = (
            f'"due_by": "{EPOCH + timedelta(seconds=due):%Y-%m-%d %H:%M}", '
            '"sla_policy": "Default SLA Policy"'
        )
        return self.record(ticket.id, None, activity)

    def routed(self, ticket: Ticket) -> str:
        ticket.said = state(ticket)
        group = f'"group": {TEXT[ticket.group]}{ROUTED[ticket.issue]}'
        return self.record(ticket.id, None, group)


def state(ticket: Ticket) -> tuple[Any, ...]:
    """Return all of the ticket that can change, as it is shown."""
    return (
        LABELS[ticket.stage],
        ticket.priority,
        ticket.group,
        ticket.assigned,
        ticket.contacted,
    )


FORMS: dict[str, Callable[[], Form]] = {
    "readme": ReadmeForm,
    "today": TodaysForm,
}
NOT_SHIPPED = '"N/A"'

# ---- The simulation ---------------------------------------------------------


class Agenda:
    """The tickets by when their next steps come, from *first* to *last*.

    By the second in the present minute, and by the minute later: one list
    for each second to come would be too many to stay in the cache. One heap
    for all would have each step look all over a large memory.
    """

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last
        self.minutes: list[list[Ticket]] = [
            [] for _ in range(first, last + 1, MINUTE)
        ]
        self.seconds: list[list[Ticket]] = []  # of the present minute
        self.ends = first  # so does the present minute

    def add(self, second: int, ticket: Ticket) -> None:
        """Remember the ticket's next step, unless nobody will see it."""
        if second < self.ends:
            self.seconds[second - self.ends].append(ticket)
        elif second <= self.last:
            minute, ticket.second = divmod(second - self.first, MINUTE)
            self.minutes[minute].append(ticket)

    def by_second(self) -> Iterator[tuple[int, list[Ticket]]]:
        """Yield each second with its tickets, in the order they were added."""
        for tickets in self.minutes:
            self.seconds = [[] for _ in range(MINUTE)]
            for ticket in tickets:
                self.seconds[ticket.second].append(ticket)
            tickets.clear()
            begins, self.ends = self.ends, self.ends + MINUTE
            yield from enumerate(self.seconds, begins)


class Helpdesk:
    """What happens between *first* and *last*, both included, in time order.

    The next step of every living ticket waits in an agenda. What comes seconds
    after the reply that causes it waits, already written, in *soon*.
    """

    def __init__(
        self,
        tickets: int,
        seed: int,
        first: int,
        last: int,
        zone: tzinfo,
        addresses: Sequence[str],
        form: Form,
    ) -> None:
        self.draw = random.Random(seed).random
        self.tickets, self.first, self.last = tickets, first, last
        self.addresses, self.form = addresses, form
        calendar = Calendar(first, last, zone)
        self.arrivals = self.customers = calendar.arrivals()
        days = (last + 1 - first) / DAY
        agents = round(tickets / days / TICKETS_PER_AGENT)
        self.staff = Staff(self.draw, max(FEWEST_AGENTS, agents), calendar)
        self.requesters = max(20, round(tickets * REQUESTERS_PER_TICKET))
        self.note_ids = count(FIRST_NOTE)
        self.soon: dict[int, list[str]] = defaultdict(list)
        self.load_tables()

    def load_tables(self) -> None:
        """Make the tables above quick to draw from."""
        self.products = table({p: PRODUCTS[p].weight for p in PRODUCTS})
        self.issues = [
            table(
                {
                    name: issue.weight
                    for name, issue in ISSUES.items()
                    if ships or not issue.shipped_only
                }
            )
            for ships in (False, True)
        ]
        self.priorities = {
            name: table(dict(enumerate(issue.priorities, start=1)))
            for name, issue in ISSUES.items()
        }
        self.sources = table({s: SOURCES[s].weight for s in SOURCES})
        self.steps = {name: steps_table(steps) for name, steps in LIFE.items()}
        self.earlier_stages = table(EARLIER_STAGES)
        self.shipment_days = table(SHIPMENT_DAYS)
        self.shipments: dict[int, str] = {}

    def activities(self) -> Iterator[tuple[int, list[str]]]:
        """Yield each second in which something happens, and what is written.

        That is the records of that second, from the ticket's id on.
        """
        soon = self.soon
        agenda = Agenda(self.first, self.last)
        earlier = round(self.tickets * EARLIER_SHARE)
        number = FIRST_TICKET
        for _ in range(earlier):
            second, ticket = self.earlier_ticket(number)
            agenda.add(second, ticket)
            number += 1 + int(self.draw() * 3)  # those between are done with
        arrivals = self.arrive(self.tickets - earlier)
        seen, created = next(arrivals, (NEVER, NEVER))
        for second, tickets in agenda.by_second():
            if not (tickets or seen <= second or second in soon):
                continue  # most seconds of a small helpdesk are quiet
            texts = soon.pop(second, [])
            for ticket in tickets:
                over = self.act(second, ticket, texts)
                agenda.add(self.plan(over, ticket), ticket)
            while seen <= second:
                ticket = self.open_ticket(second, number)
                over = self.create(second, created, ticket, texts)
                agenda.add(self.plan(over, ticket), ticket)
                number += 1
                seen, created = next(arrivals, (NEVER, NEVER))
            if texts:
                yield second, texts

    def arrive(self, tickets: int) -> Iterator[tuple[int, int]]:
        """Yield when each ticket is first seen, and when created, in order.

        Each is the earliest of those that are still to come, drawn at once:
        none has to be kept. It is first seen by its service level, if early.
        """
        clock, draw = self.customers, self.draw
        begin = clock.reading(self.first)
        span = clock.reading(self.last) - begin
        later, created = 1.0, self.first
        for left in range(tickets, 0, -1):
            before = created
            later *= draw() ** (1 / left)
            created = clock.when(begin + span * (1 - later))
            created = min(max(created, before), self.last)
            is_early = created > before and draw() < SLA_FIRST_SHARE
            yield created - is_early, created

    def open_ticket(
        self, second: int, number: int, *, seen: bool = False
    ) -> Ticket:
        """Return a new ticket whose properties hang together.

        Or one that is first *seen* then, for it was opened earlier.
        """
        draw = self.draw
        ticket = Ticket()
        ticket.id = number
        person = int(self.requesters * draw() ** REQUESTER_SKEW)
        ticket.requester = FIRST_REQUESTER + person
        ticket.product = self.products[int(draw() * TABLE)]
        ships = PRODUCTS[ticket.product].ships
        ticket.issue = issue = self.issues[ships][int(draw() * TABLE)]
        ticket.priority = self.priorities[issue][int(draw() * TABLE)]
        ticket.group = ISSUES[issue].group
        ticket.source = self.sources[int(draw() * TABLE)]
        ticket.stage = SOURCES[ticket.source].stage
        called = ticket.source == PHONE  # somebody has answered the phone
        ticket.agent, ticket.clock = self.staff.pick(
            second, ticket.group, ticket.priority, now=called or seen
        )
        is_assigned = called or draw() < ASSIGNED_SHARE
        ticket.assigned = ticket.agent if is_assigned else None
        ticket.contacted = ticket.unseen = False
        if seen:
            self.grow_old(ticket)
        ticket.address = ticket.shipment = NOT_SHIPPED
        if ships:
            ticket.address = self.addresses[person % len(self.addresses)]
            ticket.shipment = self.shipment_date(second)
        return ticket

    def grow_old(self, ticket: Ticket) -> None:
        """Let the ticket be one that was opened before the first window."""
        ticket.stage = self.earlier_stages[int(self.draw() * TABLE)]
        ticket.contacted = ticket.stage != "New"
        ticket.assigned = ticket.agent
        ticket.unseen = True
        self.form.know(ticket)

    def shipment_date(self, second: int) -> str:
        day = second // DAY + self.shipment_days[int(self.draw() * TABLE)]
        if day not in self.shipments:
            date = EPOCH + timedelta(days=day)
            text = f"{date:%d} {MONTHS[date.month - 1]}, {date.year}"
            self.shipments[day] = dumps(text)
        return self.shipments[day]

    def earlier_ticket(self, number: int) -> tuple[int, Ticket]:
        """Return a ticket opened before, and when it is first seen.

        Its first step is drawn inside the windows, early rather than late.
        """
        draw, clock = self.draw, self.customers
        begin = clock.reading(self.first)
        span = clock.reading(self.last) - begin
        second = min(self.last, clock.when(begin + span * draw() ** 2))
        ticket = self.open_ticket(second, number, seen=True)
        steps, _ = self.steps[ticket.stage]
        ticket.step = steps[int(draw() * TABLE)]
        return second, ticket

    def create(
        self, second: int, created: int, ticket: Ticket, texts: list[str]
    ) -> int:
        """Add what is written of a creation; return when it is over."""
        form = self.form
        by = ticket.agent if ticket.source == PHONE else ticket.requester
        creation = form.created(ticket, by)
        due = second + 3600 * SLA_HOURS[ticket.priority]
        service_level = form.service_level(ticket, due)
        routed = form.routed(ticket)
        if second == created:
            said = [creation, service_level, routed]
        else:
            said = [service_level]
            self.say_later(created, creation)
            self.say_later(created, routed)
        texts += filter(None, said)
        return created

    def plan(self, second: int, ticket: Ticket) -> int:
        """Draw the ticket's next step; return when it comes."""
        steps, waits = self.steps[ticket.stage]
        drawn = int(self.draw() * TABLE)
        ticket.step = steps[drawn]
        who = ticket.step[0]
        wait = waits[drawn] * (0.75 + self.draw() / 2)
        wait *= SOURCES[ticket.source].pace
        if who <= COLLEAGUE:
            wait *= PACE[ticket.priority]
            when = ticket.clock.after(second, wait)
            if when - second > PATIENCE and ticket.clock.skeleton:
                when = self.relieve(second, ticket, wait, when)
        elif who <= CONTACT:
            when = self.customers.after(second, wait)
        elif who == SYSTEM:  # its rules run every hour
            when = second + int(wait) + 3600
            when += int(self.draw() * 90) - when % 3600
        else:
            return NEVER
        return when if when > second else second + 1

    def relieve(
        self, second: int, ticket: Ticket, wait: float, when: int
    ) -> int:
        """Let the office take over if it is sooner than the skeleton shift."""
        staff = self.staff
        agent, clock = staff.one_of(ticket.group, staff.office)
        sooner = clock.after(second, wait)
        if sooner < when:
            ticket.agent, ticket.clock = agent, clock
            return sooner
        return when

    def act(self, second: int, ticket: Ticket, texts: list[str]) -> int:
        """Take the planned step; add what is written of it at this second.

        Returns when it is over: the new status may come seconds after a note.
        """
        form = self.form
        who, kind, stage, effect = ticket.step
        by: int | None = None
        before = ticket.stage
        news = stage != before and LABELS[stage] != LABELS[before]
        if who == AGENT:
            by = ticket.agent
            if by != ticket.assigned:  # picks it up, or takes over
                ticket.assigned = by
                texts.append(form.changed(ticket, by))
        elif who == CUSTOMER:
            by = ticket.requester
        elif who == COLLEAGUE:
            by, _ = self.staff.pick(second, ticket.group, 4, now=True)
        elif who == CONTACT:
            by = self.contact_of(ticket)
        gaps = AT_ONCE
        if kind != SILENT and by is not None:
            if kind == PUBLIC:
                kind = SOURCES[ticket.source].reply
                if who == AGENT and not ticket.contacted:
                    ticket.contacted = news = True
            number = next(self.note_ids)
            texts.append(form.note(ticket.id, by, number, kind))
            gaps = FIRST_GAPS if ticket.unseen else GAPS
        ticket.unseen = False
        ticket.stage = stage
        if effect != STAYS and self.passes_on(second, ticket, effect):
            news = True
        if not news:
            return second
        text = form.changed(ticket, by)
        gap = gaps[int(self.draw() * len(gaps))]
        if gap:
            self.say_later(second + gap, text)
        else:
            texts.append(text)
        return second + gap

    def say_later(self, second: int, text: str) -> None:
        if text:
            self.soon[second].append(text)

    def contact_of(self, ticket: Ticket) -> int:
        """Return someone in copy: always the same for a requester."""
        person = ticket.requester - FIRST_REQUESTER
        return FIRST_REQUESTER + (person + 7) % self.requesters

    def passes_on(self, second: int, ticket: Ticket, effect: int) -> bool:
        """Let a colleague or the second level take over; did anyone?"""
        if effect == ESCALATES:
            ticket.group = SECOND_LEVEL
            ticket.priority = min(4, ticket.priority + 1)
        agent, ticket.clock = self.staff.pick(
            second, ticket.group, ticket.priority
        )
        is_other = agent != ticket.agent
        ticket.agent = ticket.assigned = agent
        return is_other


# ---- Files ------------------------------------------------------------------


def write_helpdesk(
    path: Path,
    tickets: int,
    seed: int,
    end: int,
    locale: str,
    zone: tzinfo,
    days: int,
    form: str,
) -> None:
    """Write the exports of *days* windows, the last of which ends at *end*.

    All are complete before the first takes its place under its name.
    """
    first = end + 1 - days * DAY
    addresses = draw_addresses(locale, seed, min(ADDRESSES, 300 + tickets))
    helpdesk = Helpdesk(
        tickets, seed, first, end, zone, addresses, FORMS[form]()
    )
    starts = range(first, end, DAY)
    paths = [path] if days == 1 else [dated(path, start) for start in starts]
    with ExitStack() as stack:
        stack.enter_context(locked(path.parent))
        stack.enter_context(without_garbage_collection())
        files = [stack.enter_context(replacing(name)) for name in paths]
        if not files[0].seekable():
            raise Failure(
                f"{path}: a pipe; the number of activities, known in the end, "
                "stands at the beginning: name a file"
            )
        activities = helpdesk.activities()
        total = write_exports(files, starts, activities)
    show_progress("")
    names = " ... ".join(str(p) for p in dict.fromkeys((paths[0], paths[-1])))
    since = format_timestamp(first).removesuffix(" +0000")
    until = format_timestamp(end).removesuffix(" +0000")
    print(
        f"{names}: {total:,} activities of {tickets:,} "
        f"ticket{'s' * (tickets != 1)}, {since} to {until} UTC"
    )


def dated(path: Path, start: int) -> Path:
    """Return the name of the export whose window starts then, by UTC day."""
    day = EPOCH + timedelta(seconds=start)
    return path.with_name(f"{path.stem}-{day:%Y-%m-%d}{path.suffix}")


def write_exports(
    files: Sequence[IO[str]],
    starts: Sequence[int],
    activities: Iterator[tuple[int, list[str]]],
) -> int:
    """Write each activity to the file of its window; return how many."""
    total = 0
    following = next(activities, None)
    for file, start in zip(files, starts, strict=True):
        end = start + DAY - 1
        write_metadata(file, start, 0)
        written, separator = 0, "\n"
        while following is not None and following[0] <= end:
            second, texts = following
            begin = beginning(second)
            file.write(separator + begin + f",\n{begin}".join(texts))
            separator = ",\n"
            written += len(texts)
            if second % MINUTE == 0:
                show_progress(f"{total + written:,} activities")
            following = next(activities, None)
        file.write("\n]}\n")
        file.seek(0)
        write_metadata(file, start, written)
        file.flush()
        total += written
    return total


def write_metadata(file: IO[str], start: int, activities: int) -> None:
    """Write what stands before the activities, as long for any number."""
    start_at, end_at = map(format_timestamp, (start, start + DAY - 1))
    file.write(
        f'{{"metadata": {{"start_at": "{start_at}", "end_at": "{end_at}", '
        f'"activities_count": {activities}{"}":>{20 - len(str(activities))}}, '
        '"activities_data": ['
    )


# ---- The command line -------------------------------------------------------


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def days(text: str) -> int:
    number = positive(text)
    if number > MOST_DAYS:
        raise argparse.ArgumentTypeError(f"{text} is more than {MOST_DAYS}")
    return number


def moment(text: str) -> int:
    """Return the second since 1970 of an ISO 8601 time with its offset."""
    iso = text.removesuffix("Z") + "+00:00" if text.endswith("Z") else text
    try:
        parsed = datetime.fromisoformat(iso)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time such as 2026-03-01T12:00:00Z"
        ) from None
    if parsed.tzinfo is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} lacks its offset from UTC; add Z or +01:00, say"
        )
    if not 1971 < parsed.year < 9990:
        raise argparse.ArgumentTypeError(f"{text!r} is out of range")
    return (parsed - EPOCH) // timedelta(seconds=1)


def time_zone(name: str) -> tzinfo:
    if name.upper() == "UTC":  # needs no database
        return timezone.utc
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        pass
    if not zoneinfo.available_timezones():
        raise argparse.ArgumentTypeError(
            "this machine has no time zone database; install it "
            "(python -m pip install tzdata), or use UTC"
        )
    raise argparse.ArgumentTypeError(f"no time zone {name!r}")


def locale_name(name: str) -> str:
    try:
        from faker.config import AVAILABLE_LOCALES
    except ModuleNotFoundError:
        return name  # the run will say that Faker is missing
    known = name.replace("-", "_")
    if known not in AVAILABLE_LOCALES:
        raise argparse.ArgumentTypeError(
            f"Faker knows no locale {name!r}; de_DE, en_US, ja_JP, say"
        )
    return known


def argument_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ticket_gen",
        description="Generate a believable helpdesk's ticket activity export.",
        epilog="""\
examples:
  python ticket_gen.py -n 1000 -o data/json/ticket_activities.json
  python ticket_gen.py -n 500 --seed 7 --end-at 2026-03-01T12:00:00Z
  python ticket_gen.py -n 7000 --days 7 --form today -o week.json
  python ticket_gen.py -n 1000 --locale ja_JP --timezone Asia/Tokyo

With --seed and --end-at every run writes the same bytes. --days 7 writes
week-2026-02-22.json and so on, by the UTC day each window starts; all are
whole before the first is put in place. The form "readme" cannot mark a
creation, so a later day ingested alone can misread a reopening as one:
ingest the days together, or use the form "today".
""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("-n", "--tickets", type=positive, default=1000, metavar="N",
        help="distinct tickets, exactly (default: 1000)")  # fmt: skip
    add("-o", "--output", type=Path, metavar="FILE",
        default=EXPORTS_DIR / "ticket_activities.json",
        help="the export to write (default: %(default)s)")  # fmt: skip
    add("--seed", type=int, help="for the same helpdesk again; else random")
    add("--end-at", type=moment, metavar="TIME",
        help="when the last window ends: ISO 8601 with offset or Z "
             "(default: now)")  # fmt: skip
    add("--locale", type=locale_name, default="en_US",
        help="of the addresses, as Faker knows it (default: %(default)s)"
        )  # fmt: skip
    add("--timezone", type=time_zone, default="UTC", metavar="ZONE",
        help="the helpdesk's, such as Europe/Berlin (default: %(default)s); "
             "the export stays in UTC")  # fmt: skip
    add("--days", type=days, default=1, metavar="N",
        help="consecutive 24-hour exports, a file each (default: 1, at most "
             f"{MOST_DAYS})")  # fmt: skip
    add("--form", choices=sorted(FORMS), default="readme",
        help="of the export (default: %(default)s)")  # fmt: skip
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    # Parsing looks the locale up in Faker: Ctrl-C may come then already.
    return run_script(
        lambda: write_as_told(argument_parser().parse_args(argv))
    )


def write_as_told(args: argparse.Namespace) -> None:
    seed = random.SystemRandom().getrandbits(64)
    write_helpdesk(
        args.output,
        args.tickets,
        seed if args.seed is None else args.seed,
        int(time.time()) if args.end_at is None else args.end_at,
        args.locale,
        args.timezone,
        args.days,
        args.form,
    )


if __name__ == "__main__":
    raise SystemExit(main())
