"""The generated helpdesk is believable: properties, not golden output."""

from __future__ import annotations

import json
import os
import profile as in_counts  # tests/profile.py
import re
import statistics
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timezone
from functools import cache
from itertools import count, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

import ticket_gen
from freshdesk import DAY, format_timestamp, parse_timestamp
from freshdesk.settings import PAUSES, read_settings
from freshdesk.working_hours import expand
from ticket_gen import (
    FIELD_LABELS,
    FIRST_REQUESTER,
    LABELS,
    LIFE,
    LONG_IDS,
    OUTBOUND,
    PERSON_STEP,
    PHONE,
    PRODUCTS,
    TodaysForm,
    main,
)


def person(number: int) -> int:
    """Return the id in the README's form of whoever has this one in either."""
    if number < LONG_IDS:
        return number
    return (number - LONG_IDS) // PERSON_STEP


class Record(NamedTuple):
    second: int
    ticket: int
    by: int | None  # None: the system
    activity: dict[str, Any]

    @property
    def note(self) -> int | None:
        """The type of the note that the record is."""
        note: dict[str, int] = self.activity.get("note", {})
        return note.get("type")

    @property
    def is_agents(self) -> bool:
        return self.by is not None and person(self.by) < FIRST_REQUESTER

    @property
    def is_answer(self) -> bool:
        return self.is_agents and self.note in in_counts.PUBLIC_NOTE_TYPES

    @property
    def is_ending(self) -> bool:
        return self.activity.get("status") in ENDED


History = list[Record]  # the records of one ticket

README_PROPERTIES = [
    *("shipping_address", "shipment_date", "category", "contacted_customer"),
    *("issue_type", "source", "status", "priority", "group", "agent_id"),
    *("requester", "product"),
]
# A ticket's other properties tell what it is about.
CHANGING = {"contacted_customer", "status", "priority", "group", "agent_id"}
ENDED = {"Resolved", "Closed"}
both_forms = pytest.mark.parametrize("form", ["readme", "today"])


@cache
def generate(*options: str) -> list[Any]:
    """Return the exports that the options make of 5,000 tickets."""
    argv = ["--seed", "11", "--end-at", "2026-02-25T12:00:00Z", "-n", "5000"]
    with TemporaryDirectory() as folder:
        out = Path(folder) / "x.json"
        assert main([*argv, "-o", str(out), *options]) == 0
        paths = sorted(Path(folder).iterdir())
        return [json.loads(path.read_bytes()) for path in paths]


@cache
def records(*options: str) -> list[Record]:
    return [
        Record(
            parse_timestamp(record["performed_at"]),
            record["ticket_id"],
            record.get("performer_id"),
            record["activity"],
        )
        for export in generate(*options)
        for record in export["activities_data"]
    ]


@cache
def tickets(*options: str) -> dict[int, History]:
    found = defaultdict(list)
    for record in sorted(records(*options), key=lambda r: r.second):
        found[record.ticket].append(record)
    return found


def new_tickets(*options: str) -> list[History]:
    return [h for h in tickets(*options).values() if reads_as_created(h)]


def reads_as_created(history: History) -> bool:
    """Does a status Open stand in the ticket's first second?"""
    first = [r.activity for r in history if r.second == history[0].second]
    return any(activity.get("status") == "Open" for activity in first)


def snapshots(history: History) -> list[dict[str, Any]]:
    return [r.activity for r in history if "status" in r.activity]


def waits(kind: str) -> dict[int, list[int]]:
    """Return the new tickets' waits for the first record of a kind, in seconds.

    They stand by the priority with which the ticket was created.
    """
    found = defaultdict(list)
    for history in new_tickets():
        ends = [r.second for r in history if getattr(r, kind)]
        if ends:
            priority = history[0].activity["priority"]
            found[priority].append(ends[0] - history[0].second)
    return found


def share(found: Iterable[Any]) -> float:
    """Return how many of the values are true, 0 to 1."""
    return statistics.mean(map(bool, found))


