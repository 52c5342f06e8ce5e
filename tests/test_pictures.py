"""The pictures and the page, as files."""

from __future__ import annotations

import re
import shutil
import warnings
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib
import pandas
import pytest
from conftest import AGENT, Json, activity, created, export, ingest, note
from PIL import Image
from test_settings import office, targets, write_settings

import sql_queries
from freshdesk import REPLY, page, parse_timestamp, pictures, sqlite, utc

JAPANESE = (
    "東日本エリア法人向け技術サポート窓口"
    "第二課緊急対応担当東京本社三階電話受付係"
)
ARABIC = "مجموعة الدعم الفني لعملاء الشرق الأوسط وأ"

pytestmark = pytest.mark.usefixtures("workplace")


def ticket(number: int, group: str, status: str) -> list[Json]:
    """Return a ticket's day: answered, closed, and reopened."""
    return [
        created("10:00:00", ticket=number, priority=number % 4, group=group),
        activity("10:00:00", ticket=number, agent_id=AGENT),
        note("10:10:00", REPLY, ticket=number, note_id=number),
        activity("11:00:00", ticket=number, status=status),
        activity("12:00:00", ticket=number, status="Closed"),
        activity("13:00:00", ticket=number, status=status),
    ]


HOSTILE = export(
    *ticket(1, JAPANESE, JAPANESE),
    *ticket(2, ARABIC, ARABIC),
    *ticket(3, "<script>alert(1)</script>", "--><b>"),
    *ticket(4, "$x^2$ & $y$", "_hidden"),
    *ticket(5, "unknown", "\x00\x1b\ufffe"),
    *ticket(6, "=1+1", "{{ run }}"),
    *ticket(7, "NA", "a" * 40),
    *ticket(8, pictures.INK, "other statuses"),
    *ticket(9, "nan", "&lt;"),
    created("10:00:00", ticket=10, priority="unknown"),
)
EXPORTS = {
    "no ticket": export(),
    "one ticket": export(created("10:00:00", priority=3, group="Refund")),
    "one ticket at the last second": export(
        created("21-04-2017 09:59:59 +0000", status="Open")
    ),
    "a note only": export(note("10:00:00", REPLY)),
    "one ticket, answered and closed": export(*ticket(1, "Refund", "Closed")),
    "hostile labels": HOSTILE,
    "the first day": export(
        created("01-01-0001 00:00:00 +0000"),
        start_at="01-01-0001 00:00:00 +0000",
        end_at="01-01-0001 23:59:59 +0000",
    ),
    "the last day": export(
        created("31-12-9999 23:59:59 +0000"),
        start_at="31-12-9999 00:00:00 +0000",
        end_at="31-12-9999 23:59:59 +0000",
    ),
    "statuses that share no ticket, and many priorities": export(
        *(created("10:00:00", ticket=n, priority=n) for n in range(12)),
        *(
            activity("10:01:00", ticket=n, status=f"from {n}")
            for n in range(12)
        ),
        *(activity("10:02:00", ticket=n, status=f"to {n}") for n in range(12)),
    ),
}


