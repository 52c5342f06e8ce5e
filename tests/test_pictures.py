"""The pictures and the page, as files: what they say, refuse and leave out."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import warnings
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from conftest import (
    AGENT,
    ROOT,
    Json,
    activity,
    created,
    export,
    ingest,
    note,
)
from PIL import Image

import sql_queries
from freshdesk import REPLY, pictures

JAPANESE = (
    "東日本エリア法人向け技術サポート窓口"
    "第二課緊急対応担当東京本社三階電話受付係"
)
ARABIC = "مجموعة الدعم الفني لعملاء الشرق الأوسط وأ"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


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


HOSTILE = [
    *ticket(1, JAPANESE, JAPANESE),
    *ticket(2, ARABIC, ARABIC),
    *ticket(3, "<script>alert(1)</script>", "--><b>"),
    *ticket(4, "$x^2$ & $y$", "_hidden"),
    *ticket(5, "unknown", "\x00\x1b\ufffe"),
    *ticket(6, "=1+1", "{{ run }}"),
    *ticket(7, "NA", "a" * 40),
    *ticket(8, "None", "other statuses"),
    *ticket(9, "nan", "&lt;"),
    created("10:00:00", ticket=10, priority="unknown"),
]
DAYS = {
    "no export of any ticket": [],
    "one ticket": [created("10:00:00", priority=3, group="Refund")],
    "one ticket at the last second": [
        created("21-04-2017 09:59:59 +0000", status="Open")
    ],
    "a note only": [note("10:00:00", REPLY)],
    "one ticket, answered and closed": ticket(1, "Refund", "Closed"),
    "hostile labels": HOSTILE,
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
    """Return what is there of pictures and page."""
    files = [*Path("out/plots").iterdir(), Path("out/index.html")]
    return {path.name: path.read_bytes() for path in files}


def texts(svg: Path) -> str:
    """Return the words of a picture, which must be well-formed."""
    root = ElementTree.parse(svg).getroot()
    return " ".join("".join(root.itertext()).split())


class Page(HTMLParser):
    """What there is in a page: elements, their attributes, and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(
        self, tag: str, attrs: list[tuple[str, str | None]]
    ) -> None:
        self.text += " "
        self.elements.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize("name", DAYS)
def test_every_picture_is_drawn_whatever_the_day(name: str) -> None:
    ingest(export(*DAYS[name]))
    page = Page(plot())
    assert sorted(made()) == sorted(
        [
            f"{name}.{ending}"
            for name in pictures.PICTURES
            for ending in ("svg", "png")
        ]
        + ["index.html"]
    )
    for svg in Path("out/plots").glob("*.svg"):
        assert "as of 21-04-2017 09:59:59 +0000" in texts(svg)
        assert Image.open(svg.with_suffix(".png")).width > 1000
    assert page.elements.count("svg") == len(pictures.PICTURES)


@pytest.mark.usefixtures("workplace")
def test_a_picture_says_its_units_and_the_number_of_tickets() -> None:
    ingest(export(*HOSTILE))
    plot()
    for name, units in {
        "time_in_status": "mean hours per ticket",
        "response_and_resolution": "logarithmic time",
        "first_response_by_group": "minutes from the creation",
        "arrivals_and_backlog": "tickets by the hour in UTC",
        "transition_matrix": "steps, and the median time before them",
    }.items():
        words = texts(Path(f"out/plots/{name}.svg"))
        assert units in words
        assert "10 tickets as of" in words


@pytest.mark.usefixtures("workplace")
def test_the_page_shows_labels_as_text_and_needs_nothing_else() -> None:
    ingest(export(*HOSTILE))
    text = plot()
    page = Page(text)
    assert "<script>alert(1)</script>" in page.text
    assert JAPANESE in page.text
    assert ARABIC in page.text
    assert "{{ run }}" in page.text
    assert not {"script", "iframe", "link", "img", "object", "b"} & set(
        page.elements
    )
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    for name, value in page.attributes:
        if name in ("href", "src", "xlink:href"):
            assert value.startswith("#")
    assert not re.search(r"url\((?!#)|@import", text)
    ids = Counter(value for name, value in page.attributes if name == "id")
    assert ids.most_common(1)[0][1] == 1
    for name, value in page.attributes:
        for reference in re.findall(r"url\(#([^)]*)\)", value):
            assert reference in ids
        if name == "xlink:href":
            assert value[1:] in ids


