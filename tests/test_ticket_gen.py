"""The generated helpdesk is believable: properties, not golden output."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import ticket_gen
from freshdesk import AGENTS_NOTE_TYPES, PUBLIC_NOTE_TYPES, parse_timestamp
from ticket_gen import FIRST_REQUESTER, LABELS, LIFE, PRODUCTS, main

Record = dict[str, Any]
History = list[Record]  # the records of one ticket

# The properties that tell what a ticket is about never change.
CONSTANT = (
    *("shipping_address", "shipment_date", "category", "issue_type"),
    *("source", "requester", "product"),
)
CHANGING = ("contacted_customer", "status", "priority", "group", "agent_id")
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


def records(*options: str) -> list[Record]:
    return [r for e in generate(*options) for r in e["activities_data"]]


def tickets(*options: str) -> dict[int, History]:
    found = defaultdict(list)
    for record in records(*options):
        found[record["ticket_id"]].append(record)
    return found


def new_tickets(*options: str) -> list[History]:
    return [h for h in tickets(*options).values() if reads_as_created(h)]


def second(record: Record) -> int:
    return parse_timestamp(record["performed_at"])


def reads_as_created(history: History) -> bool:
    """Does a status Open stand in the ticket's first second?"""
    begin = history[0]["performed_at"]
    first = [r["activity"] for r in history if r["performed_at"] == begin]
    return any(activity.get("status") == "Open" for activity in first)


def snapshots(history: History) -> list[Record]:
    return [r["activity"] for r in history if "status" in r["activity"]]


def is_agent(performer: int | None) -> bool:
    return performer is not None and performer < FIRST_REQUESTER


def is_answer(record: Record) -> bool:
    note = record["activity"].get("note", {})
    is_public = note.get("type") in PUBLIC_NOTE_TYPES
    return is_public and is_agent(record["performer_id"])


def is_ending(record: Record) -> bool:
    return record["activity"].get("status") in ENDED


def waits(is_over: Callable[[Record], bool], *options: str) -> list[int | None]:
    """Return each new ticket's seconds till a record; None: never."""
    return [
        next((second(r) - second(h[0]) for r in h if is_over(r)), None)
        for h in new_tickets(*options)
    ]


def share(found: Iterator[Any] | list[Any]) -> float:
    """Return how many of the values are true, 0 to 1."""
    return statistics.mean(map(bool, found))


# ---- The form ---------------------------------------------------------------


@both_forms
@pytest.mark.parametrize("number", [1, 2, 3, 10, 999])
def test_the_number_of_tickets_is_exact(number: int, form: str) -> None:
    for seed in "123":
        found = tickets("-n", str(number), "--form", form, "--seed", seed)
        assert len(found) == number


@both_forms
def test_records_and_notes_are_in_order_inside_the_window(form: str) -> None:
    (export,) = generate("--form", form)
    assert list(export) == ["metadata", "activities_data"]
    start_at, end_at = "24-02-2026 12:00:01 +0000", "25-02-2026 12:00:00 +0000"
    assert export["metadata"] == {
        "start_at": start_at,
        "end_at": end_at,
        "activities_count": len(export["activities_data"]),
    }
    activities = [r["activity"] for r in export["activities_data"]]
    notes = [a["note"]["id"] for a in activities if "note" in a]
    assert notes == sorted(set(notes))
    seconds = [second(r) for r in export["activities_data"]]
    limits = parse_timestamp(start_at), parse_timestamp(end_at)
    assert sorted([*seconds, *limits]) == [limits[0], *seconds, limits[1]]


def test_a_record_is_a_note_or_all_twelve_properties() -> None:
    for record in records():
        activity = record["activity"]
        assert " ".join(record) == (
            "performed_at ticket_id performer_type performer_id activity"
        )
        if "note" in activity:
            assert list(activity) == ["note"]
            assert list(activity["note"]) == ["id", "type"]
        else:
            assert list(activity) == [
                *("shipping_address", "shipment_date", "category"),
                *("contacted_customer", "issue_type", "source", "status"),
                *("priority", "group", "agent_id", "requester", "product"),
            ]
        is_system = record["performer_type"] == "system"
        assert is_system == (record["performer_id"] is None)