# ---- The form ---------------------------------------------------------------


@both_forms
@pytest.mark.parametrize("number", [1, 2, 10, 999])
def test_the_number_of_tickets_is_exact(number: int, form: str) -> None:
    for seed in "12":
        found = tickets("-n", str(number), "--form", form, "--seed", seed)
        assert len(found) == number


def test_records_and_notes_are_in_order() -> None:
    seconds = [r.second for r in records()]
    assert seconds == sorted(seconds)
    notes = [r.activity["note"]["id"] for r in records() if r.note is not None]
    assert notes == sorted(set(notes))


def test_a_few_records_of_todays_form_are_out_of_order() -> None:
    seconds = [r.second for r in records("--form", "today")]
    assert 0 < share(after < at for at, after in pairwise(seconds)) < 0.03


@pytest.mark.parametrize("apart", [1, 60])
def test_disorder_loses_no_record_and_moves_none_far(apart: int) -> None:
    form = TodaysForm(0, DAY, timezone.utc, "en_US", seed=1)
    busy = [(at * apart, [f"record {at}"]) for at in range(1000)]
    told = [*form.in_file(iter(busy))]
    assert sorted(told) == busy
    assert (told == busy) == (apart == 60)
    for one in busy:  # the last one may be late, too
        assert [*form.in_file(iter([one]))] == [one]


def test_a_record_is_a_note_or_all_twelve_properties() -> None:
    (export,) = generate()
    for record in export["activities_data"]:
        assert " ".join(record) == (
            "performed_at ticket_id performer_type performer_id activity"
        )
        activity = record["activity"]
        assert list(activity) in (["note"], README_PROPERTIES)
        assert list(activity.get("note", ())) in ([], ["id", "type"])
        is_system = record["performer_type"] == "system"
        assert is_system == (record["performer_id"] is None)


def test_an_export_of_todays_form_is_one_line_with_the_metadata_last(
    tmp_path: Path,
) -> None:
    text = run(tmp_path, "--form", "today")["x.json"].decode()
    assert "\n" not in text
    assert list(json.loads(text)) == ["activities_data", "metadata"]


# The shapes of genuine exports: the keys of `activity` in their order, as a
# regular expression. Only `priority` and `spam` are from Freshdesk's manual.
SHAPES = """
    note  status  (custom )?status  (custom )?ticket_type  custom  priority
    (custom )?requester_id (agent_id )?status source (group )?(ticket_type )?product priority new_ticket
    sla_policy due_by  group due_by  status due_by  due_by  agent_id
    automation send_reply_email  automation status
    automation added_tags group agent_id( added_watcher)?
    automation added_tags internal_agent_id group
    automation agent_id added_tags send_email added_watcher
    thread  thread_message  description  subject  added_tags  requester_id
    deleted  spam
"""  # noqa: E501
SHAPE = [re.compile(s) for s in re.split(r" {2,}|\n", SHAPES) if s.strip()]
BY_SYSTEM = {"sla_policy", "automation", "thread", "thread_message"}
TYPES = {
    "automation": {"type": int, "rule": str},
    "note": {"id": int, "type": int},
    "thread": {"id": int, "type": str},
    "thread_message": {"id": int, "type": str},
    "send_email": {"agent_ids": list},
}


@pytest.mark.parametrize("locale", ["en_US", "ja_JP"])
def test_each_record_of_todays_form_has_the_shape_of_a_genuine_one(
    locale: str,
) -> None:
    options = ("--form", "today", "--locale", locale, "--days", "7")
    seen = set()
    for export in generate(*options):
        for record in export["activities_data"]:
            is_system = record["performer_type"] == "system"
            assert " ".join(record) == (
                "performed_at ticket_id performer_type "
                f"{'' if is_system else 'performer_id '}activity"
            )
            # Ids have more than 32 bits.
            assert is_system or record["performer_id"] >= 1 << 32
            activity = record["activity"]
            keys = in_counts.shape(activity)
            seen |= {s for s in SHAPE if s.fullmatch(keys)}
            assert any(s.fullmatch(keys) for s in SHAPE), keys
            assert is_system or not BY_SYSTEM & set(activity)
            for key, types in TYPES.items():
                value = activity.get(key)
                assert value is None or types == {
                    name: type(part) for name, part in value.items()
                }
    assert seen == set(SHAPE)
    labels = {key for r in records(*options) for key in r.activity}
    labels -= in_counts.OWN_KEYS
    by_api = {"cf_tracking_number", "cf_called_back"}
    assert labels == {*by_api, *FIELD_LABELS[locale[:2]]}


