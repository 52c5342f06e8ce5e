"""Working hours, targets and names: --settings, and the files that it reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import explain_due_dates
import pytest
from conftest import (
    AGENT,
    BUSINESS_REPORTS,
    CUSTOMER,
    SLA_REPORTS,
    Json,
    activity,
    created,
    export,
    ingest,
    note,
    query,
    write_export,
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
from freshdesk.settings import rails_zones, read_calendar, read_zone
from freshdesk.working_hours import expand

CASES = Path(__file__).with_name("cases")


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
    """Return the second of "2026-03-06 20:30" in UTC."""
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


BERLIN = "Europe/Berlin"
HALF_AN_HOUR = calendar(BERLIN, WEEKDAYS, span("02:30", "03:00"))
NIGHT = [span("22:00", "24:00"), span("00:00", "06:00")]
OVERLAPPING = [span("9:00", "12:00"), span("11:00 AM", "1:00 pm")]
WHOLE_DAY = span("12:00:00 am", "11:59:59 pm")
# A calendar, the UTC from and until when, and the hours worked.
WORKING_TIME: dict[str, tuple[Json, str, str, float]] = {
    "over a weekend in which the clocks change": (
        office("Eastern Time (US & Canada)"),
        *("2026-03-06 20:30", "2026-03-09 14:00", 2.5),
    ),
    "over the weekend before": (
        office("America/New_York"),
        *("2026-02-27 20:30", "2026-03-02 14:00", 1.5),
    ),
    "nobody works on a weekend": (
        office(BERLIN),
        *("2026-03-07 10:00", "2026-03-08 20:00", 0),
    ),
    "a holiday is closed, or has hours of its own": (
        office(BERLIN, holidays=CHRISTMAS),
        *("2026-12-23 15:00", "2026-12-28 09:00", 5),
    ),
    "the last second of a day stands for its end": (
        calendar("America/Los_Angeles", WEEKDAYS, WHOLE_DAY),
        *("2026-03-08 05:00", "2026-03-08 18:00", 13),
    ),
    "a night in which an hour is skipped": (
        calendar(BERLIN, WEEKDAYS, *NIGHT),
        *("2026-03-28 19:00", "2026-03-29 09:00", 7),
    ),
    "spans that overlap count once": (
        calendar("UTC", ["monday"], *OVERLAPPING),
        *("2026-03-02 00:00", "2026-03-03 00:00", 4),
    ),
    "a holiday of three days": (
        office("UTC", holidays=[{"from": "2026-03-03", "to": "2026-03-05"}]),
        *("2026-03-02 00:00", "2026-03-09 00:00", 2 * 8),
    ),
    "02:30 is skipped and read as 03:30, which is after 03:00": (
        HALF_AN_HOUR,
        *("2026-03-28 12:00", "2026-03-29 12:00", 0),
    ),
    "02:30 occurs twice: from the first one to 03:00": (
        HALF_AN_HOUR,
        *("2026-10-24 12:00", "2026-10-25 12:00", 1.5),
    ),
}


@pytest.mark.parametrize(
    ("told", "start", "end", "hours"), WORKING_TIME.values(), ids=WORKING_TIME
)
def test_working_time_is(
    told: Json, start: str, end: str, hours: float
) -> None:
    first, last = second(start), second(end)
    assert worked(told, first, last) == hours * 3_600
    named = {**told, "time_zone": str(read_zone(told))}
    assert worked_seconds(named, first, last)(first, last) == hours * 3_600


def test_every_zone_of_freshdesk_is_read() -> None:
    for name, zone in rails_zones().items():
        assert str(read_zone({"time_zone": name})) == zone
    assert len(rails_zones()) == 150


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
    for name in BUSINESS_REPORTS:
        twins = table(reports[name])
        keys = [column for column in twins[0] if "_business_" not in column]
        plain = {
            tuple(row[key] for key in keys): row
            for row in table(reports[name.removesuffix("_business")])
        }
        for twin in twins:
            row = plain[tuple(twin[key] for key in keys)]
            for column, value in twin.items():
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


MON_TO_FRI = office("Europe/Berlin")
FRIDAY, MONDAY = "27-03-2026 00:00:00 +0000", "30-03-2026 15:00:00 +0000"


@pytest.mark.usefixtures("workplace")
def test_an_urgent_ticket_meets_its_targets_in_working_time_only() -> None:
    """1,800 + 1,200 + 9,000 s till the resolution: 12,000, without a pause."""
    ticket = [
        created("27-03-2026 16:30:00 +0100", priority=4, agent_id=AGENT),
        note("30-03-2026 09:20:00 +0200", REPLY),
        activity("30-03-2026 09:20:00 +0200", status="Waiting on Customer"),
        activity("30-03-2026 14:20:00 +0200", status="Open"),
        activity("30-03-2026 16:50:00 +0200", status="Resolved"),
    ]
    ingest(export(*ticket, start_at=FRIDAY, end_at=MONDAY))
    policy = {"sla_target": {"priority_4": targets(3_600, 14_400)}}
    option = write_settings(
        Path("told"), business_hours=[MON_TO_FRI], sla_policies=[policy]
    )
    reports = query(None, *option)
    assert reports["sla"][1:] == [
        "1,Urgent,3600,3000,met,Urgent,14400,12000,met"
    ]
    assert reports["sla_by_priority"][1:] == ["Urgent,1,0,0,100.0,1,0,0,100.0"]
    assert reports["ticket_metrics_business"][1:] == [
        "1,12000,18000,0,30000,3000,30000"
    ]
    hours = query(None, *option, "--unit", "hours")
    assert hours["time_in_status_business"] == [
        "ticket_id,status,time_in_status_business_hours",
        "1,Open,3.33",
        "1,Resolved,0.17",
        "1,Waiting on Customer,5.0",
    ]

    policy["sla_target"]["priority_4"]["business_hours"] = False
    write_settings(Path("told"), sla_policies=[policy])
    assert query(None, *option)["sla"][1:] == [
        "1,Urgent,3600,229800,missed,Urgent,14400,238800,missed"
    ]


@pytest.mark.usefixtures("workplace")
def test_each_judgement_is_of_the_priority_at_its_moment() -> None:
    """It was Low when it was answered, and is Urgent and open since. Of the
    priorities of a second the last one stands.
    """
    ingest(
        export(
            created("10:00:00", priority=2, agent_id=AGENT),
            note("10:30:00", REPLY),
            activity("10:30:00", priority=4),
            activity("10:30:00", priority=1),
            activity("10:30:01", priority=4),
            created("10:00:00", ticket=2),
            activity("10:00:00", ticket=3, priority=4),
            end_at="20-04-2017 11:00:00 +0000",
        )
    )
    policy = {
        "sla_target": {
            "priority_1": targets(3_600, 7_200, is_business=False),
            "priority_4": targets(600, 3_600, is_business=False),
        }
    }
    option = write_settings(Path("told"), sla_policies=[policy])
    reports = query(None, *option)
    assert reports["sla"][1:] == [
        "1,Low,3600,1800,met,Urgent,3600,3600,running",
        "2,,,,,,,,",
        "3,Urgent,600,,,Urgent,3600,,",
    ]
    assert reports["sla_by_priority"][1:] == [
        "Low,1,0,0,100.0,0,0,0,",
        "Urgent,0,0,0,,0,0,1,",
    ]
    assert not {*BUSINESS_REPORTS} & {*reports}


@pytest.mark.usefixtures("workplace")
def test_who_is_marked_as_no_agent_answers_nobody() -> None:
    """999 is an integration, and writes to tickets 2 and 3 at once."""
    ingest((CASES / "bots.json").read_bytes())
    assert query()["time_to_first_response"][1:] == ["1,2400", "2,4", "3,4"]
    option = write_settings(Path("told"), agents=[{"id": 999, "agent": False}])
    answered = ["1,2400", "2,3000", "3,3000"]
    assert query(None, *option)["time_to_first_response"][1:] == answered


@pytest.mark.usefixtures("workplace")
def test_who_is_listed_is_an_agent() -> None:
    ingest(export(created("10:00:00"), note("10:10:00", REPLY, by=145999)))
    assert query()["time_to_first_response"][1:] == ["1,"]
    option = write_settings(Path("told"), agents=[{"id": 145999}])
    assert query(None, *option)["time_to_first_response"][1:] == ["1,600"]


def test_files_of_reports_that_need_settings_do_not_get_stale(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ingest(export(created("10:00:00")))
    files = {
        "business_hours": [MON_TO_FRI],
        "sla_policies": [{"sla_target": {}}],
    }
    option = write_settings(Path("told"), **files)
    needing = {*BUSINESS_REPORTS, *SLA_REPORTS}
    assert needing < {*query(None, *option)}
    named = ["-d", "tickets.db", "-o", "outputs", "ticket_metrics", "-q"]
    assert sql_queries.main(named) == 0
    assert (workplace / "outputs/sla.csv").exists()  # it was not all that ran
    (workplace / "told/business_hours.json").unlink()
    assert needing & {*query(None, *option)} == {*SLA_REPORTS}
    assert not needing & {*query()}
    capsys.readouterr()
    assert sql_queries.main(["-d", "tickets.db", "sla"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "sla.sql: needs a folder with sla_policies.json; " in line


# Freshdesk's own due dates


def test_a_calendar_explains_freshdesks_due_dates(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Created on a Friday at 16:30 in Berlin, and due after four hours."""
    dues = {
        1: "30-03-2026 12:30:00 +0200",
        2: "30-03-2026 10:30:01 +0000",
        3: "30-03-2026 12:30:02 +0200",  # two seconds too late
        4: "27-03-2026 20:30:00 +0100",  # by the calendar
    }
    records = [
        created("27-03-2026 15:30:00 +0000", ticket=n, priority=2, due_by=due)
        for n, due in dues.items()
    ]
    write_export(
        Path("day.json"), export(*records, start_at=FRIDAY, end_at=MONDAY)
    )
    policy = {"sla_target": {"priority_2": targets(3_600, 14_400)}}
    files = {"business_hours": [MON_TO_FRI], "sla_policies": [policy]}
    option = write_settings(workplace / "told", **files)
    assert explain_due_dates.main(["day.json", *option]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2 of 4 due dates are the creation and the target, to within a second",
        "3 are 4h after the creation",
        "1 are 30m after the creation",
    ]


