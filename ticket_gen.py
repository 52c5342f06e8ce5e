#!/usr/bin/env python3
"""Make a believable helpdesk's day as a Freshdesk ticket activity export.

Glossary
    ticket     a customer's matter; its id grows with its creation
    requester  the customer who raised it; a *contact* is someone in copy
    agent      who works on it, in a *group*, on a *shift*
    stage      where a ticket stands: its status, and which steps may follow
    step       what somebody does to a ticket: a note, a new stage, or both
    window     the 24 hours of one export, both ends included
    clock      time that passes only when somebody is there (office hours)

The tables below make the world; change them to change the helpdesk. The
simulation (Helpdesk) decides what happens. The two forms (ReadmeForm,
TodaysForm) only write it down. One record of the README's form:

    {"performed_at": "21-04-2017 09:33:38 +0000", "ticket_id": 600,
     "performer_type": "user", "performer_id": 149018,
     "activity": {"note": {"id": 4025864, "type": 4}}}
"""

from __future__ import annotations

import freshdesk  # noqa: F401 - first: it refuses an old Python

# isort: split

import argparse
import random
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import cache
from itertools import accumulate, count, islice
from json import dumps
from math import exp
from pathlib import Path
from statistics import NormalDist
from typing import IO, NamedTuple, TypeVar

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
    __version__,
    format_timestamp,
    locked,
    plural,
    replacing,
    run_script,
    show_progress,
    utc,
    without_garbage_collection,
)
from freshdesk.local_time import time_zone
from freshdesk.settings import AGENTS, BUSINESS_HOURS, PAUSES, SLA_POLICIES
from freshdesk.settings import WEEKDAYS as WEEKDAY_NAMES

# ---- The tables that make the world ----------------------------------------
# "Counted" rests on 122 genuine daily exports of one small account: a norm for
# the structure of an export, not for the pace of a helpdesk. Any other figure
# is judgement, after what support teams commonly report: a third of tickets
# resolved by the first answer, skewed waits. They are tuned so that a weekday
# ends with about six in ten of its tickets resolved, and so that in a fortnight
# the slowest tenth of the resolved tickets takes more than three days.

EARLIER_SHARE = 0.1  # of the tickets were opened before the first window

# Arrivals by local hour from midnight, the busiest hour being 1: a morning
# peak, a dip at lunch, a second peak, a quiet night.
ARRIVALS = [
    *(0.05, 0.04, 0.03, 0.03, 0.03, 0.05, 0.10, 0.25),
    *(0.55, 0.90, 1.00, 0.97, 0.62, 0.68, 0.90, 0.92),
    *(0.85, 0.66, 0.42, 0.30, 0.26, 0.21, 0.14, 0.08),
]
# Business customers rest at the weekend and write more on Monday.
WEEKDAYS = (1.15, 1.05, 1.0, 1.0, 0.92, 0.35, 0.28)  # Monday first


class Shift(NamedTuple):
    share: float  # of the agents
    days: Sequence[int]  # 0 is Monday
    begins: float  # a local hour
    hours: float
    skeleton: bool  # a few agents who stand in for every group

    def is_at_work(self, weekday: int, hour: float) -> bool:
        return weekday in self.days and (hour - self.begins) % 24 < self.hours


SHIFTS = {
    "early": Shift(0.28, range(5), 7.0, 8.5, False),
    "day": Shift(0.44, range(5), 9.0, 8.5, False),
    "late": Shift(0.18, range(5), 11.5, 8.5, False),
    "night": Shift(0.05, range(7), 19.5, 12.0, True),
    "weekend": Shift(0.05, (5, 6), 7.0, 13.0, True),
}
OFFICE = [shift for shift in SHIFTS.values() if not shift.skeleton]
# Targets count in these hours of Monday to Friday, in seconds of local time.
OFFICE_HOURS = (
    int(3600 * min(shift.begins for shift in OFFICE)),
    int(3600 * max(shift.begins + shift.hours for shift in OFFICE)),
)
TICKETS_PER_AGENT = 20  # new tickets a day: a usual workload
FEWEST_AGENTS = 12
# The higher a skew, the more work or trade goes to the first few people.
AGENT_SKEW, REQUESTER_SKEW = 1.4, 2.5
REQUESTERS_PER_TICKET = 0.8
# Out of office hours the skeleton shift takes this share of tickets at once,
# by priority (1 is low). The other tickets wait for the morning.
ON_CALL = {1: 0.25, 2: 0.4, 3: 0.7, 4: 0.97}
# The office takes a ticket over rather than let it wait longer than this for
# a skeleton shift to return.
PATIENCE = 8 * 3600

# Agents' waits are multiplied by this, by priority (1 is low).
PACE = {1: 2.1, 2: 1.05, 3: 0.55, 4: 0.18}

SLA_POLICY = "Default SLA Policy"


# By priority: to respond and to resolve within so many hours of office time.
TARGETS = {1: (24, 72), 2: (8, 24), 3: (4, 8), 4: (1, 2)}


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
SECOND_LEVEL = "Second Level"  # takes escalations
GROUPS = {  # shares of the agents, by the weights of the issues
    "Customer Care": 0.36,
    "Technical Support": 0.324,
    "Refund": 0.108,
    "Logistics": 0.108,
    SECOND_LEVEL: 0.1,
}

# Who takes a step. A colleague helps the assigned agent; a contact is in copy.
AGENT, COLLEAGUE, CUSTOMER, CONTACT, SYSTEM, NOBODY = range(6)
PUBLIC = -1  # a public note, whose type depends on the ticket's source
SILENT = -2  # no note
REMINDER = -3  # a rule writes to the customer; only today's form tells of it


class Source(NamedTuple):
    weight: float
    reply: int  # the type of public notes: mostly emails (79 % counted)
    pace: float  # multiplies every wait: a chat or a call is soon over
    stage: str  # where a ticket begins
    creator: int = CUSTOMER


EMAIL, PORTAL, PHONE, TWITTER, FACEBOOK, CHAT, WIDGET = 1, 2, 3, 5, 6, 7, 9
OUTBOUND = 10  # an agent writes to a customer, unasked
SOURCES = {
    EMAIL: Source(46, REPLY, 1.0, "New"),
    PORTAL: Source(20, REPLY, 1.0, "New"),
    PHONE: Source(14, REPLY, 0.6, "New", AGENT),
    CHAT: Source(9, PUBLIC_NOTE, 0.5, "Talk"),
    WIDGET: Source(6, REPLY, 1.0, "New"),
    TWITTER: Source(3, REPLY, 0.7, "New"),
    OUTBOUND: Source(3, REPLY, 1.0, "Outbound", AGENT),
    FACEBOOK: Source(2, REPLY, 0.7, "New"),
}
# This share of tickets gets an agent when opened; an agent picks up the rest.
ASSIGNED_SHARE = 0.65

STAYS, HANDS_OVER, ESCALATES = range(3)