def test_todays_form_says_only_what_changed() -> None:
    known: dict[tuple[int, str], Any] = {}
    seen = set()
    for record in records("--form", "today"):
        activity = record["activity"]
        seen |= set(activity)
        is_system = record["performer_type"] == "system"
        assert is_system == ("performer_id" not in record)
        assert activity
        assert "note" not in activity or len(activity) == 1
        for key in {*CHANGING, "Contacted customer"} & set(activity):
            place = record["ticket_id"], key
            assert place not in known or known[place] != activity[key]
            known[place] = activity[key]
    assert seen >= {
        *("new_ticket", "requester_id", "automation", "added_tags"),
        *("ticket_type", "due_by", "sla_policy", "Shipping address"),
    }
    assert any(not key.isascii() for key in seen)
    assert not seen & {"requester", "issue_type", "contacted_customer"}


def test_todays_form_tells_when_a_ticket_is_due() -> None:
    due = 0
    for history in tickets("--form", "today").values():
        priorities = [r["activity"].get("priority") for r in history]
        for record in history:
            if "due_by" not in record["activity"]:
                continue
            due += 1
            (priority, *_) = filter(None, priorities)
            due_by = record["activity"]["due_by"]
            hours = ticket_gen.SLA_HOURS[priority]
            assert parse_timestamp(due_by) == second(record) + 3600 * hours
            assert list(record["activity"].items()) == [
                ("sla_policy", "Default SLA Policy"),
                ("due_by", due_by),
            ]
    assert due == 4500


def test_both_forms_tell_of_the_same_helpdesk() -> None:
    notes, otherwise = (
        [
            (r["performed_at"], r["ticket_id"], r["activity"]["note"]["type"])
            for r in records("--form", form)
            if "note" in r["activity"]
        ]
        for form in ("readme", "today")
    )
    assert notes == otherwise


# ---- Life cycles ------------------------------------------------------------


def test_statuses_follow_the_table_of_transitions() -> None:
    legal = {
        (LABELS[stage], LABELS[step.to])
        for stage, steps in LIFE.items()
        for step in steps
    }
    for history in tickets().values():
        statuses = [s["status"] for s in snapshots(history)]
        for before, after in pairwise(statuses):
            assert before == after or (before, after) in legal


def test_the_table_of_transitions_can_be_read() -> None:
    for step in (step for steps in LIFE.values() for step in steps):
        assert step.to in LIFE
        # The first record of an earlier ticket must be no bare Open.
        assert step.note != ticket_gen.SILENT or LABELS[step.to] in ENDED


