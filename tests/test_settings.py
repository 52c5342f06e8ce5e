"""Working hours, targets and names: --settings, and the files that it reads."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from conftest import (
    BUSINESS_REPORTS,
    CUSTOMER,
    ROOT,
    SLA_REPORTS,
    Json,
    activity,
    created,
    export,
    ingest,
    note,
    query,
)
from hypothesis import given
from hypothesis import strategies as st
from oracle import WEEKDAYS, recompute, worked_seconds
from test_metrics import (
    generated,
    mappings,
    overlapping_exports,
    table,
    workplace_in_memory,
)

import sql_queries
from freshdesk import DAY, REPLY
from freshdesk.rails_zones import RAILS_ZONES
from freshdesk.settings import read_calendar, read_zone
from freshdesk.working_hours import expand


def span(start: str, end: str) -> Json:
    return {"start_time": start, "end_time": end}


def calendar(zone: str, days: Sequence[str], *spans: Json, **more: Any) -> Json:
    hours = {day: [*spans] for day in days}
    return {"time_zone": zone, "business_hours": hours, **more}


def office(zone: str, **more: Any) -> Json:
    """Return Monday to Friday, 9 to 5."""
    return calendar(zone, WEEKDAYS[:5], span("09:00", "17:00"), **more)


def targets(respond: Any, resolve: Any, is_business: Any = True) -> Json:
    return {
        "respond_within": respond,
        "resolve_within": resolve,
        "business_hours": is_business,
    }


def write_settings(folder: Path, **files: Any) -> list[str]:
    """Write business_hours=[...] to business_hours.json; return the option."""
    folder.mkdir(exist_ok=True)
    for name, entries in files.items():
        text = json.dumps(entries)
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
    return ["--settings", str(folder)]


def second(moment: str) -> int:
    """Return the second of "2026-03-06 20:30:00" in UTC."""
    return int(datetime.fromisoformat(f"{moment}+00:00").timestamp())


def worked(told: Json, start: int, end: int) -> int:
    """Return the worked seconds between two moments, as the SQL does."""
    rows = [*expand(read_calendar(told), start // DAY, end // DAY)]

    def before(moment: int) -> int:
        return max(
            seconds_before + min(closes_at, moment) - opens_at
            for day, opens_at, closes_at, seconds_before in rows
            if day == moment // DAY * DAY and opens_at <= moment
        )

    return before(end) - before(start)


# Working hours

CHRISTMAS = [
    {"date": "--12-25"},
    {"date": "--12-26"},
    {"date": "2026-12-24", "hours": [span("09:00", "12:00")]},
]


@pytest.mark.parametrize(
    ("told", "start", "end", "seconds"),
    [
        pytest.param(
            office("Eastern Time (US & Canada)"),
            *("2026-03-06 20:30:00", "2026-03-09 14:00:00", 9_000),
            id="over a weekend in which the clocks change",
        ),
        pytest.param(
            office("America/New_York"),
            *("2026-02-27 20:30:00", "2026-03-02 14:00:00", 5_400),
            id="over the weekend before",
        ),
        pytest.param(
            office("Europe/Berlin"),
            *("2026-03-07 10:00:00", "2026-03-08 20:00:00", 0),
            id="nobody works on a weekend",
        ),
        pytest.param(
            office("Europe/Berlin", holidays=CHRISTMAS),
            *("2026-12-23 15:00:00", "2026-12-28 09:00:00", 18_000),
            id="a holiday is closed, or has hours of its own",
        ),
        pytest.param(
            calendar(
                "America/Los_Angeles",
                WEEKDAYS,
                span("12:00:00 am", "11:59:59 pm"),
            ),
            *("2026-03-08 05:00:00", "2026-03-08 18:00:00", 46_800),
            id="the last second of a day stands for its end",
        ),
        pytest.param(
            calendar(
                "Europe/Berlin",
                WEEKDAYS,
                *(span("22:00", "24:00"), span("00:00", "06:00")),
            ),
            *("2026-03-28 19:00:00", "2026-03-29 09:00:00", 25_200),
            id="a night in which an hour is skipped",
        ),
        pytest.param(
            calendar(
                "UTC",
                ["monday"],
                *(span("9:00", "12:00"), span("11:00 AM", "1:00 pm")),
            ),
            *("2026-03-02 00:00:00", "2026-03-03 00:00:00", 4 * 3_600),
            id="spans that overlap count once",
        ),
        pytest.param(
            office(
                "UTC", holidays=[{"from": "2026-03-03", "to": "2026-03-05"}]
            ),
            *("2026-03-02 00:00:00", "2026-03-09 00:00:00", 2 * 8 * 3_600),
            id="a holiday of three days",
        ),
        pytest.param(
            calendar("Europe/Berlin", WEEKDAYS, span("02:30", "03:00")),
            *("2026-03-28 12:00:00", "2026-03-29 12:00:00", 0),
            id="02:30 is skipped and read as 03:30, which is after 03:00",
        ),
        pytest.param(
            calendar("Europe/Berlin", WEEKDAYS, span("02:30", "03:00")),
            *("2026-10-24 12:00:00", "2026-10-25 12:00:00", 5_400),
            id="02:30 occurs twice: from the first one to 03:00",
        ),
    ],
)
def test_working_time_is(
    told: Json, start: str, end: str, seconds: int
) -> None:
    first, last = second(start), second(end)
    assert worked(told, first, last) == seconds
    named = {**told, "time_zone": str(read_zone(told))}
    assert worked_seconds(named, first, last)(first, last) == seconds


def test_every_zone_of_freshdesk_is_read() -> None:
    for name, zone in RAILS_ZONES.items():
        assert str(read_zone({"time_zone": name})) == zone
    assert len(RAILS_ZONES) == 150


# Zones, and a day near an odd change of clocks.
ODD_CHANGES = {
    "Africa/Cairo": "2026-04-24",  # midnight is skipped
    "Africa/Casablanca": "2026-02-15",  # summer time ends for Ramadan
    "America/Caracas": "2007-12-09",  # half an hour back
    "America/Havana": "2026-11-01",  # midnight occurs twice
    "America/New_York": "2026-03-08",
    "America/St_Johns": "2011-03-13",  # a minute after midnight
    "Antarctica/Troll": "2026-03-29",  # by two hours
    "Asia/Kolkata": "2026-01-01",
    "Asia/Pyongyang": "2018-05-04",  # half an hour before midnight
    "Australia/Lord_Howe": "2026-04-05",  # by half an hour
    "Europe/Berlin": "2026-10-25",
    "Pacific/Apia": "2011-12-30",  # a day is skipped
    "Pacific/Chatham": "2026-09-27",
}
TIMES = [
    *("00:00", "00:01", "00:30", "01:15", "02:00", "2:30 am", "03:00", "09:00"),
    *("12:00 pm", "5:30 pm", "22:00", "23:30", "24:00", "11:59:59 pm"),
]


def at_odds(pick: Callable[[Any], Any]) -> tuple[Json, datetime]:
    """Return a calendar, and the day of its zone's change of clocks."""

    def hours() -> list[Json]:
        places = [sorted({pick(range(14)), pick(range(13))}) for _ in "12"]
        places = [pair for pair in places if len(pair) == 2 and pair[0] < 12]
        return [span(TIMES[pair[0]], TIMES[pair[1]]) for pair in places]

    zone = pick([*ODD_CHANGES])
    change = datetime.fromisoformat(f"{ODD_CHANGES[zone]}T00:00:00+00:00")
    days = [change.date() + timedelta(days=number) for number in range(-2, 3)]
    holidays = {
        pick([f"{pick(days)}", f"--{pick(days):%m-%d}"]): hours()
        for _ in range(pick(range(3)))
    }
    told = {
        "time_zone": zone,
        "business_hours": {
            name: hours() for name in WEEKDAYS if pick([True, True, False])
        },
        "holidays": [
            {"date": date, "hours": own} for date, own in holidays.items()
        ],
    }
    return told, change