def test_todays_form_says_only_what_changed() -> None:
    keys = {"status", "priority", "group", "agent_id", "spam", "deleted"}
    nothing = 0
    for history in tickets("--form", "today").values():
        known: dict[str, Any] = {"spam": False, "deleted": False}
        for record in history:
            for key in keys & set(record.activity):
                assert known.get(key, "") != record.activity[key]
                known[key] = record.activity[key]
                nothing += known[key] is None
    assert nothing


def test_due_dates_are_targets_and_waits_in_working_hours(
    tmp_path: Path,
) -> None:
    options = ["--days", "3", "--form", "today", "--timezone", "Asia/Kolkata"]
    folder = tmp_path / "settings"
    generate(*options, "--settings", str(folder))
    settings = read_settings(folder)
    assert settings.calendar
    spans = [*expand(settings.calendar, 20_450, 20_600)]

    def worked(since: int, until: int) -> int:
        return sum(
            max(0, min(closes, until) - max(opens, since))
            for _, opens, closes, _ in spans
            if opens < until
        )

    targets = {int(name): resolve for name, _, resolve, _ in settings.targets}
    shapes: Counter[str] = Counter()
    for history in list(tickets(*options).values())[600:900]:
        created, status, waited, wait_began = None, None, 0, 0
        priority = 0
        for record in history:
            activity = record.activity
            if "new_ticket" in activity:
                created = record.second
            priority = activity.get("priority", priority)
            if "status" in activity:
                if status in PAUSES and activity["status"] not in PAUSES:
                    waited += worked(wait_began, record.second)
                elif status not in PAUSES:
                    wait_began = record.second
                status = activity["status"]
            if "due_by" in activity and created:
                shapes[in_counts.shape(activity)] += 1
                due = parse_timestamp(activity["due_by"])
                target = targets[priority]
                assert worked(created, due) == target + waited
                is_new = record.second - created <= 1
                assert is_new == ("sla_policy" in activity)
    assert set(shapes) == {
        *("sla_policy due_by", "group due_by", "status due_by", "due_by"),
    }


def test_the_settings_are_those_of_the_helpdesk(tmp_path: Path) -> None:
    folder = tmp_path / "settings"
    made = generate("--timezone", "Asia/Kolkata", "--settings", str(folder))
    settings = read_settings(folder)
    assert settings.calendar
    office = [(7 * 3600, 20 * 3600)]
    assert settings.calendar.weekdays == [office] * 5 + [[], []]
    assert str(settings.calendar.zone) == "Asia/Kolkata"
    targets = [
        (resolve, is_business) for *_, resolve, is_business in settings.targets
    ]
    assert targets == [(h * 3600, 1) for h in (72, 24, 8, 2)]
    (export,) = made
    acted = {r["performer_id"] for r in export["activities_data"]} - {None}
    named = {number for number, name, _ in settings.agents or () if name}
    assert {who for who in acted if who < FIRST_REQUESTER} <= named
    assert not {who for who in acted if who >= FIRST_REQUESTER} & named


def test_todays_form_marks_spam_and_deleted_tickets() -> None:
    marked: dict[str, Counter[bool]] = defaultdict(Counter)
    for history in tickets("--form", "today").values():
        is_marked = {"spam": False, "deleted": False}
        for record in history:
            for key in set(is_marked) & set(record.activity):
                value = is_marked[key] = not is_marked[key]
                assert record.activity == {key: value}
                assert record.is_agents
                marked[key][value] += 1
    for key in ("spam", "deleted"):
        assert 0.01 < marked[key][True] / 5000 < 0.03
    assert 0 < marked["deleted"][False] < marked["deleted"][True] / 2