# The end of a window of 24 hours, and the share of new tickets answered.
@pytest.mark.parametrize(
    ("end", "answered"),
    [
        ("2026-02-25T00:00:00Z", (0.6, 0.95)),
        ("2026-02-25T12:00:00Z", (0.6, 0.95)),
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
    assert low <= share(waits(is_answer, "--end-at", end)) <= high
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


@pytest.mark.parametrize("is_over", [is_answer, is_ending])
def test_urgent_tickets_are_answered_and_resolved_sooner(
    is_over: Callable[[Record], bool],
) -> None:
    by_priority = defaultdict(list)
    for history, wait in zip(new_tickets(), waits(is_over), strict=True):
        if wait is not None:
            by_priority[history[0]["activity"]["priority"]].append(wait)
    low, medium, high, urgent = (
        statistics.median(by_priority[p]) for p in (1, 2, 3, 4)
    )
    assert urgent < high < medium < low
    assert urgent < 0.6 * high


def test_waits_and_numbers_of_activities_have_a_long_tail() -> None:
    answers = [wait for wait in waits(is_answer) if wait is not None]
    assert statistics.mean(answers) > 1.5 * statistics.median(answers)
    sizes = sorted(len(history) for history in tickets().values())
    assert 5.5 <= statistics.mean(sizes) <= 10
    assert sizes[len(sizes) * 99 // 100] >= 3 * statistics.median(sizes)


def test_every_ending_occurs() -> None:
    closed_by: Counter[tuple[str, str]] = Counter()
    thanked = 0
    for history in tickets().values():
        status = ""
        for record in history:
            activity = record["activity"]
            if activity.get("status") == "Closed" != status:
                closed_by[status, record["performer_type"]] += 1
            status = activity.get("status", status)
            thanked += "note" in activity and status == "Resolved"
    assert closed_by["Open", "user"] > 50  # directly
    assert closed_by["Resolved", "system"] > 50  # after a rest
    assert thanked > 50


def test_a_status_stands_beside_the_reply_that_causes_it() -> None:
    for history in tickets().values():
        status = None
        noted: dict[int, int] = {}
        for record in history:
            activity, by = record["activity"], record["performer_id"]
            if "note" in activity:
                noted[by] = second(record)
                continue
            if status not in (None, activity["status"]) and not is_ending(
                record
            ):
                assert by in noted
                assert second(record) - noted[by] <= 5
            status = activity["status"]


# ---- Arrivals ---------------------------------------------------------------


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
def test_arrivals_follow_the_day_of_the_helpdesk(zone: str) -> None:
    hours = Counter(
        datetime.fromtimestamp(second(h[0]), ZoneInfo(zone)).hour
        for h in new_tickets("--timezone", zone)
    )
    morning, lunch, afternoon, night = (
        sum(hours[h] for h in span)
        for span in ((9, 10), (12, 13), (14, 15), range(5))
    )
    assert 0 < night < morning / 4
    assert lunch < 0.85 * min(morning, afternoon)


def test_weekends_are_quiet() -> None:
    weekdays = Counter(
        datetime.fromtimestamp(second(h[0]), ZoneInfo("UTC")).weekday()
        for h in new_tickets("--days", "7")
    )
    assert weekdays[5] + weekdays[6] < weekdays[1]


def test_agents_work_in_office_hours_mostly() -> None:
    acts = [r for r in records() if is_agent(r["performer_id"])]
    assert 0.85 < share(7 <= second(r) // 3600 % 24 < 20 for r in acts) < 1


# ---- Who does what ----------------------------------------------------------


def test_everybody_does_what_is_theirs() -> None:
    contacts = 0
    for history in tickets().values():
        shown = snapshots(history)
        agent = None
        for record in history:
            activity, by = record["activity"], record["performer_id"]
            agent = activity.get("agent_id", agent)
            if "note" not in activity:
                continue
            if activity["note"]["type"] in AGENTS_NOTE_TYPES:
                assert is_agent(by)
            elif is_agent(by):
                assert agent in (None, by)
            elif shown:
                contacts += by != shown[0]["requester"]
    assert 0 < contacts < 2000


def test_a_ticket_is_created_by_its_requester_or_on_the_phone() -> None:
    phones = 0
    for history in new_tickets():
        first = history[0]["activity"]
        on_phone = first["source"] == ticket_gen.PHONE
        phones += on_phone
        by = first["agent_id" if on_phone else "requester"]
        assert by == history[0]["performer_id"]
    assert phones


@pytest.mark.parametrize("key", ["requester", "product", "agent_id"])
def test_some_come_much_more_often_than_others(key: str) -> None:
    created = [h[0]["activity"][key] for h in new_tickets()]
    often = [n for _, n in Counter(filter(None, created)).most_common()]
    assert often[0] >= 3 * statistics.median(often)


# ---- Fields hang together ---------------------------------------------------


def test_a_ticket_keeps_what_it_is_about() -> None:
    regrouped = 0
    agents, requesters = set(), set()
    for history in tickets().values():
        shown = snapshots(history)
        assert len({tuple(s[k] for k in CONSTANT) for s in shown}) <= 1
        regrouped += len({s["group"] for s in shown}) > 1
        agents |= {s["agent_id"] for s in shown}
        requesters |= {s["requester"] for s in shown}
    assert 0 < regrouped < 0.1 * 5000
    assert len(agents) > 20
    assert not agents & requesters


def test_contacted_customer_turns_true_with_the_first_reply() -> None:
    for history in new_tickets():
        answered = False
        for record in history:
            answered = answered or is_answer(record)
            told = record["activity"].get("contacted_customer", answered)
            assert told == answered


def test_only_what_ships_has_an_address_and_a_date_near_the_window() -> None:
    addresses = set()
    for activity in (h[0]["activity"] for h in new_tickets()):
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
    options = ("-n", "3000", "--days", days, "--form", form)
    histories = tickets(*options)
    ids = sorted(histories)
    earlier, new = ids[:300], ids[300:]
    assert [number for number in histories if number in set(new)] == new
    marks = {
        n: [r["activity"].get("new_ticket") for r in histories[n]] for n in ids
    }
    for number in earlier:
        assert not reads_as_created(histories[number])
        assert not any(marks[number])
    for number in new:
        if form == "readme":
            assert histories[number][0]["activity"]["status"] == "Open"
        else:
            assert marks[number].count(True) == 1


# ---- More than a day --------------------------------------------------------


def test_days_abut_and_hold_their_own_records(tmp_path: Path) -> None:
    run(tmp_path, "-n", "900", "--days", "3")
    names = [path.name for path in sorted(tmp_path.iterdir())]
    assert names == [f"x-2026-02-{day}.json" for day in (26, 27, 28)]
    exports = [json.loads((tmp_path / name).read_text()) for name in names]
    begin = parse_timestamp("26-02-2026 12:00:01 +0000") - 86_400
    days: dict[int, set[int]] = defaultdict(set)
    for export in exports:
        data, metadata = export["activities_data"], export["metadata"]
        begin += 86_400
        assert parse_timestamp(metadata["start_at"]) == begin
        assert parse_timestamp(metadata["end_at"]) == begin + 86_399
        assert metadata["activities_count"] == len(data) > 0
        for record in data:
            assert 0 <= second(record) - begin <= 86_399
            days[record["ticket_id"]].add(begin)
    assert len(days) == 900
    assert sum(len(lived) > 1 for lived in days.values()) > 90


# ---- The command line -------------------------------------------------------

SMALL = ["-n", "300", "--seed", "5", "--end-at", "2026-03-01T12:00:00Z"]


def run(tmp_path: Path, *options: str) -> bytes:
    out = tmp_path / "x.json"
    assert main([*SMALL, "-o", str(out), *options]) == 0
    return out.read_bytes() if out.exists() else b""


def test_the_same_seed_makes_the_same_bytes(tmp_path: Path) -> None:
    once = run(tmp_path)
    assert run(tmp_path) == once
    assert run(tmp_path, "--seed", "6") != once
    # 13:00 in Berlin's winter is 12:00 in UTC.
    assert run(tmp_path, "--end-at", "2026-03-01T13:00:00+01:00") == once
    for hash_seed in ("1", "2"):
        out = tmp_path / "apart.json"
        subprocess.run(
            [sys.executable, ticket_gen.__file__, *SMALL, "-o", out],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
        )
        assert out.read_bytes() == once


def test_addresses_of_any_script_are_escaped(tmp_path: Path) -> None:
    text = run(tmp_path, "--locale", "ja_JP")
    assert text.isascii()
    data = json.loads(text)["activities_data"]
    addresses = {r["activity"].get("shipping_address", "") for r in data}
    assert any(not address.isascii() for address in addresses)


def test_one_line_says_what_was_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count = json.loads(run(tmp_path))["metadata"]["activities_count"]
    assert capsys.readouterr().out == (
        f"{tmp_path / 'x.json'}: {count:,} activities of 300 tickets, "
        "28-02-2026 12:00:01 to 01-03-2026 12:00:00 UTC\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_it_runs_without_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([]) == 0
    written = json.loads(Path("data/json/ticket_activities.json").read_text())
    assert len({r["ticket_id"] for r in written["activities_data"]}) == 1000


@pytest.mark.parametrize(
    "option",
    [
        "--tickets=0",
        "--tickets=many",
        "--days=0",
        "--days=367",
        "--end-at=2026-03-01T12:00:00",
        "--end-at=tomorrow",
        "--end-at=0001-01-01T00:00:00Z",
        "--locale=xx_XX",
        "--timezone=Mars/Olympus",
        "--timezone=../etc",
        "--timezone=Europe",
        "--form=tomorrow",
    ],
)
def test_usage_errors_exit_with_2_and_one_line(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["-o", str(tmp_path / "x.json"), option])
    assert caught.value.code == 2
    assert "error: " in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_a_link_to_an_export_stays_one(tmp_path: Path) -> None:
    target, link = tmp_path / "kept" / "day.json", tmp_path / "x.json"
    target.parent.mkdir()
    link.symlink_to(target)
    for number in ("1", "2"):  # the link leads nowhere at first
        run(tmp_path, "-n", number)
        assert link.is_symlink()
        data = json.loads(target.read_bytes())["activities_data"]
        assert len({record["ticket_id"] for record in data}) == int(number)


def test_a_pipe_is_no_place_for_an_export(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert main(["-n", "1", "-o", str(pipe)]) == 1
    finally:
        os.close(reader)
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith(f"error: {pipe}: a pipe; ")


def test_a_run_that_fails_on_its_second_day_leaves_the_old_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, "--days", "2")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    write_export = ticket_gen.write_export

    def fail(file: Any, start: int, seconds: Any) -> int:
        if start == parse_timestamp("28-02-2026 12:00:01 +0000"):
            raise OSError(28, "No space left on device", "x.json")
        return write_export(file, start, seconds)

    monkeypatch.setattr(ticket_gen, "write_export", fail)
    options = ["-o", str(tmp_path / "x.json"), "--days", "2", "--seed", "6"]
    assert main([*SMALL, *options]) == 1
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before