class Step(NamedTuple):
    """A step that may follow in a stage, and how long it takes to come.

    The wait is log-normal: its median is *minutes*, and *spread* is the
    standard deviation of its logarithm. It passes on the clock of who acts.
    """

    weight: float
    who: int
    note: int
    to: str
    minutes: float
    spread: float
    effect: int = STAYS


# The status that a stage shows. New: nobody has worked on the ticket. Talk: a
# live conversation, note after note; few tickets, many activities. The form of
# 2017 has no word for spam and deleted tickets, so that they are closed there.
LABELS = {
    "New": "Open",
    "Outbound": "Open",
    "Talk": "Open",
    "Open": "Open",
    "Pending": "Pending",
    "Customer": "Waiting on Customer",
    "Third party": "Waiting on Third Party",
    "Resolved": "Resolved",
    "Closed": "Closed",
    "Spam": "Closed",
    "Deleted": "Closed",
}
LIFE: dict[str, tuple[Step, ...]] = {
    "New": (
        # a third is solved by the first answer
        Step(29, AGENT, PUBLIC, "Resolved", 42, 1.1),
        Step(23, AGENT, PUBLIC, "Customer", 30, 1.1),
        Step(11, AGENT, PUBLIC, "Pending", 30, 1.1),
        Step(13, AGENT, PUBLIC, "Open", 20, 1.1),  # "we are on it"
        Step(4, AGENT, FORWARD, "Third party", 45, 1.1),
        Step(1, AGENT, SILENT, "Closed", 25, 1.0),  # duplicates
        Step(2, COLLEAGUE, SILENT, "Spam", 10, 1.0),
        Step(2, COLLEAGUE, SILENT, "Deleted", 20, 1.0),
        Step(9, AGENT, PRIVATE_NOTE, "New", 15, 1.0),
        Step(4, COLLEAGUE, PRIVATE_NOTE, "New", 20, 1.0),
        Step(11, CUSTOMER, PUBLIC, "New", 35, 1.2),  # "also, ..."
        Step(2, CONTACT, PUBLIC, "New", 45, 1.2),
        Step(3, AGENT, PUBLIC, "Talk", 12, 1.0),
        Step(2, AGENT, PRIVATE_NOTE, "New", 20, 1.0, HANDS_OVER),
        Step(1.5, AGENT, PRIVATE_NOTE, "New", 25, 1.0, ESCALATES),
    ),
    "Outbound": (  # most are never answered
        Step(40, AGENT, SILENT, "Closed", 15, 1.0),
        Step(22, CUSTOMER, PUBLIC, "Open", 90, 1.3),
        Step(38, SYSTEM, SILENT, "Resolved", 2 * 24 * 60, 0.0),
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
        Step(7, AGENT, PUBLIC, "Open", 25, 1.0),
        Step(10, CUSTOMER, PUBLIC, "Open", 30, 1.2),
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
    # Many answer soon. The others take days, or never answer: that ends a
    # quarter of all tickets (counted).
    "Customer": (
        Step(38, CUSTOMER, PUBLIC, "Open", 50, 1.3),
        Step(13, CUSTOMER, PUBLIC, "Open", 40 * 60, 0.8),
        Step(8, CUSTOMER, PUBLIC, "Customer", 30, 1.2),
        Step(2, CONTACT, PUBLIC, "Customer", 60, 1.2),
        Step(8, AGENT, PUBLIC, "Customer", 480, 0.8),  # a reminder
        Step(10, SYSTEM, REMINDER, "Customer", 2 * 24 * 60, 0.0),
        Step(5, AGENT, PUBLIC, "Resolved", 260, 0.8),
        Step(12, AGENT, SILENT, "Closed", 1500, 0.5),  # no answer
        Step(17, SYSTEM, SILENT, "Closed", 4 * 24 * 60, 0.0),
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
        Step(58, SYSTEM, SILENT, "Closed", 24 * 60, 0.0),
        Step(4, CUSTOMER, PUBLIC, "Open", 50, 1.3),  # reopened
        Step(38, CUSTOMER, PUBLIC, "Resolved", 40, 1.2),  # "thank you"
    ),
    "Closed": (
        Step(99.5, NOBODY, SILENT, "Closed", 0, 0.0),
        Step(0.5, CUSTOMER, PUBLIC, "Open", 180, 1.2),
    ),
    "Spam": (Step(1, NOBODY, SILENT, "Spam", 0, 0.0),),
    "Deleted": (
        Step(80, NOBODY, SILENT, "Deleted", 0, 0.0),
        Step(20, COLLEAGUE, PRIVATE_NOTE, "Open", 45, 1.0),  # restored
    ),
}
# The stages of the tickets that were opened before the first window.
EARLIER_STAGES = {
    "New": 9,
    "Open": 18,
    "Pending": 14,
    "Customer": 33,
    "Third party": 10,
    "Resolved": 16,
}
# Seconds from a note to the status that goes with it, and from picking a ticket
# up to the note: 3 to 5, else minutes (counted). A customer's reply opens the
# ticket within the shortest.
GAPS = [3, 3, 4, 4, 5, 5, 9, 20, 45, 90, 200, 400]
SHORT_GAPS = 6
HASTE = 10  # seconds after any step in which nothing else happens to the ticket
# Days from a ticket's opening to the shipment, with weights.
SHIPMENT_DAYS = {-7: 1, -5: 2, -4: 3, -3: 5, -2: 6, -1: 5, 0: 3, 1: 4, 3: 2}

# Agents' ids stay below requesters' ids for any number of tickets.
FIRST_TICKET, FIRST_NOTE = 600, 4_025_864
FIRST_AGENT, FIRST_REQUESTER = 149_001, 1_450_001
# In today's form all accounts share the numbers of people, notes and threads,
# which have twelve digits: others stand between two of ours.
LONG_IDS = 103_000_000_000
FIRST_THREAD = 61_873_204
PERSON_STEP, NOTES_A_SECOND, THREADS_BETWEEN = 20_000, 40, 90
ADDRESSES = 800  # drawn from Faker; a requester keeps the same one

# ---- What only today's form tells ------------------------------------------
# The keys of each record and their order are those of the genuine exports.

# Custom fields have the account's own labels, most in its language.
FIELDS = ("order_label", "address_label", "date_label", "category_label",
          "contacted_label")  # fmt: skip
FIELD_LABELS = {  # by the locale's language; English for any other
    "en": ("Order number", "Shipping address", "Shipment date", "Category",
           "Contacted customer"),
    "de": ("Bestellnummer", "Lieferadresse", "Versanddatum", "Kategorie",
           "Kunde kontaktiert"),
    "es": ("Nº de pedido", "Dirección de envío", "Fecha de envío", "Categoría",
           "Cliente contactado"),
    "fr": ("N° de commande", "Adresse de livraison", "Date d'envoi",
           "Catégorie", "Client contacté"),
    "ja": ("注文番号", "配送先住所", "発送日", "カテゴリー", "顧客に連絡済み"),
    "pt": ("Nº do pedido", "Endereço de entrega", "Data de envio", "Categoria",
           "Cliente contatado"),
}  # fmt: skip

# What the system does in the seconds after a creation: automatic replies are
# 7 % of the notes, and one ticket in eight has a thread (counted).
REPLY_SHARE, THREAD_SHARE = 0.3, 0.12
ROUTE = '"automation": {"type": 1, "rule": %(rule)s}, "added_tags": [%(tag)s], '
ROUTE_AGENT = ROUTE + '"group": %(group)s, "agent_id": %(agent)s'
ROUTE_AND_WATCH = ROUTE_AGENT + ', "added_watcher": [%(agent)s]'
NOTIFY = (
    '"automation": {"type": 1, "rule": "Tell the agent"}, '
    '"agent_id": %(agent)s, "added_tags": [%(tag)s], '
    '"send_email": {"agent_ids": [%(agent)s]}, "added_watcher": [%(agent)s]'
)
# An automation on creation names the group and the agent, or an internal agent
# alone: that ticket waits for an agent to take it. Without one (half of the
# tickets, counted, with those of agents and without a group) the creation does.
INTERNAL = ROUTE + '"internal_agent_id": %(agent)s, "group": %(group)s'
ROUTES = {"": 38, ROUTE_AGENT: 27, ROUTE_AND_WATCH: 12, NOTIFY: 9, INTERNAL: 14}
# What the agent adds or corrects with the first note, on so many of 250 tickets
# (counted). A field that is added is not in the creation.
ADD_ORDER = "%(order_label)s: %(order)s"
ADD_TRACKING = '"cf_tracking_number": %(order)s'
SET_GROUP = '"group": %(group)s, '  # and the due date: it has no policy before
ADD_TYPE = '%(category_label)s: %(category)s, "ticket_type": %(type)s'
TICK_CONTACTED = "%(contacted_label)s: true, "  # before the next status
TICK_CALL = '"cf_called_back": true, '
UNTIL_THE_STATUS = ("", TICK_CONTACTED, TICK_CALL)  # not told on their own
CHANGE_REQUESTER = '"requester_id": %(contact)s'
EDITS = {
    "": 88,
    ADD_ORDER: 17,
    ADD_TRACKING: 17,
    SET_GROUP: 55,
    ADD_TYPE: 19,
    TICK_CONTACTED: 22,
    TICK_CALL: 8,
    '"description": %(subject)s': 10,
    '"subject": %(subject)s': 6,
    '"added_tags": ["follow-up"]': 10,
    CHANGE_REQUESTER: 6,
}
WELCOME = (
    '"automation": {"type": 3, "rule": "Tell how we work"}, '
    '"send_reply_email": "How our support works"'
)
WELCOME_SHARE = 0.18  # of the tickets; 50 mails by rules counted
REMINDING = (
    '"automation": {"type": 3, "rule": "Remind the customer"}, '
    '"send_reply_email": "We are waiting for your answer"'
)
# Of the creations whose group is told, those with a service level, and of these
# those that are told it a second later, or a second before (175 of 246, a tenth
# of them later).
SLA_SHARE, SLA_LATER_SHARE, SLA_SOONER_SHARE = 0.9, 0.1, 0.02
NO_GROUP_SHARE = 0.3  # of the tickets for internal agents are told to have none
# Seconds from one record to another that it brings; a few fit into HASTE.
SOON = (1, 1, 2, 2, 3, 4)
# The share of ends of waiting that tell the new due date with the status; the
# system tells the others (45 and 32 counted).
DUE_WITH_STATUS_SHARE = 0.6
# The share of busy seconds that stand after the next one in the file, if that
# follows so soon (records out of order: 0.6 %, by seconds, counted).
LATE_SHARE, LATE_SECONDS = 0.02, 5
RULES = {
    "Resolved": '"automation": {"type": 3, "rule": "Resolve after silence"}',
    "Closed": '"automation": {"type": 3, "rule": "Close after a rest"}',
}

# ---- Drawing ---------------------------------------------------------------

MINUTE = 60
MOST_DAYS = 366  # all their files are open at once
SLOT = 900  # seconds; every zone's offset is a multiple of it
NEVER = 1 << 60
LocalHour = tuple[int, float]  # the weekday, 0 is Monday, and the hour
T = TypeVar("T")
BITS = 10  # drawing from a table is one look-up, of so many random bits
TABLE = 1 << BITS  # its entries
MATTERS = 4096  # drawn once; tickets draw from them


def table(weights: Mapping[T, float]) -> list[T]:
    """Return the keys, each as often as its weight has it; equals together."""
    total = sum(weights.values())
    entries: list[T] = []
    passed = 0.0
    for key, weight in weights.items():
        passed += weight
        entries += [key] * (round(TABLE * passed / total) - len(entries))
    return entries


def steps_table(steps: Sequence[Step]) -> list[tuple[Step, float]]:
    """Return steps, each as often as its weight has it, with waits in seconds.

    The waits of one step are the quantiles of its distribution.
    """
    normal = NormalDist()
    times = Counter(table({step: step.weight for step in steps}))
    return [
        (step, 60 * step.minutes * exp(step.spread * normal.inv_cdf(quantile)))
        for step, number in times.items()
        for quantile in ((i + 0.5) / number for i in range(number))
    ]


class Clock:
    """A clock that runs at a given rate in every slot of time, 0 to 1.

    Agents' waits pass on the clock of their shift, so that a wait stands still
    out of hours. Arrivals are even on the customers' clock. Targets count on
    the clock of the office.
    """

    def __init__(self, start: int, rates: Sequence[float]) -> None:
        self.start = start
        self.rates = rates
        self.readings = [0.0, *accumulate(rate * SLOT for rate in rates)]

    def reading(self, second: int) -> float:
        """Return how much has passed by *second*."""
        slot, within = divmod(second - self.start, SLOT)
        return self.readings[slot] + within * self.rates[slot]

    def when(self, reading: float) -> int:
        """Return the second at which the clock shows *reading*, or NEVER."""
        slot = bisect_left(self.readings, reading, 1) - 1
        if slot == len(self.rates):
            return NEVER
        into = (reading - self.readings[slot]) / self.rates[slot]
        return self.start + slot * SLOT + int(into)

    def after(self, second: int, wait: float) -> int:
        """Return the second by which *wait* more has passed, or NEVER."""
        return self.when(self.reading(second) + wait)


def local_hours(start: int, end: int, zone: tzinfo) -> list[LocalHour]:
    """Return the local weekday and hour of every slot."""
    slots = range(start, end, SLOT)
    moments = (datetime.fromtimestamp(slot, zone) for slot in slots)
    return [(m.weekday(), m.hour + m.minute / 60) for m in moments]


# ---- People ----------------------------------------------------------------


class Staff:
    """The agents: teams by group and shift, and who is on duty when."""

    def __init__(
        self,
        draw: Callable[[], float],
        agents: int,
        ids: Iterator[int],
        start: int,
        hours: Sequence[LocalHour],
    ) -> None:
        self.draw, self.start = draw, start
        self.teams = hire_teams(agents, ids)
        self.clocks = {
            name: Clock(start, [shift.is_at_work(*hour) for hour in hours])
            for name, shift in SHIFTS.items()
        }
        self.office = by_size([s for s in SHIFTS if not SHIFTS[s].skeleton])
        self.duty = [shifts_on_duty(*hour) for hour in hours]

    def ids(self) -> list[int]:
        """Return the ids of all agents."""
        return sorted(set().union(*self.teams.values()))

    def pick(
        self, second: int, group: str, priority: int, *, now: bool = False
    ) -> tuple[int, str]:
        """Return an agent for the ticket, and the shift; *now*: on duty."""
        shifts = self.duty[(second - self.start) // SLOT]
        is_closed = SHIFTS[shifts[0]].skeleton
        if is_closed and not now and self.draw() >= ON_CALL[priority]:
            shifts = self.office
        return self.one_of(group, shifts)

    def one_of(self, group: str, shifts: Sequence[str]) -> tuple[int, str]:
        """Return an agent of the group on one of the shifts, and the shift."""
        shift = shifts[int(self.draw() * len(shifts))]
        team = self.teams[group, shift]
        return team[int(len(team) * self.draw() ** AGENT_SKEW)], shift


def shifts_on_duty(weekday: int, hour: float) -> list[str]:
    """Return the shifts at work; skeleton shifts only if there is no other."""
    present = [s for s in SHIFTS if SHIFTS[s].is_at_work(weekday, hour)]
    regular = [s for s in present if not SHIFTS[s].skeleton]
    return by_size(regular or present)


def by_size(shifts: Sequence[str]) -> list[str]:
    """Return the shifts, a larger one more often."""
    return [s for s in shifts for _ in range(round(SHIFTS[s].share * 100))]


def hire_teams(
    agents: int, ids: Iterator[int]
) -> dict[tuple[str, str], list[int]]:
    """Return the agents of each group and shift."""
    teams = {}
    for group, share in GROUPS.items():
        for name, shift in SHIFTS.items():
            if not shift.skeleton:
                size = max(1, round(agents * share * shift.share))
                teams[group, name] = list(islice(ids, size))
    for name, shift in SHIFTS.items():
        if shift.skeleton:
            team = list(islice(ids, max(2, round(agents * shift.share))))
            teams |= {(group, name): team for group in GROUPS}
    return teams


def draw_addresses(locale: str, seed: int, size: int) -> list[str]:
    """Return addresses of the locale, each one line, as JSON text."""
    from faker import Faker

    fake = Faker(locale)
    fake.seed_instance(seed)
    return [dumps(", ".join(fake.address().split("\n"))) for _ in range(size)]


# ---- Tickets and how they are written ---------------------------------------


class Matter(NamedTuple):
    """What tickets are about, which never changes.

    Many tickets share one: texts for each would double the memory.
    """

    product: Product
    issue: Issue
    source: Source
    priority: int  # at first
    texts: dict[str, str]  # as JSON


@dataclass(init=False, slots=True)
class Ticket:
    """A ticket as it stands."""

    id: int
    matter: Matter
    requester: int
    address: str  # as JSON
    shipment: str  # its date, as JSON
    stage: str
    priority: int
    group: str
    agent: int  # who works on it
    shift: str  # when the agent works
    assigned: int | None  # who is shown as the agent
    contacted: bool
    contact: int  # in copy
    step: Step  # the next step
    # For today's form:
    told: tuple[str, int | None, str, int]  # what it told last, see remember()
    created: int
    waited: float  # seconds of office time
    waits_since: float  # in office time
    edit: str  # one of EDITS, not told yet


NAMES = [*LABELS.values(), *ISSUES, *PRODUCTS, *GROUPS]
TEXT = {name: dumps(name) for name in NAMES}  # as JSON
BOOLEANS = {False: "false", True: "true"}
NOT_SHIPPED = '"N/A"'


@cache
def shipment_date(day: int) -> str:
    return dumps(f"{EPOCH + timedelta(days=day):%d %b, %Y}")


def beginning(second: int) -> str:
    """Return the text before the ticket's id in a record of that second."""
    return f'{{"performed_at": "{format_timestamp(second)}", "ticket_id": '


def metadata(start: int, activities: int, padding: str = "") -> str:
    start_at, end_at = map(format_timestamp, (start, start + DAY - 1))
    return (
        f'"metadata": {{"start_at": "{start_at}", "end_at": "{end_at}", '
        f'"activities_count": {activities}{padding}}}'
    )


Json = list[dict[str, object]]
Busy = tuple[int, list[str]]  # a second, and its records


class ReadmeForm:
    """The README's form: a note, or all twelve properties after a change.

    Records wait for their second to be over, as JSON from the ticket's id on:
    a status may come minutes after its reply.
    """

    system = '"system", "performer_id": null'
    separator = ",\n"
    counts_first = True  # the metadata stand before the activities

    def __init__(self) -> None:
        self.records: dict[int, list[str]] = defaultdict(list)
        self.notes = FIRST_NOTE - 1  # the last one's id

    def person(self, number: int) -> int:
        """Return the id of the person of this number."""
        return number

    def note_id(self, _second: int) -> int:
        """Return the id of the next note."""
        self.notes += 1
        return self.notes

    def head(self, start: int, activities: int) -> str:
        """Return the text before the activities, as long for any number."""
        padding = " " * (19 - len(str(activities)))
        text = metadata(start, activities, padding)
        return f'{{{text}, "activities_data": [\n'

    def tail(self, _start: int, _activities: int) -> str:
        return "\n]}\n"

    def add(
        self, second: int, ticket: Ticket, by: int | None, activity: str
    ) -> None:
        """Add an activity of somebody, or of the system."""
        who = self.system if by is None else f'"user", "performer_id": {by}'
        self.records[second].append(
            f'{ticket.id}, "performer_type": {who}, '
            f'"activity": {{{activity}}}}}'
        )

    def note(
        self, second: int, ticket: Ticket, by: int | None, kind: int
    ) -> None:
        number = self.note_id(second)
        activity = f'"note": {{"id": {number}, "type": {kind}}}'
        self.add(second, ticket, by, activity)

    def texts(
        self, product: str, issue: str, source: int, _priority: int
    ) -> dict[str, str]:
        """Return what the records of all tickets of a matter have in common."""
        return {
            "category": f'"category": {dumps(PRODUCTS[product].category)}, ',
            "issue": f'"issue_type": {TEXT[issue]}, "source": {source}, ',
            "product": f'"product": {TEXT[product]}',
        }

    def changed(
        self, second: int, ticket: Ticket, by: int | None, _gap: int = 0
    ) -> None:
        """Tell what changed, a *gap* after the note that brings it."""
        texts = ticket.matter.texts
        activity = (
            f'"shipping_address": {ticket.address}, '
            f'"shipment_date": {ticket.shipment}, {texts["category"]}'
            f'"contacted_customer": {BOOLEANS[ticket.contacted]}, '
            f'{texts["issue"]}"status": {TEXT[LABELS[ticket.stage]]}, '
            f'"priority": {ticket.priority}, "group": {TEXT[ticket.group]}, '
            f'"agent_id": {ticket.assigned or "null"}, '
            f'"requester": {ticket.requester}, {texts["product"]}'
        )
        self.add(second, ticket, by, activity)

    def created(self, second: int, ticket: Ticket, by: int | None) -> None:
        self.changed(second, ticket, by)

    def in_file(self, busy: Iterator[Busy]) -> Iterator[Busy]:
        """Return seconds with records in the order in which they are told."""
        return busy

    def recalled(self, second: int, ticket: Ticket) -> None:
        """Get to know a ticket that was opened before the first window."""

    def reminded(self, second: int, ticket: Ticket) -> None:
        """Tell that the system wrote to the customer."""


# A ticket keeps its status when it is marked as spam or deleted.
MARKS = {"Spam": '"spam"', "Deleted": '"deleted"'}
# What is told when a ticket comes into a stage from another one; "": nothing.
MOVES = {
    (stage, to): f"{MARKS[to]}: true"
    if to in MARKS
    else f"{MARKS[stage]}: false"
    if stage in MARKS
    else f'"status": {TEXT[LABELS[to]]}' * (LABELS[to] != LABELS[stage])
    for stage in LABELS
    for to in LABELS
}
PAUSED = {stage for stage in LABELS if LABELS[stage] in PAUSES}


class TodaysForm(ReadmeForm):
    """Today's form: only what changed, and what the helpdesk does by itself.

    It draws on its own, so that the helpdesk is the same in both forms.
    """

    system = '"system"'
    separator = ", "
    counts_first = False

    def __init__(
        self, first: int, last: int, zone: tzinfo, locale: str, seed: int
    ) -> None:
        super().__init__()
        self.last = last
        source = random.Random(f"today {seed}")
        self.draw, self.bits = source.random, source.getrandbits
        self.others = [int(self.draw() * PERSON_STEP) for _ in range(TABLE)]
        self.notes, self.noted_at = LONG_IDS + FIRST_NOTE, first
        self.threads = LONG_IDS + FIRST_THREAD
        labels = FIELD_LABELS.get(locale[:2], FIELD_LABELS["en"])
        self.labels = dict(zip(FIELDS, map(dumps, labels), strict=True))
        # The targets and waits of earlier tickets, and due dates, reach beyond.
        start = first - first % SLOT - 30 * DAY
        hours = local_hours(start, last + 30 * DAY, zone)
        is_open = [any(s.is_at_work(*hour) for s in OFFICE) for hour in hours]
        self.office = Clock(start, is_open)
        self.routes = table(ROUTES)
        self.edits = table(EDITS)

    def person(self, number: int) -> int:
        others = self.others[number % TABLE]
        return LONG_IDS + number * PERSON_STEP + others

    def note_id(self, second: int) -> int:
        passed = max(0, second - self.noted_at)
        self.noted_at += passed
        self.notes += 1 + int((passed + self.draw()) * NOTES_A_SECOND)
        return self.notes

    def soon(self) -> int:
        return SOON[int(self.draw() * len(SOON))]

    def head(self, _start: int, _activities: int) -> str:
        return '{"activities_data": ['

    def tail(self, start: int, activities: int) -> str:
        return f"], {metadata(start, activities)}}}"

    def in_file(self, busy: Iterator[Busy]) -> Iterator[Busy]:
        for one in busy:
            some = [one]
            if self.draw() < LATE_SHARE:
                some += islice(busy, 1)
            if some[-1][0] - one[0] < LATE_SECONDS:
                some.reverse()
            yield from some

    def created(self, second: int, ticket: Ticket, by: int | None) -> None:
        """Tell of the creation, and of what the system does thereupon."""
        draw, bits = self.draw, self.bits
        ticket.edit = self.edits[bits(BITS)]
        has_policy = ticket.edit != SET_GROUP and draw() < SLA_SHARE
        policy_at = second + (draw() < SLA_LATER_SHARE)
        if has_policy and draw() < SLA_SOONER_SHARE and second < self.last:
            policy_at, second = second, second + 1
        ticket.created, ticket.waited = second, 0
        route = ""
        if by != ticket.agent and ticket.edit != SET_GROUP:
            route = self.routes[bits(BITS)]
        self.remember(ticket, None if route == INTERNAL else ticket.agent)
        self.add(second, ticket, by, self.creation(ticket, route))
        if has_policy:
            policy = f'"sla_policy": "{SLA_POLICY}", {self.due_by(ticket)}'
            self.add(policy_at, ticket, None, policy)
        if draw() < WELCOME_SHARE:
            self.add(hourly_run(second, draw()), ticket, None, WELCOME)
        second += self.soon()
        if draw() < REPLY_SHARE:
            self.note(second, ticket, None, REPLY)
            second += self.soon()
        if draw() < THREAD_SHARE:
            for name in ("thread", "thread_message"):
                self.threads += 1 + int(draw() * THREADS_BETWEEN)
                thread = f'{{"id": {self.threads}, "type": "email"}}'
                self.add(second, ticket, None, f'"{name}": {thread}')
                second += int(draw() * 2)
        if route:
            self.add(second, ticket, None, self.fill(route, ticket))

    def creation(self, ticket: Ticket, route: str) -> str:
        """Return a creation, without what the route or an edit tells later."""
        texts, edit = ticket.matter.texts, ticket.edit
        parts = kind = agent = group = ""
        if edit != ADD_ORDER:
            parts = f"{texts['order_label']}: {self.order()}, "
        if ticket.address is not NOT_SHIPPED:
            parts += (
                f"{texts['address_label']}: {ticket.address}, "
                f"{texts['date_label']}: {ticket.shipment}, "
            )
        if edit != ADD_TYPE:
            parts += f"{texts['category_label']}: {texts['category']}, "
            kind = f'"ticket_type": {texts["type"]}, '
        if "agent_id" not in route:
            agent = f'"agent_id": {ticket.agent}, '
        if route == INTERNAL and self.draw() < NO_GROUP_SHARE:
            group = '"group": null, '
        elif edit != SET_GROUP and '"group"' not in route:
            group = f'"group": {TEXT[ticket.group]}, '
        return (
            f'{parts}"requester_id": {ticket.requester}, {agent}'
            f'"status": "Open", {texts["source"]}{group}{kind}{texts["rest"]}'
        )

    def texts(
        self, product: str, issue: str, source: int, priority: int
    ) -> dict[str, str]:
        return {
            **self.labels,
            "category": dumps(PRODUCTS[product].category),
            "subject": dumps(f"{issue}: {product}"),
            "tag": dumps(ISSUES[issue].tag),
            "rule": dumps(f"{issue} to {ISSUES[issue].group}"),
            "type": TEXT[issue],
            "source": f'"source": {source}, ',
            "rest": f'"product": {TEXT[product]}, "priority": {priority}, '
            '"new_ticket": true',
        }

    def fill(self, template: str, ticket: Ticket) -> str:
        return template % {
            **ticket.matter.texts,
            "agent": ticket.agent,
            "contact": ticket.contact,
            "group": TEXT[ticket.group],
            "order": self.order(),
        }

    def order(self) -> str:
        """Return the number of an order, as JSON."""
        return f'"A-{self.bits(20)}"'

    def recalled(self, second: int, ticket: Ticket) -> None:
        """Let it be opened some days ago, and have waited since if it waits."""
        self.remember(ticket, None)
        ticket.created = second - int(self.draw() * 14 * DAY)
        ticket.waited, ticket.edit = 0, ""
        ticket.waits_since = self.office.reading(ticket.created)

    def due_by(self, ticket: Ticket) -> str:
        """Return when the ticket is to be resolved: its target and its waits
        after the creation, in office time.
        """
        _, hours = TARGETS[ticket.priority]
        target = hours * 3600 + ticket.waited
        due = self.office.after(ticket.created, target)
        return f'"due_by": "{format_timestamp(due)}"'

    def reminded(self, second: int, ticket: Ticket) -> None:
        self.add(second, ticket, None, REMINDING)
        self.note(second + self.soon(), ticket, None, REPLY)

    def changed(
        self, second: int, ticket: Ticket, by: int | None, gap: int = 0
    ) -> None:
        """Tell all that changed since the ticket's last record."""
        stage, agent, group, priority = ticket.told
        shown = self.remember(ticket, agent)
        if ticket.edit == SET_GROUP and ticket.group != group:
            ticket.edit = ""  # the move tells it
        if gap:  # as long, or less by up to half
            second -= int(self.draw() * (gap - GAPS[0]) / 2)
        if ticket.edit not in UNTIL_THE_STATUS and by == ticket.agent:
            self.edited(second, ticket, by)
        if activity := MOVES[stage, ticket.stage]:
            self.moved(second, ticket, by, stage, activity)
        if ticket.priority != priority:
            self.add(second, ticket, by, f'"priority": {ticket.priority}')
            second += self.soon()
        if ticket.group != group:
            activity = f'"group": {TEXT[ticket.group]}, {self.due_by(ticket)}'
            self.add(second, ticket, by, activity)
            second += self.soon()
        elif agent and agent != shown:  # handed over
            self.add(second, ticket, by, '"agent_id": null')
            second += self.soon()
        if agent != shown:
            self.add(second, ticket, by, f'"agent_id": {shown}')

    def remember(self, ticket: Ticket, agent: int | None) -> int | None:
        """Keep what is told of a ticket; return its agent.

        The one whom its creation told stays until somebody takes it.
        """
        agent = ticket.assigned or agent
        ticket.told = ticket.stage, agent, ticket.group, ticket.priority
        return agent

    def edited(self, second: int, ticket: Ticket, by: int) -> None:
        """Tell what the agent adds or corrects."""
        activity = self.fill(ticket.edit, ticket)
        if ticket.edit == SET_GROUP:
            activity += self.due_by(ticket)
        elif ticket.edit == CHANGE_REQUESTER:
            ticket.requester = ticket.contact
        ticket.edit = ""
        self.add(second + self.soon(), ticket, by, activity)

    def moved(
        self,
        second: int,
        ticket: Ticket,
        by: int | None,
        stage: str,
        activity: str,
    ) -> None:
        """Tell that the ticket left a stage, and what else that brings."""
        waited, waits = stage in PAUSED, ticket.stage in PAUSED
        is_later = False
        if waited and not waits:
            wait = self.office.reading(second) - ticket.waits_since
            ticket.waited += wait
            is_later = wait > 0 and ticket.stage == "Open"
        elif waits and not waited:
            ticket.waits_since = self.office.reading(second)
        if is_later:
            due_by = self.due_by(ticket)
            if self.draw() < DUE_WITH_STATUS_SHARE:
                activity += f", {due_by}"
            else:
                self.add(second + self.soon(), ticket, None, due_by)
        elif by is None:
            activity = f"{RULES[ticket.stage]}, {activity}"
        elif ticket.edit and by == ticket.agent and "status" in activity:
            activity = ticket.edit % self.labels + activity
            ticket.edit = ""
        self.add(second, ticket, by, activity)


def hourly_run(second: int, lag: float) -> int:
    """Return when rules of time next act: after the full hour, by its load."""
    return second - second % 3600 + 3600 + int(lag * 90)


# ---- The simulation ---------------------------------------------------------


class Helpdesk:
    """The activities between *first* and *last*, both included, in time order.

    The agenda has the next step of every living ticket, by second.
    """

    def __init__(
        self,
        tickets: int,
        seed: int,
        first: int,
        last: int,
        zone: tzinfo,
        addresses: Sequence[str],
        form: ReadmeForm,
    ) -> None:
        source = random.Random(seed)
        self.draw, self.bits = source.random, source.getrandbits
        self.tickets, self.first, self.last = tickets, first, last
        self.addresses, self.form = addresses, form
        start = first - first % SLOT
        # The slot beyond the end is for a status that follows its reply.
        hours = local_hours(start, last + 2 * SLOT, zone)
        arrivals = [ARRIVALS[int(hour)] * WEEKDAYS[day] for day, hour in hours]
        self.customers = Clock(start, arrivals)
        self.opening, self.closing = map(self.customers.reading, (first, last))
        new_a_day = tickets / ((last + 1 - first) / DAY)
        agents = max(FEWEST_AGENTS, round(new_a_day / TICKETS_PER_AGENT))
        agent_ids = map(form.person, count(FIRST_AGENT))
        self.staff = Staff(self.draw, agents, agent_ids, start, hours)
        self.requesters = max(20, round(tickets * REQUESTERS_PER_TICKET))
        self.agenda: dict[int, list[Ticket]] = defaultdict(list)
        self.load_tables()

    def load_tables(self) -> None:
        """Make the tables above quick to draw from."""
        products = table({p: row.weight for p, row in PRODUCTS.items()})
        sources = table({s: row.weight for s, row in SOURCES.items()})
        issues = {
            ships: table(
                {
                    name: issue.weight
                    for name, issue in ISSUES.items()
                    if ships or not issue.shipped_only
                }
            )
            for ships in (True, False)
        }
        priorities = {
            name: table(dict(enumerate(issue.priorities, start=1)))
            for name, issue in ISSUES.items()
        }
        self.matters = []
        for _ in range(MATTERS):
            product = products[self.bits(BITS)]
            issue = issues[PRODUCTS[product].ships][self.bits(BITS)]
            source = sources[self.bits(BITS)]
            priority = priorities[issue][self.bits(BITS)]
            about = PRODUCTS[product], ISSUES[issue], SOURCES[source], priority
            texts = self.form.texts(product, issue, source, priority)
            self.matters.append(Matter(*about, texts))
        self.steps = {name: steps_table(steps) for name, steps in LIFE.items()}
        self.earlier_stages = table(EARLIER_STAGES)
        self.shipment_days = table(SHIPMENT_DAYS)

    def activities(self) -> Iterator[list[str]]:
        """Yield the records of each second."""
        earlier = round(self.tickets * EARLIER_SHARE)
        number = FIRST_TICKET
        for _ in range(earlier):
            self.recall(number)
            # The tickets between were closed before the first window.
            number += 1 + int(self.draw() * 3)
        arrivals = self.arrive(self.tickets - earlier)
        created = next(arrivals, NEVER)
        records = self.form.records
        for second in range(self.first, self.last + 1):
            for ticket in self.agenda.pop(second, ()):
                self.act(second, ticket)
            while created == second:
                self.create(number, second)
                number += 1
                created = next(arrivals, NEVER)
            yield records.pop(second, [])

    def arrive(self, tickets: int) -> Iterator[int]:
        """Yield when each ticket is created, in order.

        Each time is drawn at once as the earliest of all times to come, so
        that no time has to be kept.
        """
        later = 1.0
        for left in range(tickets, 0, -1):
            later *= self.draw() ** (1 / left)
            yield self.arrival(1 - later)

    def arrival(self, share: float) -> int:
        """Return the second by which this share of arrivals has come."""
        reading = self.opening + (self.closing - self.opening) * share
        return min(self.customers.when(reading), self.last)

    def recall(self, number: int) -> None:
        """Put a ticket that was opened earlier into the agenda.

        Its first step is drawn inside the windows, early rather than late.
        """
        second = self.arrival(self.draw() ** 2)
        ticket = self.open_ticket(number, second, is_earlier=True)
        ticket.step, _ = self.steps[ticket.stage][self.bits(BITS)]
        while ticket.step.note == REMINDER:  # the README's form would not tell
            ticket.step, _ = self.steps[ticket.stage][self.bits(BITS)]
        self.agenda[second].append(ticket)

    def create(self, number: int, second: int) -> None:
        """Let a new ticket arrive, and plan its first step."""
        ticket = self.open_ticket(number, second)
        is_agents = ticket.matter.source.creator == AGENT
        by = ticket.agent if is_agents else ticket.requester
        self.form.created(second, ticket, by)
        self.plan(second, ticket)

    def open_ticket(
        self, number: int, second: int, *, is_earlier: bool = False
    ) -> Ticket:
        """Return a ticket whose properties hang together.

        It is new at that second, or was opened earlier and is first seen then.
        """
        draw = self.draw
        ticket = Ticket()
        ticket.id = number
        person = int(self.requesters * draw() ** REQUESTER_SKEW)
        ticket.requester = self.form.person(FIRST_REQUESTER + person)
        # The same one for each of the requester's tickets.
        contact = (person + 7) % self.requesters
        ticket.contact = self.form.person(FIRST_REQUESTER + contact)
        matter = ticket.matter = self.matters[int(draw() * MATTERS)]
        ticket.priority = matter.priority
        ticket.group = matter.issue.group
        ticket.stage = matter.source.stage
        is_agents = matter.source.creator == AGENT
        ticket.agent, ticket.shift = self.staff.pick(
            second, ticket.group, ticket.priority, now=is_agents or is_earlier
        )
        is_assigned = is_agents or draw() < ASSIGNED_SHARE
        ticket.assigned = ticket.agent if is_assigned else None
        ticket.contacted = ticket.stage == "Outbound"
        if is_earlier:
            ticket.stage = self.earlier_stages[self.bits(BITS)]
            ticket.contacted |= ticket.stage != "New"
            ticket.assigned = ticket.agent
            self.form.recalled(second, ticket)
        ticket.address = ticket.shipment = NOT_SHIPPED
        if matter.product.ships:
            ticket.address = self.addresses[person % len(self.addresses)]
            days = self.shipment_days[self.bits(BITS)]
            ticket.shipment = shipment_date(second // DAY + days)
        return ticket

    def plan(self, second: int, ticket: Ticket) -> None:
        """Draw the ticket's next step, and put it into the agenda."""
        step, wait = self.steps[ticket.stage][self.bits(BITS)]
        ticket.step = step
        wait *= (0.75 + self.draw() / 2) * ticket.matter.source.pace
        who = step.who
        if who <= COLLEAGUE:
            when = self.agents_turn(second, ticket, wait)
        elif who <= CONTACT:
            when = self.customers.after(second, wait)
        elif who == SYSTEM:  # its rules run every hour
            when = hourly_run(second + int(wait), self.draw())
        else:
            return
        if when < second + HASTE:
            when = second + HASTE
        if when <= self.last:
            self.agenda[when].append(ticket)

    def agents_turn(self, second: int, ticket: Ticket, wait: float) -> int:
        """Return when the agents' wait is over.

        The office takes over if it is sooner than a skeleton shift.
        """
        staff = self.staff
        wait *= PACE[ticket.priority]
        when = staff.clocks[ticket.shift].after(second, wait)
        if when - second > PATIENCE and SHIFTS[ticket.shift].skeleton:
            agent, shift = staff.one_of(ticket.group, staff.office)
            sooner = staff.clocks[shift].after(second, wait)
            if sooner < when:
                ticket.agent, ticket.shift = agent, shift
                return sooner
        return when

    def act(self, second: int, ticket: Ticket) -> None:
        """Take the ticket's next step, and plan the one after it."""
        step, form = ticket.step, self.form
        who, kind = step.who, step.note
        if who == AGENT:
            by: int | None = ticket.agent
            if by != ticket.assigned:
                # The agent picks the ticket up, and acts a little later.
                ticket.assigned = by
                form.changed(second, ticket, by)
                self.agenda[second + self.gap(who)].append(ticket)
                return
        elif who == CUSTOMER:
            by = ticket.requester
        else:
            by = self.another(second, ticket, who)
        is_news = LABELS[step.to] != LABELS[ticket.stage]
        if kind == REMINDER:
            form.reminded(second, ticket)
        elif by is not None and kind != SILENT:
            if kind == PUBLIC:
                kind = ticket.matter.source.reply
                if who == AGENT and not ticket.contacted:
                    ticket.contacted = is_news = True
            form.note(second, ticket, by, kind)
        ticket.stage = step.to
        if step.effect != STAYS:
            is_news |= self.pass_on(second, ticket)
        if is_news:
            gap = self.gap(who) if kind != SILENT else 0
            second += gap
            form.changed(second, ticket, by, gap)
        self.plan(second, ticket)

    def another(self, second: int, ticket: Ticket, who: int) -> int | None:
        """Return a colleague, or the contact; the system has no id."""
        if who == COLLEAGUE:
            return self.staff.pick(second, ticket.group, 4, now=True)[0]
        return ticket.contact if who == CONTACT else None

    def pass_on(self, second: int, ticket: Ticket) -> bool:
        """Let a colleague or the second level take over; did anyone?"""
        if ticket.step.effect == ESCALATES:
            ticket.group = SECOND_LEVEL
            ticket.priority = min(4, ticket.priority + 1)
        before = ticket.agent
        ticket.agent, ticket.shift = self.staff.pick(
            second, ticket.group, ticket.priority
        )
        ticket.assigned = ticket.agent
        return ticket.agent != before

    def gap(self, who: int) -> int:
        """Return the seconds from a note to its change."""
        is_agents = who <= COLLEAGUE
        return GAPS[int(self.draw() * (len(GAPS) if is_agents else SHORT_GAPS))]


# ---- Files ------------------------------------------------------------------


def write_helpdesk(
    *,
    tickets: int,
    output: Path,
    seed: int,
    end_at: int,
    locale: str,
    timezone: tzinfo,
    days: int,
    form: str,
    settings: Path | None,
) -> None:
    """Write the exports of *days* windows, the last of which ends at *end_at*.

    All are complete before the first takes its place under its name.
    """
    first = end_at + 1 - days * DAY
    addresses = draw_addresses(locale, seed, min(ADDRESSES, 300 + tickets))
    writer = ReadmeForm()
    if form == "today":
        writer = TodaysForm(first, end_at, timezone, locale, seed)
    helpdesk = Helpdesk(
        tickets, seed, first, end_at, timezone, addresses, writer
    )
    starts = range(first, end_at, DAY)
    paths = [output if days == 1 else dated(output, s) for s in starts]
    with ExitStack() as stack:
        folders = [output.parent, *([settings] if settings else [])]
        stack.enter_context(locked(*folders))
        stack.enter_context(without_garbage_collection())
        files = [stack.enter_context(replacing(path)) for path in paths]
        if writer.counts_first and not files[0].seekable():
            raise Failure(
                f"{output}: a pipe; the number of activities, known in the "
                "end, stands at the beginning: name a file"
            )
        activities = helpdesk.activities()
        total = sum(
            write_export(file, writer, start, islice(activities, DAY))
            for file, start in zip(files, starts, strict=True)
        )
        if settings:
            agents = helpdesk.staff.ids()
            answers = api_answers(timezone, agents, locale, seed)
            for name, answer in answers.items():
                file = stack.enter_context(replacing(settings / name))
                file.write(dumps(answer, indent=1) + "\n")
    show_progress("")
    names = str(paths[0]) if days == 1 else f"{paths[0]} ... {paths[-1]}"
    made = f"{plural(total, 'activity')} of {plural(tickets, 'ticket')}"
    print(f"{names}: {made}, {utc(first)} to {utc(end_at)}")


def dated(path: Path, start: int) -> Path:
    """Return the name of the export whose window starts then, by UTC day."""
    day = EPOCH + timedelta(seconds=start)
    return path.with_name(f"{path.stem}-{day:%Y-%m-%d}{path.suffix}")


def api_answers(
    zone: tzinfo, agents: Sequence[int], locale: str, seed: int
) -> dict[str, Json]:
    """Return the helpdesk's settings as Freshdesk's API answers, by file."""
    from faker import Faker

    fake = Faker(locale)
    fake.seed_instance(seed)
    opens_at, closes_at = (
        f"{EPOCH + timedelta(seconds=second):%I:%M %p}"
        for second in OFFICE_HOURS
    )
    hours = {"start_time": opens_at, "end_time": closes_at}
    calendar = {
        "name": "Office",
        "is_default": True,
        "time_zone": str(zone),
        "business_hours": dict.fromkeys(WEEKDAY_NAMES[:5], hours),
        "holidays": [],
    }
    targets = {
        f"priority_{priority}": {
            "respond_within": respond * 3600,
            "resolve_within": resolve * 3600,
            "business_hours": True,
        }
        for priority, (respond, resolve) in TARGETS.items()
    }
    policy = {"name": SLA_POLICY, "is_default": True, "sla_target": targets}
    return {
        BUSINESS_HOURS: [calendar],
        SLA_POLICIES: [policy],
        AGENTS: [{"id": i, "contact": {"name": fake.name()}} for i in agents],
    }


def write_export(
    file: IO[str],
    form: ReadmeForm,
    start: int,
    seconds: Iterator[list[str]],
) -> int:
    """Write the export of a window's seconds; return how many activities."""
    file.write(form.head(start, 0))
    activities, separator = 0, ""
    busy = (each for each in enumerate(seconds, start) if each[1])
    for second, records in form.in_file(busy):
        begin, between = beginning(second), form.separator
        file.write(separator + begin + f"{between}{begin}".join(records))
        separator = between
        activities += len(records)
        if second % MINUTE == 0:
            show_progress(f"{utc(second)}: {activities:,} activities")
    file.write(form.tail(start, activities))
    if form.counts_first:
        file.seek(0)
        file.write(form.head(start, activities))
    file.flush()
    return activities


# ---- The command line -------------------------------------------------------


def positive(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return int(text)


def number_of_days(text: str) -> int:
    if positive(text) > MOST_DAYS:
        raise argparse.ArgumentTypeError(f"{text} is more than {MOST_DAYS}")
    return int(text)


def moment(text: str) -> int:
    """Return the second since 1970 of an ISO 8601 time with its offset."""
    with suppress(ValueError):  # Python 3.10 knows no Z
        parsed = datetime.fromisoformat(text.replace("Z", "+00:00"))
        if parsed.tzinfo is not None and 1971 < parsed.year < 9990:
            return (parsed - EPOCH) // timedelta(seconds=1)
    raise argparse.ArgumentTypeError(
        f"{text!r} is not a time with its offset from UTC, such as "
        "2026-03-01T12:00:00Z or 2026-03-01T13:00:00+01:00"
    )


def locale_name(name: str) -> str:
    try:
        from faker.config import AVAILABLE_LOCALES
    except ModuleNotFoundError:
        raise Failure(
            "Faker is missing; install it: python -m pip install faker"
        ) from None
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
week-2026-02-22.json and so on, by the UTC day on which each window starts.
Ingest such days together, or use --form today: the form "readme" cannot mark
a creation, so a later day alone can show a reopening that reads as one.
""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # fmt: off
    add = parser.add_argument
    add("-n", "--tickets", type=positive, default=1000, metavar="N",
        help="distinct tickets, exactly (default: 1000)")
    add("-o", "--output", type=Path, metavar="FILE",
        default=EXPORTS_DIR / "ticket_activities.json",
        help="the export to write (default: %(default)s)")
    add("--seed", type=int, default=random.SystemRandom().getrandbits(64),
        help="for the same helpdesk again; else random")
    add("--end-at", type=moment, metavar="TIME", default=int(time.time()),
        help="when the last window ends: ISO 8601 with offset or Z "
             "(default: now)")
    add("--locale", type=locale_name, default="en_US",
        help="of the addresses, as Faker knows it (default: %(default)s)")
    add("--timezone", type=time_zone, default="UTC", metavar="ZONE",
        help="the helpdesk's, such as Europe/Berlin (default: %(default)s); "
             "the export stays in UTC")
    add("--days", type=number_of_days, default=1, metavar="N",
        help="consecutive 24-hour exports, a file each (default: 1, at most "
             f"{MOST_DAYS})")
    add("--settings", type=Path, metavar="DIR",
        help="also write its working hours, targets and agents there, as "
             "Freshdesk's API answers, for sql_queries.py")
    add("--form", choices=("readme", "today"), default="readme",
        help="of the export (default: %(default)s)")
    add("--version", action="version", version=f"%(prog)s {__version__}")
    # fmt: on
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    # Parsing looks the locale up in Faker: Ctrl-C may come then already.
    return run_script(
        lambda: write_helpdesk(**vars(argument_parser().parse_args(argv)))
    )


if __name__ == "__main__":
    raise SystemExit(main())