def plot(*arguments: str) -> str:
    """Query tickets.db with pictures, without a warning; return the page."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ResourceWarning)
        status = sql_queries.main(
            ["-d", "tickets.db", "-o", "out", "--plot", *arguments]
        )
    assert status == 0
    return Path("out/index.html").read_text(encoding="utf-8")


def made() -> dict[str, bytes]:
    """Return the files of the pictures and the page."""
    files = [*Path("out/plots").iterdir(), Path("out/index.html")]
    return {path.name: path.read_bytes() for path in files}


def words(name: str) -> str:
    """Return the text of a picture, which must be well-formed."""
    root = ElementTree.parse(f"out/plots/{name}.svg").getroot()
    return " ".join("".join(root.itertext()).split())


class Page(HTMLParser):
    """The elements of a page, their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(text)
        self.text = " ".join(self.text.split())

    def handle_starttag(
        self, tag: str, attrs: list[tuple[str, str | None]]
    ) -> None:
        self.text += " "
        self.elements.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def hostile_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database of HOSTILE, and its page and pictures."""
    place = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        ingest(HOSTILE)
        plot()
    return place


@pytest.fixture
def drawn(workplace: Path, hostile_place: Path) -> dict[str, bytes]:
    """The page and the pictures of HOSTILE, in a copy of that folder."""
    shutil.copytree(hostile_place, workplace, dirs_exist_ok=True)
    return made()


@pytest.mark.parametrize("name", EXPORTS)
def test_every_picture_is_drawn_whatever_the_export(name: str) -> None:
    ingest(EXPORTS[name])
    shown = Page(plot())
    until = utc(parse_timestamp(EXPORTS[name]["metadata"]["end_at"]))
    for picture in pictures.PICTURES:
        assert f"as of {until}" in words(picture)
        assert Image.open(f"out/plots/{picture}.png").width > 1000
    assert len(made()) == 2 * len(pictures.PICTURES) + 1
    assert shown.elements.count("svg") == len(pictures.PICTURES)


@pytest.mark.usefixtures("drawn")
def test_a_picture_says_its_units_and_the_number_of_tickets() -> None:
    for name, units in {
        "time_in_status": "mean hours per ticket",
        "response_and_resolution": "on a logarithmic scale",
        "first_response_by_group": "minutes from the creation",
        "arrivals_and_backlog": "tickets by the hour in UTC",
        "transition_matrix": "the 8 largest of 11 statuses, without 9 steps",
    }.items():
        assert units in words(name)
        assert "10 tickets as of" in words(name)


def test_the_page_shows_labels_as_text_and_needs_nothing_else(
    drawn: dict[str, bytes],
) -> None:
    text = drawn["index.html"].decode()
    page = Page(text)
    for label in (
        *("<script>alert(1)</script>", JAPANESE, ARABIC, "{{ run }}"),
        *("&lt;", pictures.INK),
    ):
        assert label in page.text
    unsafe = {"script", "iframe", "link", "img", "object", "b"}
    assert not unsafe & set(page.elements)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not re.search(r"url\((?!#)|@import", text)
    ids = Counter(value for name, value in page.attributes if name == "id")
    assert ids.most_common(1)[0][1] == 1
    for name, value in page.attributes:
        assert pictures.INK not in value  # the page has its own, light or dark
        assert {*re.findall(r"url\(#([^)]*)\)", value)} <= ids.keys()
        if name in ("href", "src", "xlink:href"):
            assert value[0] == "#"
            assert value[1:] in ids


def test_the_page_has_the_metrics_the_longest_waits_and_definitions(
    drawn: dict[str, bytes],
) -> None:
    text = Page(drawn["index.html"].decode()).text
    for part in (
        "Time to first response",
        "Tickets 2017-04-20 to 2017-04-21",
        "10 tickets, as of 2017-04-21 09:59:59 UTC. Times are in UTC.",
        "1 waiting for a first response longest: ticket 10, 23h 59m",
        "10 open now oldest: ticket 1, 23h 59m",
        "Waiting longest for a first response",
        "10 23h 59m Open unknown",
        "Metrics by product",
        "product tickets created answered resolved resolved timed reopened",
        "median first response 90% first response",
        "unknown 10 10 9 0 0 9 10 10m 10m",
        "What is still open, and whose turn is it?",
        "10 Open unknown unknown unknown 2017-04-20 10:00:00 23h 59m",
        "Is it getting better, week by week?",
        "2017-04-17 0 10 9 9 9 10 10m 10m yes",
    ):
        assert part in text
    # Each column is defined once.
    assert text.count("Of the tickets, those reopened at least once") == 1


def test_with_settings_the_page_shows_targets_met_and_names() -> None:
    colleagues = {AGENT: "Ada", AGENT + 1: "Ada", AGENT + 2: "Grace"}
    tickets = [*ticket(1, "Refund", "Closed"), *ticket(2, "Refund", "Open")]
    for number, agent in enumerate(colleagues, start=3):
        tickets.append(created("10:00:00", ticket=number, agent_id=agent))
    ingest(export(*tickets))
    people = [
        {"id": agent, "contact": {"name": name}}
        for agent, name in colleagues.items()
    ]
    policy = {"sla_target": {"priority_1": targets(1800, 7200)}}
    settings = write_settings(
        Path("told"),
        business_hours=[office("Europe/Berlin")],
        sla_policies=[policy],
        agents=people,
    )
    text = Page(plot(*settings)).text
    for part in (
        "Metrics by agent",
        f"Ada ({AGENT}) 3 3 2",
        f"Ada ({AGENT + 1}) 1 1 0",
        "Grace 1 1 0",
        f"3 23h 59m Open unknown unknown Ada ({AGENT})",
        "Low: response within 0.5h, resolution within 2h of working time.",
        "working hours: Mon-Fri 09:00-17:00 (Europe/Berlin)",
    ):
        assert part in text
    assert words("targets_met").endswith(" Low")
    assert len(made()) == 1 + 2 * len(pictures.ALL_PICTURES)
    plot()
    assert len(made()) == 1 + 2 * len(pictures.PICTURES)


def test_a_picture_of_targets_that_judge_no_ticket_says_so() -> None:
    ingest(export(note("10:00:00", REPLY)))
    target = targets(1800, 7200, is_business=False)
    policy = {"sla_target": {"priority_1": target}}
    plot(*write_settings(Path("told"), sla_policies=[policy]))
    assert "No target is met or missed" in words("targets_met")


def test_a_long_table_says_how_many_rows_are_left_out() -> None:
    tickets = range(52)
    ingest(export(*(created("10:00:00", ticket=n, group=n) for n in tickets)))
    text = Page(plot()).text
    assert "The first 50 of 52 Metrics by agent" in text
    assert "The first 10 of 52 Metrics by week" in text  # open tickets
    assert "The first 10 of 52 Open tickets" in text  # wait longest


def test_a_metric_that_few_tickets_have_is_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sqlite, "CHUNK_ROWS", 1)
    others = [created("10:00:00", ticket=number) for number in (1, 3)]
    ingest(export(*others, *ticket(2, "Refund", "Closed")))
    plot()
    assert "Medium (1): 10m unknown (2): not yet" in words(
        "response_and_resolution"
    )


def test_without_a_font_for_a_script_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pictures, "FONTS", ["DejaVu Sans"])
    ingest(HOSTILE)
    plot()


def test_the_same_database_gives_the_same_bytes_in_every_unit(
    drawn: dict[str, bytes],
) -> None:
    plot("--unit", "minutes")
    assert made() == drawn


def test_deleted_tickets_and_spam_are_in_no_picture(
    drawn: dict[str, bytes],
) -> None:
    aside = [*ticket(11, "Refund", "Open"), *ticket(12, "Refund", "Open")]
    aside.append(activity("14:00:00", ticket=11, spam=True))
    aside.append(activity("14:00:00", ticket=12, deleted=True))
    ingest(export(*aside))
    page = Page(plot())
    assert "10 tickets (2 more set aside as deleted or spam)" in page.text
    assert made() == drawn | {"index.html": made()["index.html"]}


@pytest.mark.usefixtures("drawn")
def test_the_page_and_its_pictures_tell_which_tickets_count() -> None:
    told = "10 tickets created from 2017-04-20 until 2017-04-21"
    days = ["--since", "2017-04-20", "--until", "2017-04-21"]
    zone = ["--timezone", "Asia/Tokyo"]
    assert f"{told}, as of" in Page(plot(*days, *zone)).text
    assert f"{told} as of" in words("time_in_status")
    told = "0 tickets created from 2017-04-21, as of"
    assert told in Page(plot("--since", "2017-04-21")).text
    told = "0 tickets created until 2017-04-19, as of"
    assert told in Page(plot("--until", "2017-04-19")).text


def test_long_times_are_drawn_by_the_day() -> None:
    for end_at, step in (("20-05-2017", "day"), ("20-09-2017", "week")):
        ingest(export(created("10:00:00"), end_at=f"{end_at} 10:00:00 +0000"))
        plot()
        title = f"Arrivals and backlog by the {step}"
        assert title in words("arrivals_and_backlog")


def test_times_that_no_export_covers_are_marked_and_long_ones_left_out() -> (
    None
):
    ingest(
        export(created("10:00:00")),
        export(
            start_at="23-04-2017 10:00:00 +0000",
            end_at="24-04-2017 09:59:59 +0000",
        ),
        export(  # stray, ten years ago
            start_at="01-04-2007 10:00:00 +0000",
            end_at="02-04-2007 09:59:59 +0000",
        ),
    )
    plot("--timezone", "Europe/Berlin")
    text = words("arrivals_and_backlog")
    assert "no export" in text
    assert "tickets by the hour in Europe/Berlin" in text
    assert "3,672 days up to a long gap left out" in text
    assert "2007" not in text.replace("2017", "")


def test_a_backlog_older_than_the_exports_is_marked() -> None:
    ingest(export(activity("12:00:00", status="Pending")))
    plot()
    assert (
        "The backlog is what the exports show of it: 1 older tickets count from"
        " when they are first seen" in words("arrivals_and_backlog")
    )


NEVER = float("nan")


@pytest.mark.parametrize(
    ("times", "ages", "until", "share", "half"),
    [
        ([10, 20], [99, 99], [10, 20], [0.5, 1], "10s"),
        # One left after 15 s, so that the second one is half of the rest.
        (
            *([10, NEVER, 20, NEVER], [99, 15, 99, 99]),
            *([10, 15, 20, 99], [0.25, 0.25, 0.625, 0.625]),
            "20s",
        ),
        # Who leaves in the same second was still there.
        ([10, NEVER], [99, 10], [10, 10], [0.5, 0.5], "10s"),
        ([NEVER], [15], [15], [0], "not yet"),
    ],
)
def test_curves_allow_for_tickets_that_have_had_less_time(
    times: list[float],
    ages: list[float],
    until: list[float],
    share: list[float],
    half: str,
) -> None:
    found = pictures.share_done(pandas.Series(times), pandas.Series(ages))
    assert [*found[0]] == until
    assert [*found[1]] == pytest.approx(share)
    assert pictures.half_within(*found) == half


def test_settings_of_matplotlib_have_no_part_in_the_pictures(
    drawn: dict[str, bytes],
) -> None:
    settings = {
        "text.usetex": True,
        "axes.facecolor": "red",
        "axes.xmargin": 0.3,
        "figure.dpi": 30,
        "timezone": "Asia/Tokyo",
    }
    with matplotlib.rc_context(settings):
        plot()
    assert made() == drawn


@pytest.mark.usefixtures("drawn")
def test_a_full_run_without_pictures_removes_those_of_an_earlier_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("out/plots/own.svg").touch()
    assert {f"plots/{name}.svg" for name in pictures.PICTURES} < {
        *sql_queries.PAGE_FILES
    }
    arguments = ["-d", "tickets.db", "-o", "out"]
    assert sql_queries.main([*arguments, "time_spent_open"]) == 0
    assert Path("out/index.html").exists()
    capsys.readouterr()
    assert sql_queries.main(arguments) == 0
    assert not Path("out/index.html").exists()
    assert [path.name for path in Path("out/plots").iterdir()] == ["own.svg"]
    assert capsys.readouterr().err == (
        "note: out: removed the page and the pictures of an earlier run; --plot"
        " draws them anew\n"
    )


def test_a_picture_that_fails_leaves_all_of_them_as_they_were(
    drawn: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(export(created("12:00:00", ticket=11)))

    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(page, "page", broken)
    with pytest.raises(ZeroDivisionError):
        plot()
    assert made() == drawn


def test_pictures_need_the_reports_that_they_draw(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ingest(export())
    arguments = ["-d", "tickets.db", "-o", "out", "--plot", "ticket_metrics"]
    assert sql_queries.main(arguments) == 1
    error = capsys.readouterr().err
    assert "not among the reports that run, and --plot draws from it" in error


@pytest.mark.parametrize(
    ("label", "lines"),
    [
        ("Refund", "Refund"),
        ("_hidden", " _hidden"),
        ("a" * 30, "a" * 24 + "\n" + "a" * 6),
        ("待" * 40, "待" * 12 + "\n" + "待" * 12 + "…"),
        ("one and twenty thirty forty", "one and twenty thirty\nforty"),
    ],
)
def test_a_long_label_takes_several_lines(label: str, lines: str) -> None:
    assert pictures.shown(label, most_lines=2) == lines
