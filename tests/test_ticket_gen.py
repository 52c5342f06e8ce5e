"""The generated helpdesk is believable: properties, not golden output."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from bisect import bisect
from collections import Counter, defaultdict
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
TWELVE = [
    "shipping_address",
    "shipment_date",
    "category",
    "contacted_customer",
    "issue_type",
    "source",
    "status",
    "priority",
    "group",
    "agent_id",
    "requester",
    "product",
]
FIVE = [
    "performed_at",
    "ticket_id",
    "performer_type",
    "performer_id",
    "activity",
]
ENDED = {"Resolved", "Closed"}
WEEKDAY_ENDS = (
    "2026-02-25T00:00:00Z",
    "2026-02-25T12:00:00Z",
    "2026-02-26T18:00:00Z",
)


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
    return [r for export in generate(*options) for r in export_records(export)]


def export_records(export: Any) -> list[Record]:
    data: list[Record] = export["activities_data"]
    return data


def second(record: Record) -> int:
    return parse_timestamp(record["performed_at"])


def tickets(*options: str) -> dict[int, list[Record]]:
    found = defaultdict(list)
    for record in records(*options):
        found[record["ticket_id"]].append(record)
    return found


def was_created(history: list[Record]) -> bool:
    """Does the ticket read as created in the file (readme's form)?"""
    first = second(history[0])
    return any(
        r["activity"].get("status") == "Open"
        for r in history
        if second(r) == first
    )


def new_tickets(*options: str) -> list[list[Record]]:
    return [h for h in tickets(*options).values() if was_created(h)]


def snapshots(history: list[Record]) -> list[Record]:
    return [r["activity"] for r in history if "status" in r["activity"]]


def is_agent(performer: int | None) -> bool:
    return performer is not None and performer < FIRST_REQUESTER


def is_answer(record: Record) -> bool:
    note = record["activity"].get("note", {})
    return note.get("type") in PUBLIC_NOTE_TYPES and is_agent(
        record["performer_id"]
    )


def resolved_at(history: list[Record]) -> int | None:
    for record in history:
        if record["activity"].get("status") in ENDED:
            return second(record) - second(history[0])
    return None


def answered_at(history: list[Record]) -> int | None:
    answers = [second(r) for r in history if is_answer(r)]
    return answers[0] - second(history[0]) if answers else None


# ---- The form ---------------------------------------------------------------


@pytest.mark.parametrize("form", ["readme", "today"])
@pytest.mark.parametrize("number", [1, 2, 3, 10, 999])
def test_the_number_of_tickets_is_exact(number: int, form: str) -> None:
    for seed in "123":
        found = tickets("-n", str(number), "--form", form, "--seed", seed)
        assert len(found) == number


def test_the_window_is_24_hours_and_the_count_is_right() -> None:
    (export,) = generate()
    assert list(export) == ["metadata", "activities_data"]
    assert export["metadata"] == {
        "start_at": "24-02-2026 12:00:01 +0000",
        "end_at": "25-02-2026 12:00:00 +0000",
        "activities_count": len(export["activities_data"]),
    }


@pytest.mark.parametrize("form", ["readme", "today"])
def test_activities_are_ordered_by_time_inside_the_window(form: str) -> None:
    seconds = [second(r) for r in records("--form", form)]
    assert seconds == sorted(seconds)
    end = parse_timestamp("25-02-2026 12:00:00 +0000")
    assert end - 86_399 <= seconds[0] < seconds[-1] <= end


def test_a_record_is_a_note_or_all_twelve_properties() -> None:
    for record in records():
        assert list(record) == FIVE
        activity = record["activity"]
        if "note" in activity:
            assert list(activity) == ["note"]
            assert list(activity["note"]) == ["id", "type"]
        else:
            assert list(activity) == TWELVE
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
        assert "note" not in activity or len(activity) == 1
        for key in ("status", "priority", "group", "agent_id"):
            if key in activity:
                place = record["ticket_id"], key
                missing = object()
                assert known.get(place, missing) != activity[key]
                known[place] = activity[key]
    assert seen >= {
        *("new_ticket", "requester_id", "automation", "added_tags"),
        *("ticket_type", "due_by", "sla_policy", "Shipping address"),
    }
    assert any(not key.isascii() for key in seen)
    assert not seen & {"requester", "issue_type", "contacted_customer"}


def test_both_forms_tell_of_the_same_helpdesk() -> None:
    def notes(form: str) -> list[tuple[str, int, int]]:
        return [
            (r["performed_at"], r["ticket_id"], r["activity"]["note"]["type"])
            for r in records("--form", form)
            if "note" in r["activity"]
        ]

    assert notes("readme") == notes("today")


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
    for steps in LIFE.values():
        for step in steps:
            assert step.to in LIFE
            # What is first seen of an earlier ticket must be no bare Open.
            assert step.note != ticket_gen.SILENT or LABELS[step.to] in ENDED


def test_nine_tenths_are_opened_inside_the_window() -> None:
    assert 0.88 <= len(new_tickets()) / 5000 <= 0.92


@pytest.mark.parametrize("end", WEEKDAY_ENDS)
def test_shares_of_a_weekday_are_inside_their_bands(end: str) -> None:
    new = new_tickets("--end-at", end)
    resolved = [h for h in new if snapshots(h)[-1]["status"] in ENDED]
    answered = [h for h in new if answered_at(h) is not None]
    assert 0.40 <= len(resolved) / len(new) <= 0.75
    assert 0.60 <= len(answered) / len(new) <= 0.95


def test_a_sunday_has_answers_too() -> None:
    new = new_tickets("--end-at", "2026-03-01T23:59:59Z")
    answered = [h for h in new if answered_at(h) is not None]
    assert 0.2 <= len(answered) / len(new) <= 0.8


@pytest.mark.parametrize("days", ["1", "7"])
def test_3_to_10_percent_of_the_resolved_are_reopened(days: str) -> None:
    resolved = reopened = 0
    for history in tickets("--days", days).values():
        ended = [s["status"] in ENDED for s in snapshots(history)]
        resolved += any(ended)
        reopened += (True, False) in pairwise(ended)
    assert 0.03 <= reopened / resolved <= 0.10


def test_urgent_tickets_are_answered_and_resolved_sooner() -> None:
    for duration in (answered_at, resolved_at):
        by_priority = defaultdict(list)
        for history in new_tickets():
            seconds = duration(history)
            if seconds is not None:
                priority = history[0]["activity"]["priority"]
                by_priority[priority].append(seconds)
        low, medium, high, urgent = (
            statistics.median(by_priority[p]) for p in (1, 2, 3, 4)
        )
        assert urgent < high < medium < low
        assert urgent < 0.6 * high


def test_durations_are_skewed() -> None:
    answers = [answered_at(history) for history in new_tickets()]
    known = [seconds for seconds in answers if seconds is not None]
    assert statistics.mean(known) > 1.5 * statistics.median(known)


def test_activities_per_ticket_have_a_long_tail() -> None:
    sizes = sorted(len(history) for history in tickets().values())
    p99 = sizes[len(sizes) * 99 // 100]
    assert 5.5 <= statistics.mean(sizes) <= 10
    assert p99 >= 3 * statistics.median(sizes)


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
        shown = snapshots(history)[:1]
        noted: dict[int, int] = {}
        for record in history:
            activity, by = record["activity"], record["performer_id"]
            if "note" in activity:
                noted[by] = second(record)
                continue
            turned = shown and activity["status"] != shown[-1]["status"]
            if turned and activity["status"] not in ENDED:
                assert by in noted
                assert second(record) - noted[by] <= 5
            shown.append(activity)


# ---- Arrivals ---------------------------------------------------------------


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
def test_arrivals_follow_the_day_of_the_helpdesk(zone: str) -> None:
    hours = Counter(
        datetime.fromtimestamp(second(h[0]), ZoneInfo(zone)).hour
        for h in new_tickets("--timezone", zone)
    )
    morning, lunch, afternoon = (
        sum(hours[h] for h in pair) for pair in ((9, 10), (12, 13), (14, 15))
    )
    night = sum(hours[h] for h in range(5))
    assert 0 < night < morning / 4
    assert lunch < 0.85 * morning
    assert lunch < 0.85 * afternoon


def test_weekends_are_quiet() -> None:
    weekdays = Counter(
        datetime.fromtimestamp(second(h[0]), ZoneInfo("UTC")).weekday()
        for h in new_tickets("--days", "7")
    )
    assert weekdays[5] + weekdays[6] < weekdays[1]


def test_agents_work_in_office_hours_mostly() -> None:
    hours = [
        second(r) // 3600 % 24 for r in records() if is_agent(r["performer_id"])
    ]
    at_work = sum(7 <= hour < 20 for hour in hours)
    assert 0.85 < at_work / len(hours) < 1


# ---- Who does what ----------------------------------------------------------


def test_everybody_does_what_is_theirs() -> None:
    wrong_hands = contacts = 0
    for history in tickets().values():
        requester = snapshots(history)[0]["requester"] if snapshots(
            history
        ) else None  # fmt: skip
        agent = None
        for record in history:
            activity, by = record["activity"], record["performer_id"]
            agent = activity.get("agent_id", agent)
            if "note" not in activity:
                continue
            if activity["note"]["type"] in AGENTS_NOTE_TYPES:
                assert is_agent(by)
            elif is_agent(by):
                wrong_hands += agent not in (None, by)
            elif requester is not None:
                contacts += by != requester
    assert wrong_hands == 0
    assert 0 < contacts < 2000


def test_a_ticket_is_created_by_its_requester_or_on_the_phone() -> None:
    phones = 0
    for history in new_tickets():
        first, by = history[0]["activity"], history[0]["performer_id"]
        if first["source"] == ticket_gen.PHONE:
            phones += 1
            assert by == first["agent_id"]
        else:
            assert by == first["requester"]
    assert phones


def test_requesters_and_agents_never_collide() -> None:
    agents, requesters = set(), set()
    for history in tickets().values():
        for activity in snapshots(history):
            requesters.add(activity["requester"])
            agents.add(activity["agent_id"])
    assert not agents & requesters
    assert len(agents) > 20


def test_some_requesters_and_products_come_much_more_often() -> None:
    created = [h[0]["activity"] for h in new_tickets()]
    for key in ("requester", "product", "agent_id"):
        often = Counter(a[key] for a in created if a[key]).most_common()
        typical = statistics.median(number for _, number in often)
        assert often[0][1] >= 3 * typical


# ---- Fields hang together ---------------------------------------------------


def test_a_ticket_keeps_what_it_is_about() -> None:
    constant = [
        "requester",
        "product",
        "category",
        "shipping_address",
        "shipment_date",
        "issue_type",
        "source",
    ]
    regrouped = 0
    for history in tickets().values():
        kept = {tuple(s[k] for k in constant) for s in snapshots(history)}
        assert len(kept) <= 1
        regrouped += len({s["group"] for s in snapshots(history)}) > 1
    assert 0 < regrouped < 0.1 * 5000


def test_contacted_customer_turns_true_with_the_first_reply() -> None:
    for history in new_tickets():
        answered = False
        for record in history:
            answered = answered or is_answer(record)
            if "status" in record["activity"]:
                assert record["activity"]["contacted_customer"] == answered


def test_only_what_ships_has_an_address_and_a_date_near_the_window() -> None:
    day = datetime(2026, 2, 25)
    addresses = set()
    for activity in (h[0]["activity"] for h in new_tickets()):
        product = PRODUCTS[activity["product"]]
        assert activity["category"] == product.category
        shipment = activity["shipment_date"]
        if product.ships:
            date = datetime.strptime(shipment, "%d %b, %Y")
            assert abs((date - day).days) < 15
            addresses.add(activity["shipping_address"])
        else:
            assert activity["shipping_address"] == shipment == "N/A"
            assert activity["issue_type"] != "Delivery"
    assert len(addresses) > 300


@pytest.mark.parametrize("form", ["readme", "today"])
def test_ids_grow_and_never_repeat(form: str) -> None:
    notes = [
        r["activity"]["note"]["id"]
        for r in records("--form", form)
        if "note" in r["activity"]
    ]
    assert notes == sorted(set(notes))
    first_seen = [history[0]["ticket_id"] for history in new_tickets()]
    assert first_seen == sorted(first_seen)
    earlier = set(tickets()) - set(first_seen)
    assert max(earlier) < min(first_seen)


@pytest.mark.parametrize("form", ["readme", "today"])
@pytest.mark.parametrize("days", ["1", "3"])
def test_earlier_tickets_never_read_as_created(form: str, days: str) -> None:
    options = ("-n", "3000", "--days", days, "--form", form)
    histories = tickets(*options)
    ids = sorted(histories)
    for number in ids[:300]:
        assert not was_created(histories[number])
        assert not any("new_ticket" in r["activity"] for r in histories[number])
    for number in ids[300:]:
        if form == "readme":
            assert histories[number][0]["activity"]["status"] == "Open"
        else:
            marked = [
                r["activity"].get("new_ticket") for r in histories[number]
            ]
            assert marked.count(True) == 1


# ---- More than a day --------------------------------------------------------


def test_days_abut_and_hold_their_own_records(tmp_path: Path) -> None:
    out = tmp_path / "x.json"
    argv = ["-n", "900", "--seed", "1", "--days", "3", "-o", str(out)]
    assert main([*argv, "--end-at", "2026-03-01T12:00:00Z"]) == 0
    names = [path.name for path in sorted(tmp_path.iterdir())]
    assert names == [f"x-2026-02-{day}.json" for day in (26, 27, 28)]
    ends = []
    ids: set[int] = set()
    for name in names:
        export = json.loads((tmp_path / name).read_text())
        data, metadata = export["activities_data"], export["metadata"]
        start, end = (parse_timestamp(metadata[k]) for k in
                      ("start_at", "end_at"))  # fmt: skip
        assert end - start == 86_399
        assert all(start <= second(r) <= end for r in data)
        assert metadata["activities_count"] == len(data) > 0
        ends.append((start, end))
        ids |= {r["ticket_id"] for r in data}
    assert all(b[0] == a[1] + 1 for a, b in pairwise(ends))
    assert parse_timestamp("01-03-2026 12:00:00 +0000") == ends[-1][1]
    assert len(ids) == 900


def test_tickets_live_across_days() -> None:
    starts = [
        parse_timestamp(e["metadata"]["start_at"])
        for e in generate("--days", "3")
    ]
    histories = tickets("--days", "3").values()
    spans = [
        {bisect(starts, second(r)) for r in history} for history in histories
    ]
    assert sum(len(span) > 1 for span in spans) > 500


# ---- The command line -------------------------------------------------------


def run(tmp_path: Path, *options: str) -> bytes:
    out = tmp_path / "again.json"
    argv = ["-n", "300", "--seed", "5", "--end-at", "2026-03-01T12:00:00Z"]
    assert main([*argv, "-o", str(out), *options]) == 0
    return out.read_bytes()


def test_the_same_seed_makes_the_same_bytes(tmp_path: Path) -> None:
    once = run(tmp_path)
    assert run(tmp_path) == once
    assert run(tmp_path, "--seed", "6") != once
    # 14:00 in Berlin's winter is 13:00 in UTC; the same moment, other words.
    assert run(tmp_path, "--end-at", "2026-03-01T13:00:00+01:00") == once
    for hash_seed in ("1", "2"):
        out = tmp_path / "apart.json"
        subprocess.run(
            [sys.executable, ticket_gen.__file__, "-n", "300", "--seed", "5",
             "--end-at", "2026-03-01T12:00:00Z", "-o", out],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
        )  # fmt: skip
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
    run(tmp_path)
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "activities of 300 tickets, 28-02-2026 12:00:01 to " in out
    assert [path.name for path in tmp_path.iterdir()] == ["again.json"]


def test_it_runs_without_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([]) == 0
    written = json.loads(Path("data/json/ticket_activities.json").read_text())
    assert len({r["ticket_id"] for r in written["activities_data"]}) == 1000


@pytest.mark.parametrize(
    "options",
    [
        ["-n", "0"],
        ["-n", "many"],
        ["--days", "0"],
        ["--end-at", "2026-03-01T12:00:00"],
        ["--end-at", "tomorrow"],
        ["--end-at", "0001-01-01T00:00:00Z"],
        ["--locale", "xx_XX"],
        ["--timezone", "Mars/Olympus"],
        ["--timezone", "../etc"],
        ["--timezone", "Europe"],
        ["--form", "tomorrow"],
        ["--days", "367"],
    ],
)
def test_usage_errors_exit_with_2_and_one_line(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["-o", str(tmp_path / "x.json"), *options])
    assert caught.value.code == 2
    assert "error: " in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_a_link_to_an_export_stays_one(tmp_path: Path) -> None:
    target, link = tmp_path / "kept" / "day.json", tmp_path / "link.json"
    target.parent.mkdir()
    link.symlink_to(target)
    for tickets in (1, 2):  # first there is nothing that it leads to
        assert main(["-n", str(tickets), "-o", str(link)]) == 0
        assert link.is_symlink()
        records = json.loads(target.read_bytes())["activities_data"]
        assert len({record["ticket_id"] for record in records}) == tickets


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


def test_a_missing_faker_is_one_line_that_says_how_to_install(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "faker", None)
    monkeypatch.setitem(sys.modules, "faker.config", None)
    assert main(["-n", "1", "-o", str(tmp_path / "x.json")]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "python -m pip install faker" in error


def test_a_failed_run_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "x.json"
    out.write_text("old")

    def fail(*_: object) -> int:
        raise OSError(28, "No space left on device", "x.json")

    monkeypatch.setattr(ticket_gen, "write_exports", fail)
    assert main(["-n", "1", "-o", str(out)]) == 1
    assert out.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