@pytest.mark.usefixtures("workplace")
def test_the_page_has_the_table_those_who_wait_and_the_definitions() -> None:
    ingest(export(*HOSTILE))
    words = " ".join(Page(plot()).text.split())
    for part in (
        "Time to first response",
        "Waiting longest for a first response",
        "23h 59m",
        "Metrics by product",
        "Status transitions",
        "How long did each customer wait for a first response?",
        "9 10m 10m 10m",
    ):
        assert part in words


@pytest.mark.usefixtures("workplace")
def test_without_a_font_for_a_script_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pictures, "FALLBACK_FONTS", ())
    ingest(export(*HOSTILE))
    plot()


@pytest.mark.usefixtures("workplace")
def test_the_same_database_gives_the_same_bytes() -> None:
    ingest(export(*HOSTILE))
    plot()
    before = made()
    plot()
    assert made() == before


@pytest.mark.usefixtures("workplace")
def test_the_pictures_are_the_same_in_every_unit() -> None:
    ingest(export(*ticket(1, "Refund", "Closed")))
    in_seconds = Page(plot()).text
    assert Page(plot("--unit", "minutes")).text == in_seconds


@pytest.mark.usefixtures("workplace")
def test_long_times_are_drawn_by_the_day() -> None:
    ingest(
        export(*ticket(1, "Refund", "Closed")),
        export(created("01-06-2017 10:00:00 +0000", ticket=2)),
    )
    plot()
    words = texts(Path("out/plots/arrivals_and_backlog.svg"))
    assert "Arrivals and backlog by the day" in words


@pytest.mark.usefixtures("workplace")
def test_a_picture_that_fails_leaves_all_of_them_as_they_were(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ingest(export(*HOSTILE))
    plot()
    before = made()
    ingest(export(created("12:00:00", ticket=11)))

    def broken(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(pictures, "page", broken)
    with pytest.raises(MemoryError):
        plot()
    assert made() == before


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize("package", ["matplotlib", "jinja2"])
def test_without_a_package_one_line_says_what_to_install(
    package: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ingest(export())
    capsys.readouterr()
    monkeypatch.setitem(sys.modules, package, None)
    assert sql_queries.main(["-d", "tickets.db", "-o", "out", "--plot"]) == 1
    assert capsys.readouterr().err == (
        f"error: {package} is missing; install it with:"
        " python -m pip install matplotlib jinja2\n"
    )
    assert not Path("out").exists()


def test_a_run_without_pictures_imports_nothing_of_them(
    workplace: Path,
) -> None:
    ingest(export(*HOSTILE))
    script = (
        "import sys, sql_queries\n"
        "assert sql_queries.main(['-d', 'tickets.db', '-o', 'out']) == 0\n"
        "print(*{'matplotlib', 'jinja2', 'freshdesk.pictures'}"
        " & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=workplace,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.splitlines()[-1] == ""


@pytest.mark.usefixtures("workplace")
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
        ("Refund", ["Refund"]),
        ("Waiting on Third Party", ["Waiting on Third Party"]),
        ("a" * 30, ["a" * 24, "a" * 6]),
        ("待" * 40, ["待" * 12, "待" * 12 + "…"]),
        ("one and twenty thirty forty", ["one and twenty thirty", "forty"]),
    ],
)
def test_a_long_label_takes_several_lines(label: str, lines: list[str]) -> None:
    assert pictures.wrapped(label, most_lines=2).split("\n") == lines


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")
@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_a_browser_shows_the_page_light_or_dark(
    width: int, scheme: str
) -> None:
    ingest(export(*HOSTILE))
    plot()
    subprocess.run(
        [
            str(CHROMIUM),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--blink-settings=preferredColorScheme={int(scheme == 'light')}",
            f"--window-size={width},900",
            f"--screenshot={Path('page.png').absolute()}",
            Path("out/index.html").absolute().as_uri(),
        ],
        capture_output=True,
        check=True,
        timeout=120,
    )
    image = Image.open("page.png").convert("L")
    assert image.width == width
    assert (image.getpixel((2, 2)) > 128) == (scheme == "light")