@given(st.data())
def test_working_time_is_that_of_a_second_by_second_count(
    data: st.DataObject,
) -> None:
    told, change = at_odds(lambda values: data.draw(st.sampled_from(values)))
    first = int(change.timestamp()) - 2 * DAY
    last = first + 4 * DAY
    count = worked_seconds(told, first, last)
    moments = st.integers(first, last)
    for start, end in data.draw(
        st.lists(st.tuples(moments, moments).map(sorted), max_size=20)
    ):
        business = worked(told, start, end)
        assert business == count(start, end)
        assert 0 <= business <= end - start
        middle = data.draw(st.integers(start, end))
        parts = worked(told, start, middle) + worked(told, middle, end)
        assert parts == business


# The reports

ROUND_THE_CLOCK = calendar("Asia/Kolkata", WEEKDAYS, span("00:00", "23:59"))


@pytest.mark.parametrize("form", ["readme", "today"])
def test_around_the_clock_is_the_calendar(workplace: Path, form: str) -> None:
    exports = generated(workplace, form, days=3)
    ingest(*exports)
    option = write_settings(Path("told"), business_hours=[ROUND_THE_CLOCK])
    reports = query(None, *option)
    for name in ("ticket_metrics", "time_in_status", "metrics_by_week"):
        plain = table(reports[name])
        for row, business in zip(
            plain, table(reports[f"{name}_business"]), strict=True
        ):
            for column, value in business.items():
                usual = column.replace("_business", "")
                assert row.get(usual, value) == value
    assert {*BUSINESS_REPORTS} < {*reports}
    assert not {*SLA_REPORTS} & {*reports}


POLICY = {
    "sla_target": {
        "priority_1": targets(86_400, None, is_business=False),
        "priority_2": targets(1_800, 7_200, is_business=False),
        "priority_4": targets(3_600, 14_400),
    },
    "pauses": ["waiting for CUSTOMER", "Esperando", "Straße"],
}
PEOPLE = [
    {"id": CUSTOMER, "contact": {"name": "Ada"}},
    {"id": 145999, "agent": False},
    {"id": 149018, "agent": False, "contact": {"name": "=Bot"}},
]


@given(overlapping_exports(), mappings(), st.data())
def test_every_csv_with_settings_equals_the_oracle(
    files: list[bytes], aliases: dict[str, str], data: st.DataObject
) -> None:
    told, _ = at_odds(lambda values: data.draw(st.sampled_from(values)))
    people = data.draw(st.lists(st.sampled_from(PEOPLE), unique_by=str))
    zone = data.draw(st.sampled_from(["UTC", "Europe/Berlin"]))
    with workplace_in_memory() as place:
        ingest(*files, aliases=aliases, directory=place)
        option = write_settings(
            place / "told",
            business_hours=[told],
            sla_policies=[POLICY],
            agents=people,
        )
        reports = query(place, f"--timezone={zone}", *option)
    assert reports == recompute(
        files,
        aliases,
        zone=read_zone({"time_zone": zone}),
        calendar=told,
        policy=POLICY,
        people=people,
    )