# Malformed files


def monday(*spans: Any, **more: Any) -> list[Json]:
    return [
        {**calendar("UTC", [], **more), "business_hours": {"monday": [*spans]}}
    ]


def one_target(**target: Any) -> list[Json]:
    return [{"sla_target": {"priority_4": target}}]


TWO_DEFAULTS = [{**MON_TO_FRI, "is_default": True}] * 2
BACKWARDS = {"from": "2026-12-25", "to": "2026-12-24"}
MALFORMED: dict[str, list[tuple[Any, str]]] = {
    "business_hours": [
        ({}, "{} stands there; write a list: [...]"),
        ([], "0 of 0 entries are the default; write one"),
        ([[]], "entry 1: [] stands there; write an object"),
        (TWO_DEFAULTS, "2 of 2 entries are the default; "),
        ([MON_TO_FRI] * 3, "0 of 3 entries are the default; "),
        (
            [MON_TO_FRI, {**MON_TO_FRI, "time_zone": "Europe/Berl\x00n"}],
            "entry 2: time_zone: no time zone 'Europe/Berl",
        ),
        (
            [office("../UTC")],
            "entry 1: time_zone: no time zone '../UTC'; if this machine has no"
            " time zone database: python -m pip install tzdata; or write one"
            " such as",
        ),
        (
            [{"business_hours": {}}],
            "entry 1: time_zone: null stands there; write a zone such as"
            ' "Europe/',
        ),
        (
            [{"time_zone": "UTC"}],
            "entry 1: business_hours: null stands there; write the weekdays: {",
        ),
        (
            [calendar("UTC", ["montag"])],
            "entry 1: business_hours: 'montag' is no weekday; write monday",
        ),
        (
            monday(span("22:00", "06:00")),
            "entry 1: monday: 22:00 to 06:00 ends before it starts; write 22:00"
            " to 24:00, and 00:00 to 06:00 on the next day",
        ),
        (
            monday(span("1:30:30 pm", "12:00 am")),
            "entry 1: monday: 13:30:30 to 00:00 ends before it starts; write"
            " 13:30:30 to 24:00",
        ),
        (
            monday(span("09:00", "09:00")),
            "entry 1: monday: 09:00 to 09:00 ends before it starts; leave it"
            " out",
        ),
        *(
            (
                monday(span("09:00", time)),
                f"entry 1: monday: end_time: {time!r} is not a time; write a",
            )
            for time in [
                *("25:00", "24:01", "12:60", "0:30 pm", "13:00 pm", "9", ""),
            ]
        ),
        (
            monday({"start_time": 9}),
            "entry 1: monday: start_time: 9 stands there; write a time such as",
        ),
        (
            monday("09:00"),
            'entry 1: monday: "09:00" stands there; write {"start_time": "09:0',
        ),
        (
            monday(holidays=[{"date": "--02-29"}, {"date": "--02-30"}]),
            "entry 1: holiday 2: date: '--02-30' is no day; write a day such",
        ),
        (
            monday(holidays=[{}]),
            'entry 1: holiday 1: date: null stands there; write "2026-12-24",',
        ),
        (
            monday(holidays=[BACKWARDS]),
            "entry 1: holiday 1: from 2026-12-25 is after to 2026-12-24; write",
        ),
        (
            monday(holidays=[{"date": "2026-12-24"}, {**CHRISTMAS[2]}]),
            "entry 1: holidays: 2026-12-24 stands twice, with other hours;",
        ),
    ],
    "sla_policies": [
        (
            [{"sla_target": []}],
            'entry 1: sla_target: [] stands there; write {"priority_4": {...}}',
        ),
        (
            [{"sla_target": {"priority_5": {}}}],
            "entry 1: sla_target: priority_5: no such priority; write priority",
        ),
        *(
            (
                one_target(respond_within=seconds, business_hours=False),
                "entry 1: sla_target: priority_4: respond_within: "
                f"{json.dumps(seconds)} {problem}; write seconds: 3600",
            )
            for seconds, problem in [
                *((wrong, "stands there") for wrong in ("1h", 1.5, True)),
                *((wrong, "is not a time") for wrong in (-1, 2**63)),
            ]
        ),
        (
            one_target(respond_within=60),
            "entry 1: sla_target: priority_4: business_hours: null stands"
            " there; write true or false",
        ),
        (
            one_target(respond_within=60, business_hours=True),
            "a target is in business hours, and there is no"
            " business_hours.json",
        ),
        (
            [{"sla_target": {}, "pauses": ["Pending", 2]}],
            "entry 1: pauses: status: 2 stands there; write one such as",
        ),
    ],
    "agents": [
        (
            [{"id": 1}, {"id": "2"}],
            'entry 2: id: "2" stands there; write the agent\'s number: 149018',
        ),
        ([{"id": 2**63}], "entry 1: id: 9223372036854775808 is too large"),
        ([{"id": 1}, {"id": 1}], "id 1 stands twice; leave one out"),
        ([{"id": 1, "agent": 0}], "entry 1: agent: 0 stands there; write"),
        (
            [{"id": 1, "contact": {"name": 7}}],
            "entry 1: contact: name: 7 stands there; write a text",
        ),
        (
            [{"id": 1, "contact": {"name": "\ud800"}}],
            "entry 1: contact: name: '\\ud800' is half a character; write a",
        ),
        (
            b'[{"id": 1, "contact": {}, "id": 2}]',
            "'id' stands twice in one entry; write one, of several times of a",
        ),
        (b"[{]", "not JSON (Expecting property name enclosed in double"),
        (b"\xff", "not JSON ('utf-8' codec can't decode byte 0xff in"),
        (b"[" * 100_000, "not JSON ("),
    ],
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_file_is_one_line(
    name: str, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = workplace / f"{name}.json"
    for told, problem in MALFORMED[name]:
        text = told if isinstance(told, bytes) else json.dumps(told).encode()
        file.write_bytes(text)
        assert sql_queries.main(["--settings", str(workplace)]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: {file}: {problem}")


def test_a_folder_without_settings_is_one_line(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in (workplace, workplace / "nowhere"):
        assert sql_queries.main(["--settings", str(folder)]) == 1
        assert capsys.readouterr().err.splitlines() == [
            f"error: {folder}: no business_hours.json, sla_policies.json or"
            " agents.json there; name another --settings folder"
        ]
