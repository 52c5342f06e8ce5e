"""What the export does not say: working hours, targets, and who the agents are.

They stand in a folder of files, as Freshdesk's API answers or written by hand:

    business_hours.json   calendars of working hours, see working_hours.py
    sla_policies.json     within what time tickets are answered and resolved
    agents.json           the agents' names, and who is no agent

SQL knows them from views that are empty without them, see Settings.rows().
Nothing of them is stored in the database.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from itertools import compress, groupby
from pathlib import Path
from typing import Any, TypeVar

from freshdesk import DAY, PRIORITIES, Failure
from freshdesk.local_time import day, time_zone
from freshdesk.statuses import FRESHDESKS, label_key, spelling
from freshdesk.working_hours import Calendar, Day, Span, expand

Row = tuple[Any, ...]
Json = dict[str, Any]
Read = TypeVar("Read")

BUSINESS_HOURS = "business_hours.json"
SLA_POLICIES = "sla_policies.json"
AGENTS = "agents.json"
# The folders of the reports that exist only with one of the files.
REPORTS_NEED = {"business_hours": BUSINESS_HOURS, "sla": SLA_POLICIES}

WEEKDAYS = (
    *("monday", "tuesday", "wednesday", "thursday", "friday"),
    *("saturday", "sunday"),
)
TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))? ?([ap]m)?", re.I)
HALF_CHARACTER = re.compile("[\ud800-\udfff]")  # which JSON can write
PAUSES = ["Pending", "Waiting on Customer", "Waiting on Third Party"]


@dataclass(frozen=True)
class Settings:
    """What the files of a folder say; nothing of a file that is not there."""

    calendar: Calendar | None = None
    targets: Sequence[Row] | None = None
    pauses: Sequence[Row] = ()
    agents: Sequence[Row] = ()

    @property
    def report_folders(self) -> list[str]:
        """Return the folders of the reports that these settings allow."""
        told = {"business_hours": self.calendar, "sla": self.targets}
        return [name for name in told if told[name] is not None]

    def rows(
        self, first: int | None, last: int | None
    ) -> dict[str, Iterable[Row]]:
        """Return the rows of the views that are empty without settings, for
        exports that tell of the seconds from *first* to *last*, if any.
        """
        hours: Iterable[Row] = ()
        if self.calendar and first is not None and last is not None:
            hours = expand(self.calendar, first // DAY, last // DAY)
        return {
            "working_hours": hours,
            "service_targets": self.targets or (),
            "pausing_labels": self.pauses,
            "named_agents": self.agents,
        }


def read_settings(folder: Path) -> Settings:
    """Return what the files of a folder say. Raises Failure, which names the
    file, the entry, and what to write instead.
    """
    names = (BUSINESS_HOURS, SLA_POLICIES, AGENTS)
    found = [name for name in names if (folder / name).exists()]
    if not found:
        raise Failure(
            f"{folder}: no {BUSINESS_HOURS}, {SLA_POLICIES} or {AGENTS} there;"
            " name another --settings folder"
        )
    told: Json = {}
    if BUSINESS_HOURS in found:
        with entries_of(folder / BUSINESS_HOURS) as entries:
            told["calendar"] = the_default(entries, read_calendar)
    if SLA_POLICIES in found:
        with entries_of(folder / SLA_POLICIES) as entries:
            targets, pauses = the_default(entries, read_policy)
            if "calendar" not in told and any(row[-1] for row in targets):
                raise Failure(
                    "a target is in business hours, and there is no"
                    f" {BUSINESS_HOURS} beside; add that file, or write"
                    ' "business_hours": false'
                )
            told |= {"targets": targets, "pauses": pauses}
    if AGENTS in found:
        with entries_of(folder / AGENTS) as entries:
            told["agents"] = [*each(entries, read_agent)]
            ids = Counter(row[0] for row in told["agents"])
            for agent, times in ids.most_common(1):
                if times > 1:
                    raise Failure(f"id {agent} stands twice; leave one out")
    return Settings(**told)


# Files and entries


@contextmanager
def naming(place: object) -> Iterator[None]:
    """Name the place of what is wrong in it."""
    try:
        yield
    except Failure as failure:
        raise Failure(f"{place}: {failure}") from None


@contextmanager
def entries_of(file: Path) -> Iterator[list[Any]]:
    """Yield the entries of a file; name the file if one is wrong."""
    with naming(file):
        try:
            text = file.read_bytes().decode("utf-8-sig")
            entries = json.loads(text, object_pairs_hook=without_repeated)
        except (ValueError, RecursionError) as error:
            raise Failure(
                f"not JSON ({error}); save the API's answer again, or edit it"
            ) from None
        yield of_type(entries, list, "a list: [...]")


def without_repeated(pairs: list[tuple[str, Any]]) -> Json:
    entry = dict(pairs)
    if len(entry) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise Failure(
            f"{repeated!r} stands twice in one entry; write one, of several"
            " times of a day a list: [{...}, {...}]"
        )
    return entry


def of_type(value: Any, kind: type[Read], example: str) -> Read:
    """Return a value of this type; true and false are no numbers."""
    is_wrong = isinstance(value, bool) and kind is not bool
    if is_wrong or not isinstance(value, kind):
        raise Failure(f"{json.dumps(value)[:40]} stands there; write {example}")
    if isinstance(value, str) and HALF_CHARACTER.search(value):
        raise Failure(f"{value!r} is half a character; write {example}")
    return value


def field(
    entry: Json, name: str, kind: type[Read], example: str, default: Any = None
) -> Read:
    """Return a value of an entry, which must be of this type."""
    with naming(name):
        return of_type(entry.get(name, default), kind, example)


def each(
    entries: Iterable[Any], read: Callable[[Json], Read], noun: str = "entry"
) -> Iterator[Read]:
    """Yield what is read of each entry; name the entry that is wrong."""
    for number, entry in enumerate(entries, start=1):
        with naming(f"{noun} {number}"):
            yield read(of_type(entry, dict, "an object: {...}"))


def the_default(entries: list[Any], read: Callable[[Json], Read]) -> Read:
    """Return what is read of the default entry, or of the only one."""
    every = [*each(entries, read)]
    marks = (entry.get("is_default") is True for entry in entries)
    defaults = [*compress(every, marks)]
    for found in (every, defaults):
        if len(found) == 1:
            return found[0]
    raise Failure(
        f"{len(defaults)} of {len(every)} entries are the default; write one,"
        ' and "is_default": true in it'
    )


# Working hours


def read_calendar(entry: Json) -> Calendar:
    example = 'the weekdays: {"monday": ...}'
    hours = field(entry, "business_hours", dict, example)
    for name in hours:
        if name not in WEEKDAYS:
            wanted = ", ".join(WEEKDAYS)
            raise Failure(
                f"business_hours: {name!r} is no weekday; write {wanted}"
            )
    weekdays = [read_spans(hours, name) for name in WEEKDAYS]
    holidays: dict[Day, list[Span]] = {}
    with naming("holidays"):
        told = of_type(entry.get("holidays") or [], list, "a list: [...]")
    for days, spans in each(told, read_holiday, "holiday"):
        for one in days:
            if holidays.setdefault(one, spans) != spans:
                raise Failure(
                    f"holidays: {one} stands twice, with other hours; write one"
                )
    return Calendar(read_zone(entry), weekdays, holidays)


def read_zone(entry: Json) -> tzinfo:
    name = field(entry, "time_zone", str, 'a zone such as "Europe/Berlin"')
    try:
        return time_zone(rails_zones().get(name, name))
    except argparse.ArgumentTypeError as error:
        raise Failure(
            f"time_zone: {error}; or write one such as Europe/Berlin"
        ) from None


def rails_zones() -> dict[str, str]:
    """Return today's name of each zone that Freshdesk, a Rails application,
    names its own way. Source: ActiveSupport::TimeZone.
    """
    file = Path(__file__).with_name("rails_zones.json")
    zones: dict[str, str] = json.loads(file.read_bytes())
    return zones


def read_spans(entry: Json, name: str) -> list[Span]:
    """Return the spans of a day, of which there may be one, several or none."""
    told = entry.get(name)
    spans = [told] if isinstance(told, dict) else told or []
    with naming(name):
        return sorted(map(read_span, of_type(spans, list, "a list: [...]")))


def read_span(told: Any) -> Span:
    told = of_type(told, dict, '{"start_time": "09:00", "end_time": "17:00"}')
    start, end = read_time(told, "start_time"), read_time(told, "end_time")
    if end in (DAY - 60, DAY - 1):  # Freshdesk's 23:59 is the end of the day
        end = DAY
    if start < end:
        return start, end
    problem = f"{clock(start)} to {clock(end)} ends before it starts"
    if start == end:
        raise Failure(f"{problem}; leave it out, or write 00:00 to 24:00")
    raise Failure(
        f"{problem}; write {clock(start)} to 24:00"
        + (f", and 00:00 to {clock(end)} on the next day" if end else "")
    )


def read_time(told: Json, name: str) -> int:
    """Return the second of a day of "09:00", "9:00 am" or "24:00"."""
    example = 'a time such as "09:00"'
    written = field(told, name, str, example)
    if match := TIME.fullmatch(written.strip()):
        hour, minute, second = (int(part or 0) for part in match.groups()[:3])
        half = (match[4] or "").lower()
        is_hour = 1 <= hour <= 12 or not half
        if half:
            hour = hour % 12 + 12 * (half == "pm")
        seconds = hour * 3600 + minute * 60 + second
        if is_hour and minute < 60 and second < 60 and seconds <= DAY:
            return seconds
    raise Failure(f"{name}: {written!r} is not a time; write {example}")


def clock(second: int) -> str:
    """Return a second of a day as 09:00."""
    shown = f"{second // 3600:02}:{second // 60 % 60:02}"
    return f"{shown}:{second % 60:02}" if second % 60 else shown


def read_holiday(entry: Json) -> tuple[Sequence[Day], list[Span]]:
    """Return the days of a holiday, (month, day) if it is every year, and their
    working hours.
    """
    spans = read_spans(entry, "hours")
    if "from" in entry:
        first, last = read_day(entry, "from"), read_day(entry, "to")
        if first > last:
            raise Failure(
                f"from {first} is after to {last}; write them in order"
            )
        length = (last - first).days + 1
        return [first + timedelta(days=n) for n in range(length)], spans
    example = '"2026-12-24", or "--12-24" every year'
    if not field(entry, "date", str, example).startswith("--"):
        return [read_day(entry, "date")], spans
    yearly = read_day(entry, "date", year="2000")  # has a 29 February
    return [(yearly.month, yearly.day)], spans


def read_day(entry: Json, name: str, year: str = "") -> date:
    """Return the day of "2026-12-24", or that of "--12-24" in a year."""
    example = 'a day such as "2026-12-24"'
    written = field(entry, name, str, example)
    with suppress(argparse.ArgumentTypeError):
        return day(year + written.removeprefix("-"))
    raise Failure(f"{name}: {written!r} is no day; write {example}")


def hours_told(settings: Settings) -> str:
    """Return which hours count: "Mon-Fri 09:00-17:00 (Europe/Berlin)"."""
    if (calendar := settings.calendar) is None:
        return "all hours"
    days = zip(WEEKDAYS, calendar.weekdays, strict=True)
    told = []
    for spans, run in groupby(days, key=lambda day: day[1]):
        names = [name[:3].capitalize() for name, _ in run]
        if spans:
            name = "-".join(dict.fromkeys([names[0], names[-1]]))
            times = [f"{clock(start)}-{clock(end)}" for start, end in spans]
            told.append(f"{name} {' and '.join(times)}")
    return f"{', '.join(told) or 'never'} ({calendar.zone})"


# Targets


def read_policy(entry: Json) -> tuple[list[Row], list[Row]]:
    """Return the rows of service_targets, and those of pausing_labels."""
    told = field(entry, "sla_target", dict, '{"priority_4": {...}}')
    targets = [read_target(told, name) for name in told]
    pauses: dict[str, str] = {}
    for label in field(entry, "pauses", list, f"a list: {PAUSES}", PAUSES):
        with naming("pauses: status"):
            of_type(label, str, 'one such as "Pending"')
        key = label_key(label)
        pauses[key] = FRESHDESKS.get(key, spelling(label))
    return targets, [*pauses.items()]


def read_target(told: Json, name: str) -> Row:
    """Return a row of service_targets."""
    with naming(f"sla_target: {name}"):
        codes = {f"priority_{code}": str(code) for code in PRIORITIES}
        if name not in codes:
            names = [f"priority_{code} ({p})" for code, p in PRIORITIES.items()]
            raise Failure(f"no such priority; write {', '.join(names)}")
        target = of_type(told[name], dict, '{"respond_within": 3600, ...}')
        respond = read_limit(target, "respond_within")
        resolve = read_limit(target, "resolve_within")
        is_business = field(target, "business_hours", bool, "true or false")
        return codes[name], respond, resolve, int(is_business)


def read_limit(target: Json, name: str) -> int | None:
    """Return the seconds within which something is to happen, if any."""
    if target.get(name) is None:
        return None
    limit = field(target, name, int, "seconds: 3600")
    if not 0 <= limit < 2**63:
        raise Failure(f"{name}: {limit} is not a time; write seconds: 3600")
    return limit


# Agents


def read_agent(entry: Json) -> Row:
    """Return a row of named_agents."""
    number = field(entry, "id", int, "the agent's number: 149018")
    if not -(2**63) <= number < 2**63:
        raise Failure(f"id: {number} is too large; write the agent's number")
    with naming("contact"):
        contact = entry.get("contact") or {}
        contact = of_type(contact, dict, 'an object: {"name": ...}')
        name = field(contact, "name", str, "a text", "").strip()
    is_agent = field(entry, "agent", bool, "true or false", True)
    return number, name or None, int(is_agent)