# The bands are about what is counted in genuine exports: 20, 7, 14, 79 %.
def test_todays_form_has_about_the_shares_of_genuine_exports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, "-n", "2000", "--days", "14", "--form", "today")
    capsys.readouterr()
    assert in_counts.main([str(tmp_path), str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    rows = dict(re.findall(r"^\| ([\w :>,]+?) \| (.*?) \|", printed, re.M))
    assert rows["files"] == "one line: activities_data, metadata 100 %"
    bands = {
        "system records": (15, 30),
        "notes by the system": (4, 10),
        "same ticket and second": (10, 25),
        "out of time order": (0.1, 3),
        "note types": (60, 85),  # the first is the reply
        "note to next status > 5 s": (60, 90),
    }
    for name, (low, high) in bands.items():
        found = re.findall(r"([\d.]+) %", rows[name])
        assert low <= float(found[0]) <= high, name
    assert rows["note types"].startswith("0 ")
    # No folder differs from itself.
    differences = re.findall(r"largest difference.*\| (.*?) % \|", printed)
    assert differences == ["0.0"] * 10


@both_forms
def test_in_a_fortnight_the_slowest_tenth_takes_more_than_three_days(
    form: str,
) -> None:
    waits = []
    options = ("--form", form, "--days", "14")
    for history in tickets(*options).values():
        runs = [r for r in history if "status" in r.activity]
        if reads_as_created(history) and runs[-1].is_ending:
            first = max(
                (i for i, r in enumerate(runs) if not r.is_ending), default=0
            )
            waits.append(runs[first + 1].second - history[0].second)
    assert sorted(waits)[len(waits) * 9 // 10] > 3 * DAY
    assert statistics.median(waits) < DAY


def test_both_forms_tell_of_the_same_helpdesk() -> None:
    notes, otherwise = (
        # The system's notes stand only in today's form.
        sorted((r.second, r.ticket, r.note) for r in made if r.note and r.by)
        for made in (records(), records("--form", "today"))
    )
    assert notes == otherwise


# ---- Life cycles ------------------------------------------------------------


def test_statuses_follow_the_table_of_transitions() -> None:
    steps = [(stage, step) for stage in LIFE for step in LIFE[stage]]
    # The first record of an earlier ticket must be no bare Open.
    silent = {s.to for _, s in steps if s.note == ticket_gen.SILENT}
    assert {LABELS[stage] for stage in silent} <= ENDED
    legal = {(LABELS[stage], LABELS[step.to]) for stage, step in steps}
    for history in tickets().values():
        statuses = [s["status"] for s in snapshots(history)]
        for before, after in pairwise(statuses):
            assert before == after or (before, after) in legal


# The end of a window of 24 hours, and the share of new tickets answered.
@pytest.mark.parametrize(
    ("end", "answered"),
    [
        ("2026-02-25T00:00:00Z", (0.6, 0.95)),
        ("2026-02-26T18:00:00Z", (0.6, 0.95)),
        ("2026-03-01T23:59:59Z", (0.2, 0.8)),  # a Sunday
    ],
)
def test_shares_of_a_day_are_inside_their_bands(
    end: str, answered: tuple[float, float]
) -> None:
    new = new_tickets("--end-at", end)
    assert 0.88 <= len(new) / 5000 <= 0.92
    low, high = answered
    assert low <= share(any(r.is_answer for r in h) for h in new) <= high
    resolved = share(snapshots(h)[-1]["status"] in ENDED for h in new)
    assert 0.40 <= resolved <= 0.75 or low < 0.6


@pytest.mark.parametrize("days", ["1", "7"])
def test_3_to_10_percent_of_the_resolved_are_reopened(days: str) -> None:
    ended = [
        [s["status"] in ENDED for s in snapshots(history)]
        for history in tickets("--days", days).values()
    ]
    resolved = [e for e in ended if any(e)]
    assert 0.03 <= share((True, False) in pairwise(e) for e in resolved) <= 0.10


@pytest.mark.parametrize("kind", ["is_answer", "is_ending"])
def test_urgent_tickets_are_answered_and_resolved_sooner(kind: str) -> None:
    medians = {p: statistics.median(w) for p, w in waits(kind).items()}
    low, medium, high, urgent = (medians[p] for p in (1, 2, 3, 4))
    assert urgent < 0.7 * high < high < medium < low


def test_waits_and_numbers_of_activities_have_a_long_tail() -> None:
    answers = [w for found in waits("is_answer").values() for w in found]
    assert statistics.mean(answers) > 1.5 * statistics.median(answers)
    sizes = sorted(len(history) for history in tickets().values())
    assert 5.5 <= statistics.mean(sizes) <= 10
    assert sizes[len(sizes) * 99 // 100] >= 3 * statistics.median(sizes)


def test_every_ending_occurs() -> None:
    endings: Counter[Any] = Counter()
    for history in tickets().values():
        status = None
        for record in history:
            if record.activity.get("status") == "Closed" != status:
                endings[status, record.by is None] += 1
            status = record.activity.get("status", status)
            endings["thanked"] += (
                record.note is not None and status == "Resolved"
            )
    assert endings["Open", False] > 50  # directly
    assert endings["Resolved", True] > 50  # by the system, after a rest
    assert endings["thanked"] > 50


def test_a_status_stands_beside_the_reply_that_causes_it() -> None:
    for history in tickets().values():
        status = None
        noted: dict[int | None, int] = {}
        for record in history:
            if record.note is not None:
                noted[record.by] = record.second
                continue
            is_new = status not in (None, record.activity["status"])
            if is_new and not record.is_ending:
                assert 3 <= record.second - noted[record.by] <= 400
            status = record.activity["status"]


# ---- Arrivals ---------------------------------------------------------------


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
def test_arrivals_follow_the_day_of_the_helpdesk(zone: str) -> None:
    hours = Counter(
        datetime.fromtimestamp(h[0].second, ZoneInfo(zone)).hour
        for h in new_tickets("--timezone", zone)
    )
    morning, lunch, afternoon, night = (
        sum(hours[h] for h in span)
        for span in ((9, 10), (12, 13), (14, 15), range(5))
    )
    assert 0 < night < morning / 4
    assert lunch < 0.85 * min(morning, afternoon)


def test_nights_and_weekends_are_quiet() -> None:
    hours = [r.second // 3600 % 24 for r in records() if r.is_agents]
    assert 0.85 < share(7 <= hour < 20 for hour in hours) < 1
    # The first of 1970 was a Thursday.
    days = Counter(h[0].second // DAY % 7 for h in new_tickets("--days", "7"))
    saturday, sunday, tuesday = days[2], days[3], days[5]
    assert saturday + sunday < tuesday


# ---- Who does what ----------------------------------------------------------


def test_everybody_does_what_is_theirs() -> None:
    contacts = 0
    for history in tickets().values():
        agent, requester = None, None
        for record in history:
            agent = record.activity.get("agent_id", agent)
            requester = record.activity.get("requester", requester)
            if record.is_answer:
                assert agent in (None, record.by)
            elif record.note in in_counts.PUBLIC_NOTE_TYPES:
                contacts += requester not in (None, record.by)
            else:  # what only agents write
                assert record.note is None or record.is_agents
    assert 0 < contacts < 2000


def test_an_agent_creates_calls_and_outbound_emails_only() -> None:
    sources = set()
    for first in (history[0] for history in new_tickets()):
        sources.add(source := first.activity["source"])
        creator = "agent_id" if source in (PHONE, OUTBOUND) else "requester"
        assert first.by == first.activity[creator]
    assert sources == set(ticket_gen.SOURCES)


@both_forms
def test_outbound_emails_are_mostly_never_answered(form: str) -> None:
    histories = tickets("--form", form)
    outbound = asked = resolved = 0
    for number in sorted(histories)[500:]:
        history = histories[number]
        created = next(r for r in history if "source" in r.activity)
        if created.activity["source"] == OUTBOUND:
            outbound += 1
            assert created.is_agents
            if form == "readme":
                assert created.activity["contacted_customer"]
            notes = [
                r for r in history if r.note in in_counts.PUBLIC_NOTE_TYPES
            ]
            asked += bool(notes) and not notes[0].is_agents
            answered = any(r.is_answer for r in notes)
            resolved += answered and any(r.is_ending for r in history)
    assert 0.02 < outbound / 4500 < 0.04
    assert 0 < resolved < asked < outbound / 2


@pytest.mark.parametrize("key", ["requester", "product", "agent_id"])
def test_some_come_much_more_often_than_others(key: str) -> None:
    created = [h[0].activity[key] for h in new_tickets()]
    often = sorted(Counter(filter(None, created)).values())
    assert often[-1] >= 3 * statistics.median(often)


# ---- Fields hang together ---------------------------------------------------


def test_a_ticket_keeps_what_it_is_about() -> None:
    regrouped = 0
    people: dict[str, set[int]] = defaultdict(set)
    for history in tickets().values():
        shown = snapshots(history)
        for key in README_PROPERTIES:
            values = {activity[key] for activity in shown}
            assert len(values) <= 1 or key in CHANGING
            people[key] |= values
        regrouped += len({activity["group"] for activity in shown}) > 1
    assert 0 < regrouped < 0.1 * 5000
    assert len(people["agent_id"]) > 20
    assert not people["agent_id"] & people["requester"]


def test_contacted_customer_turns_true_with_the_first_reply() -> None:
    for history in new_tickets():
        answered = history[0].activity["source"] == OUTBOUND
        for record in history:
            answered = answered or record.is_answer
            told = record.activity.get("contacted_customer", answered)
            assert told == answered


def test_only_what_ships_has_an_address_and_a_date_near_the_window() -> None:
    addresses = set()
    for activity in (h[0].activity for h in new_tickets()):
        product = PRODUCTS[activity["product"]]
        assert activity["category"] == product.category
        address, date = activity["shipping_address"], activity["shipment_date"]
        if product.ships:
            day = datetime.strptime(date, "%d %b, %Y")
            assert abs((day - datetime(2026, 2, 25)).days) < 15
            addresses.add(address)
        else:
            assert address == date == "N/A"
            assert activity["issue_type"] != "Delivery"
    assert len(addresses) > 300


@both_forms
@pytest.mark.parametrize("days", ["1", "3"])
def test_only_new_tickets_read_as_created_and_their_ids_come_last(
    form: str, days: str
) -> None:
    histories = tickets("-n", "3000", "--days", days, "--form", form)
    earlier, new = sorted(histories)[:300], sorted(histories)[300:]
    assert [number for number in histories if number in set(new)] == new
    for number, history in histories.items():
        marked = sum("new_ticket" in r.activity for r in history)
        assert marked == (form == "today" and number in set(new))
    assert not any(reads_as_created(histories[number]) for number in earlier)
    if form == "readme":
        first = [histories[number][0].activity for number in new]
        assert {activity["status"] for activity in first} == {"Open"}


@both_forms
def test_days_abut_and_hold_their_own_records(form: str) -> None:
    exports = generate("-n", "900", "--days", "3", "--form", form)
    assert len(exports) == 3
    days: dict[int, set[int]] = defaultdict(set)
    begin = parse_timestamp("22-02-2026 12:00:01 +0000")
    for start, export in zip(count(begin, DAY), exports, strict=False):
        metadata, data = export["metadata"], export["activities_data"]
        assert metadata == {
            "start_at": format_timestamp(start),
            "end_at": format_timestamp(start + DAY - 1),
            "activities_count": len(data),
        }
        for record in data:
            performed_at = parse_timestamp(record["performed_at"])
            assert start <= performed_at < start + DAY
            days[record["ticket_id"]].add(start)
    assert len(days) == 900
    assert sum(len(lived) > 1 for lived in days.values()) > 90


# ---- The command line -------------------------------------------------------

SMALL = ["-n", "300", "--seed", "5", "--end-at", "2026-03-01T12:00:00Z"]


def run(tmp_path: Path, *options: str) -> dict[str, bytes]:
    """Return the files in the folder after a run, by name."""
    assert main([*SMALL, "-o", str(tmp_path / "x.json"), *options]) == 0
    return {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_the_same_seed_makes_the_same_bytes(tmp_path: Path) -> None:
    once = run(tmp_path)
    assert list(once) == ["x.json"]
    assert run(tmp_path, "--seed", "6") != once
    # 13:00 in Berlin's winter is 12:00 in UTC.
    assert run(tmp_path, "--end-at", "2026-03-01T13:00:00+01:00") == once
    for hash_seed in ("1", "2"):
        out = tmp_path / "x.json"
        subprocess.run(
            [sys.executable, ticket_gen.__file__, *SMALL, "-o", out],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
        )
        assert out.read_bytes() == once["x.json"]


def test_addresses_of_any_script_are_escaped(tmp_path: Path) -> None:
    text = run(tmp_path, "--locale", "ja_JP")["x.json"]
    assert text.isascii()
    data = json.loads(text)["activities_data"]
    addresses = {r["activity"].get("shipping_address", "") for r in data}
    assert not all(address.isascii() for address in addresses)


def test_one_line_says_what_was_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count = run(tmp_path)["x.json"].count(b"performed_at")
    assert capsys.readouterr().out == (
        f"{tmp_path / 'x.json'}: {count:,} activities of 300 tickets, "
        "2026-02-28 12:00:01 UTC to 2026-03-01 12:00:00 UTC\n"
    )


def test_it_runs_without_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([]) == 0
    written = json.loads(Path("data/json/ticket_activities.json").read_text())
    assert len({r["ticket_id"] for r in written["activities_data"]}) == 1000


USAGE_ERRORS = """
    --tickets=0 --tickets=many --days=0 --days=367 --form=tomorrow
    --end-at=2026-03-01T12:00:00 --end-at=tomorrow
    --end-at=0001-01-01T00:00:00Z --locale=xx_XX
    --timezone=Mars/Olympus --timezone=../etc --timezone=Europe
"""


@pytest.mark.parametrize("option", USAGE_ERRORS.split())
def test_usage_errors_exit_with_2_and_one_line(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["-o", str(tmp_path / "x.json"), option])
    assert caught.value.code == 2
    assert "error: " in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_a_link_to_an_export_stays_one(tmp_path: Path) -> None:
    target, link = tmp_path / "day.json", tmp_path / "x.json"
    link.symlink_to(target)
    for number in (1, 2):  # the link leads nowhere at first
        run(tmp_path, "-n", str(number))
        assert link.is_symlink()
        data = json.loads(target.read_bytes())["activities_data"]
        assert len({record["ticket_id"] for record in data}) == number


def test_a_pipe_is_no_place_for_an_export(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert main(["-n", "1", "-o", str(pipe)]) == 1
    os.close(reader)
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith(f"error: {pipe}: a pipe; ")


def test_a_run_that_fails_on_its_second_day_leaves_the_old_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = run(tmp_path, "--days", "2")
    assert set(before) == {"x-2026-02-27.json", "x-2026-02-28.json"}
    write_export = ticket_gen.write_export

    def fail(file: Any, form: Any, start: int, seconds: Any) -> int:
        if start == parse_timestamp("28-02-2026 12:00:01 +0000"):
            raise OSError(28, "No space left on device", "x.json")
        return write_export(file, form, start, seconds)

    monkeypatch.setattr(ticket_gen, "write_export", fail)
    options = ["-o", str(tmp_path / "x.json"), "--days", "2", "--seed", "6"]
    assert main([*SMALL, *options]) == 1
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
