"""Pictures of the reports, and one page for a first look at them.

Optional: needs matplotlib and jinja2, which nothing else does. Each picture is
a function of tables, the results of the reports in seconds, to a figure:

    data/outputs/plots/time_in_status.svg and .png, ...
    data/outputs/index.html: the pictures, and the figures behind them

The files depend on the reports and the installed fonts only.
"""

from __future__ import annotations

import io
import re
import textwrap
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import matplotlib as mpl
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from pandas.api.types import is_numeric_dtype

from freshdesk import (
    DAY,
    EPOCH,
    FIRST_SECOND,
    LAST_SECOND,
    STATUSES,
    duration,
    format_timestamp,
    plural,
    replacing,
)

# The reports that the pictures and the page show.
REPORTS = (
    "metrics_by_priority",
    "metrics_by_group",
    "metrics_by_agent",
    "metrics_by_product",
    "metrics_by_source",
    "metrics_by_week",
    "open_tickets",
    "status_transitions",
    "ticket_metrics",
    "ticket_properties",
    "tickets_by_hour",
    "time_in_status",
)
BREAKDOWNS = REPORTS[:5]

# Okabe and Ito's palette, which the colour-blind can tell apart, too.
SKY, BLUE, ORANGE, VERMILION = "#56b4e9", "#0072b2", "#e69f00", "#d55e00"
GREEN, PURPLE, YELLOW, GREY = "#009e73", "#cc79a7", "#f0e442", "#999999"
OTHERS = "other statuses"
STATUS_COLOURS = {
    "Open": VERMILION,
    "Pending": ORANGE,
    "Waiting on Customer": SKY,
    "Waiting on Third Party": PURPLE,
    OTHERS: GREY,
}
FURTHER_COLOURS = (GREEN, BLUE, YELLOW)
PRIORITY_LINES = {
    "Urgent": (VERMILION, "-"),
    "High": (ORANGE, "--"),
    "Medium": (BLUE, "-."),
    "Low": (SKY, ":"),
}
# The page replaces these colours by its own, light or dark.
INK, PAPER = "#1b1e23", "#fefefe"

STYLE = {
    "axes.edgecolor": INK,
    "axes.facecolor": "none",
    "axes.labelcolor": INK,
    "axes.labelpad": 8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "figure.facecolor": PAPER,
    "figure.titlesize": 14,
    "figure.titleweight": "bold",
    "font.size": 11.5,
    "grid.alpha": 0.4,
    "grid.color": GREY,
    "legend.fontsize": 11,
    "legend.frameon": False,
    "lines.linewidth": 2.2,
    "savefig.bbox": "tight",
    "savefig.dpi": 200,
    "svg.fonttype": "none",  # text stays text: found, read out, shaped
    "text.color": INK,
    "text.parse_math": False,  # a $ is a $
    "xtick.color": INK,
    "ytick.color": INK,
}
# matplotlib's own font, and fonts for the scripts that it lacks.
FONTS = (
    "DejaVu Sans",
    *("Noto Sans CJK JP", "Noto Sans JP", "IPAGothic", "Hiragino Sans"),
    *("Noto Sans CJK SC", "Noto Sans SC", "WenQuanYi Zen Hei", "PingFang SC"),
    *("Noto Sans CJK KR", "Noto Sans KR", "NanumGothic", "Apple SD Gothic Neo"),
    *("Noto Sans Arabic", "Noto Naskh Arabic", "Geeza Pro"),
    *("Noto Sans Hebrew", "Arial Hebrew"),
    *("Noto Sans Thai", "Thonburi"),
    *("Noto Sans Devanagari", "Kohinoor Devanagari"),
)

MOST_LABELS = 8  # in a picture
MOST_ROWS = 50  # in a table of the page
MOST_LISTED = 10  # open tickets, and weeks
MOST_HOURS = 24 * 10  # one by one; longer times are drawn by the day
LINE = 24  # letters of a label's line; half as many wide ones

# The ticks of a logarithmic axis of seconds.
TICKS = {
    1: "1 s",
    10: "10 s",
    60: "1 min",
    600: "10 min",
    3600: "1 h",
    6 * 3600: "6 h",
    DAY: "1 d",
    7 * DAY: "1 wk",
    30 * DAY: "30 d",
    365 * DAY: "1 y",
    3650 * DAY: "10 y",
}

Tables = Mapping[str, pd.DataFrame]
Engine = Callable[[str], Iterator[pd.DataFrame]]


@dataclass
class Run:
    """A run of the reports."""

    tickets: int
    as_of: int | None
    metrics: Sequence[Sequence[str]]  # the terminal's table, header first
    waiting: Sequence[Sequence[Any]]  # ticket, seconds, ..., of how many
    reports: Mapping[str, str]  # their SQL, whose head comment explains them
    hours: str = ""  # that count, if settings tell them

    @property
    def caption(self) -> str:
        """Return "1,000 tickets as of 03-03-2026 18:00:00 +0000"."""
        if self.as_of is None:
            return plural(self.tickets, "ticket")
        until = format_timestamp(self.as_of)
        return f"{plural(self.tickets, 'ticket')} as of {until}"


# Results -> tables


def read_table(engine: Engine, query: str) -> pd.DataFrame:
    """Return the whole result of a report."""
    return pd.concat(map(plain, engine(query)), ignore_index=True)


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a result with clean texts, and numbers as numpy has them."""
    columns = {}
    for name, column in frame.items():
        if name.endswith(("_seconds", "_at", "reopens")):  # or unknown
            columns[name] = column.to_numpy("float64", na_value=np.nan)
        elif is_numeric_dtype(column) and column.notna().all():
            columns[name] = column.to_numpy("int64")
        elif is_numeric_dtype(column):
            columns[name] = column.to_numpy("float64", na_value=np.nan)
        else:
            columns[name] = column.astype(object).map(clean)
    return pd.DataFrame(columns)


@cache
def clean(label: object) -> str:
    """Return a label, or "unknown", with a blank for each character that XML
    cannot hold.
    """
    return "".join(
        " " if unicodedata.category(letter) in ("Cc", "Cs", "Cn") else letter
        for letter in ("unknown" if pd.isna(label) else str(label))
    )


@cache
def shown(label: str, most_lines: int = 4) -> str:
    """Return a label as a picture shows it: in short lines, the last of which
    ends with an ellipsis if there are too many.
    """
    # matplotlib leaves out a label that begins with an underscore
    label = f" {label}" if label.startswith("_") else label
    is_wide = any(
        unicodedata.east_asian_width(letter) in "WF" for letter in label
    )
    lines = textwrap.wrap(label, LINE // 2 if is_wide else LINE)
    if len(lines) > most_lines:
        lines[most_lines - 1] += "\u2026"
    return "\n".join(lines[:most_lines])


def counted(label: str, number: int) -> str:
    """Return a label with the number of its tickets: "Refund (1,000)"."""
    return f"{shown(label)} ({number:,})"


def tickets_by_priority(tables: Tables) -> pd.Series[float]:
    """Return the tickets of each priority, in the order of their breakdown."""
    table = tables["metrics_by_priority"].head(MOST_LABELS)
    return table.groupby("priority", sort=False)["tickets"].sum()


# The pictures; a figure's label is the first line of its caption


def time_in_status(tables: Tables) -> Figure:
    """Return a bar for each priority, with a part for each status."""
    figure, axes = canvas("Where the time goes before tickets are resolved")
    spent = tables["time_in_status"].merge(tables["ticket_properties"])
    spent = spent[~spent["status"].map(STATUSES).eq(True)]
    metric = "time_in_status_seconds"
    common = spent.groupby("status")[metric].sum().nlargest(MOST_LABELS - 2)
    is_common = spent["status"].isin(common.index)
    status = spent["status"].where(is_common, OTHERS)
    seconds = spent.groupby(["priority", status])[metric].sum().unstack()
    seconds = seconds[sorted(seconds.columns, key=place_of_status)]
    tickets = tickets_by_priority(tables)
    tickets = tickets[tickets.index.isin(seconds.index)]
    if tickets.empty:
        return nothing(figure)
    means = seconds.loc[tickets.index].fillna(0).div(tickets, axis=0)
    colours = status_colours(means.columns)
    means.index = [*map(counted, tickets.index, tickets)]
    means.columns = [*map(shown, means.columns)]
    longest = means.sum(axis=1).max()
    unit = draw_bars(
        axes, means, longest, color=colours, stacked=True, width=0.7
    )
    axes.set(xlabel=f"mean {unit} per ticket", ylabel="priority (tickets)")
    figure.set_label(f"mean {unit} per ticket in all but Resolved and Closed")
    return figure


def place_of_status(name: str) -> tuple[bool, int, str]:
    """Return where a status stands: Freshdesk's order, then by name."""
    return name == OTHERS, [*STATUSES, name].index(name), name


def status_colours(names: Iterable[str]) -> list[str]:
    """Return a colour for each status; Freshdesk's own keep theirs."""
    unused = [STATUS_COLOURS[one] for one in STATUS_COLOURS if one not in names]
    further = iter([*FURTHER_COLOURS, *unused])
    return [STATUS_COLOURS.get(name) or next(further) for name in names]


def response_and_resolution(tables: Tables) -> Figure:
    """Return curves: the share of tickets done after each time.

    The share is of all tickets whose creation was seen.
    """
    figure, panels = canvas("How soon tickets are answered and resolved", 2)
    tickets = tables["ticket_metrics"].merge(tables["ticket_properties"])
    tickets = tickets[tickets["created_at"].notna()]
    if tickets.empty:
        return nothing(figure)
    metrics = ["time_to_first_response_seconds", "time_till_resolution_seconds"]
    longest = np.nanmax(tickets[metrics].to_numpy(), initial=3600)
    times = np.geomspace(1, longest, 300)
    ticks = [tick for tick in TICKS if tick <= longest]
    for axes, metric, title in zip(
        panels, metrics, ("First response", "Resolution"), strict=True
    ):
        for priority in tickets_by_priority(tables).index:
            own = tickets.loc[tickets["priority"] == priority, metric]
            if own.empty:
                continue
            done = np.searchsorted(np.sort(own), times, side="right")
            share = done * 100 / len(own)
            colour, line = PRIORITY_LINES.get(priority, (GREY, "-"))
            label = counted(priority, len(own))
            axes.plot(times, share, line, color=colour, label=label)
        axes.set(xscale="log", xlim=(1, longest), ylim=(0, 103))
        axes.set_xticks(ticks, [TICKS[tick] for tick in ticks])
        axes.set_xticks([], minor=True)
        axes.set_yticks([0, 25, 50, 75, 100])
        axes.set(title=title, ylabel="% of tickets")
        axes.grid()
    axes.set_xlabel("time since the creation")
    figure.set_label("% of tickets whose creation was seen; logarithmic time")
    legend_below(axes)
    return figure


def arrivals_and_backlog(tables: Tables) -> Figure:
    """Return lines: tickets created, answered, resolved, and the backlog."""
    hours = tables["tickets_by_hour"]
    is_long = len(hours) > MOST_HOURS
    step, length = ("day", DAY) if is_long else ("hour", 3600)
    figure, (upper, lower) = canvas(f"Arrivals and backlog by the {step}", 2)
    if hours.empty or tables["ticket_metrics"].empty:
        return nothing(figure)
    steps = hours.groupby(hours["hour"] // length * length)
    whole = steps["is_whole"].sum() * 3600 == length
    sums = steps.sum(min_count=1)  # unknown where no export covers any
    done = sums[whole] if whole.any() else sums
    backlog = steps["backlog"].last()
    middles = moments(done.index + length // 2)
    mark = "o" if len(done) < 3 else ""
    for name, colour, line in (
        ("created", BLUE, "-"),
        ("first_answered", ORANGE, "--"),
        ("resolved", GREEN, ":"),
    ):
        label = name.replace("_", " ")
        upper.plot(middles, done[name], mark + line, color=colour, label=label)
    upper.set_title(f"Tickets in each {step}")
    legend_below(upper)
    ends = moments(np.minimum(backlog.index + length, LAST_SECOND))
    lower.fill_between(ends, backlog, color=VERMILION, alpha=0.35, lw=0)
    lower.plot(ends, backlog, f"{mark}-", color=VERMILION)
    lower.set_title(f"Backlog at the end of the {step}")
    for axes in (upper, lower):
        locator = AutoDateLocator(minticks=3, maxticks=7)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        axes.set(xlim=(moments(backlog.index[0]), ends[-1]), ylabel="tickets")
        axes.set_ylim(bottom=0)
        axes.yaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.grid()
    lower.set_xlabel("time in UTC")
    figure.set_label(f"tickets by the {step} in UTC, unfinished ones left out")
    return figure


def moments(seconds: Any) -> Any:
    """Return seconds since 1970 as matplotlib draws times."""
    return np.asarray(seconds).astype("datetime64[s]")


def transition_matrix(tables: Tables) -> Figure:
    """Return a heat map: steps from each status to each other one."""
    figure, axes = canvas("Which status follows which")
    steps = tables["status_transitions"]
    if steps.empty:
        return nothing(figure, "No ticket has changed its status")
    statuses = steps.melt("transitions", ["from_status", "to_status"])
    numbers = statuses.groupby("value")["transitions"].sum()
    common = numbers.nlargest(MOST_LABELS).index
    names = sorted(common, key=place_of_status)
    kept = steps[
        steps["from_status"].isin(common) & steps["to_status"].isin(common)
    ]
    most = kept["transitions"].max()
    counts = np.full((len(names), len(names)), np.nan)
    for step in kept.itertuples():
        row, column = names.index(step.from_status), names.index(step.to_status)
        counts[row, column] = step.transitions
        seconds = int(step.median_time_before_seconds)
        if seconds >= 60:
            seconds = (seconds + 30) // 60 * 60
        axes.text(
            column + 0.5,
            row + 0.5,
            f"{step.transitions:,}\n{duration(seconds)}",
            ha="center",
            va="center",
            fontsize=10 if len(names) <= 6 else 8,
            color="#ffffff" if step.transitions > most * 0.6 else "#000000",
        )
    axes.pcolormesh(
        counts, cmap="Blues", vmin=0, vmax=most, edgecolors=PAPER, linewidth=2
    )
    at = np.arange(len(names)) + 0.5
    across = [shown(name, most_lines=1) for name in names]
    down = [shown(name, most_lines=2) for name in names]
    axes.set_xticks(at, across, rotation=35, rotation_mode="anchor", ha="left")
    axes.set_yticks(at, down)
    axes.invert_yaxis()
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelsize=10)
    axes.spines[:].set_visible(False)
    axes.set_ylabel("from")
    axes.set_title("to", fontsize=11.5)
    label = "steps, and the median time before them"
    if rest := steps["transitions"].sum() - kept["transitions"].sum():
        label += f"; {plural(rest, 'step')} of rarer ones left out"
    figure.set_label(label)
    return figure


def first_response_by_group(tables: Tables) -> Figure:
    """Return bars: how long the tickets of each group wait."""
    figure, axes = canvas("How long each group's tickets wait for an answer")
    table = tables["metrics_by_group"]
    table = table[table["answered"] > 0]
    if table.empty:
        return nothing(figure, "No ticket has been answered")
    table = table.nlargest(MOST_LABELS, "answered")
    metric = "time_to_first_response_seconds"
    bars = pd.DataFrame(
        {
            "half of the tickets answered within": table[f"median_{metric}"],
            "nine tenths within": table[f"p90_{metric}"],
        }
    )
    bars.index = [*map(counted, table["group_name"], table["answered"])]
    longest = bars.max(axis=None)
    unit = draw_bars(axes, bars, longest, color=[BLUE, SKY], width=0.75)
    axes.invert_yaxis()
    axes.set(xlabel=unit, ylabel="group (tickets answered)")
    figure.set_label(f"{unit} from the creation to the first response")
    return figure


def targets_met(tables: Tables) -> Figure:
    """Return lines: the share of targets met in each week, by priority."""
    figure, panels = canvas("How often targets are met, by week", 2)
    tickets = tables["sla"].merge(tables["ticket_metrics"])
    tickets = tickets.merge(tables["ticket_properties"]["ticket_id"])
    # The first Monday of 1970 is its fifth day.
    weeks = (tickets["created_at"] - 4 * DAY) // (7 * DAY) * 7 + 4
    judgements = ["first_response", "resolution"]
    ends = np.array([weeks.min() - 4, weeks.max() + 4]) * DAY
    ends = ends.clip(FIRST_SECOND, LAST_SECOND)
    is_known = tickets[judgements].isin(["met", "missed"])
    if not is_known.any(axis=None):
        return nothing(figure, "No target is met or missed")
    for axes, judgement in zip(panels, judgements, strict=True):
        known = tickets[is_known[judgement]]
        is_met = known[judgement].eq("met") * 100
        by_week = is_met.groupby([known[f"{judgement}_priority"], weeks]).mean()
        for priority, (colour, line) in PRIORITY_LINES.items():
            if priority in by_week:
                share = by_week[priority]
                line = f"o{line}" if len(share) < 3 else line
                days = moments(share.index.to_numpy() * DAY)
                axes.plot(days, share, line, color=colour, label=priority)
        locator = AutoDateLocator(minticks=1, maxticks=7)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        axes.set(title=judgement.replace("_", " ").capitalize())
        axes.set(ylabel="% of targets", ylim=(0, 103))
        axes.set_xlim(*moments(ends))
        axes.grid()
    axes.set_xlabel("week of the creation, from Monday in UTC")
    figure.set_label("% of the targets that are met or missed")
    legend_below(max(panels, key=lambda axes: len(axes.lines)))
    return figure


# Each picture, and the question that it answers.
PICTURES: dict[str, tuple[Callable[[Tables], Figure], str]] = {
    "time_in_status": (time_in_status, "Where does the time go, by priority?"),
    "response_and_resolution": (
        response_and_resolution,
        "How long do customers wait? A curve ends at the share of tickets that"
        " are done; the other tickets still wait.",
    ),
    "first_response_by_group": (
        first_response_by_group,
        "Which group lets its customers wait?",
    ),
    "arrivals_and_backlog": (
        arrivals_and_backlog,
        "How many agents, and when? Tickets created, answered, resolved and"
        " left over.",
    ),
    "transition_matrix": (
        transition_matrix,
        "How do tickets move between statuses? The darker, the more often.",
    ),
}
# This one only where there are targets, whose report is `sla`.
OF_TARGETS = {"targets_met": (targets_met, "How often are targets met?")}
ALL_PICTURES = PICTURES | OF_TARGETS


# What the pictures share


def canvas(title: str, panels: int = 1) -> tuple[Figure, Any]:
    """Return a figure with its title, and its panels above each other."""
    height = 5.2 if panels == 1 else 6.6
    figure = Figure(figsize=(6.5, height), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left")
    return figure, figure.subplots(panels)


def nothing(figure: Figure, text: str = "No tickets") -> Figure:
    """Return the figure with a text in place of its panels."""
    for axes in figure.axes:
        axes.set_axis_off()
    figure.text(0.5, 0.5, text, ha="center", fontsize=14)
    return figure


def draw_bars(
    axes: Axes, seconds: pd.DataFrame, longest: float, **style: Any
) -> str:
    """Draw a bar or bars for each row; return the unit of their length."""
    size, unit = time_scale(longest)
    (seconds / size).plot.barh(ax=axes, edgecolor=PAPER, legend=False, **style)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    legend_below(axes)
    return unit


def time_scale(seconds: float) -> tuple[int, str]:
    """Return the unit in which *seconds* is a number that people read."""
    for size, unit in ((DAY, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return size, unit
    return 1, "seconds"


def legend_below(axes: Axes) -> None:
    """Put the legend under the axes, where it covers nothing."""
    handles, labels = axes.get_legend_handles_labels()
    columns = 2 if max(map(len, labels), default=0) > 14 else 4
    axes.figure.legend(handles, labels, loc="outside lower left", ncols=columns)


def add_below(figure: Figure, caption: str) -> None:
    """Enlarge the figure by a caption under everything in it."""
    figure.draw_without_rendering()  # places everything
    figure.set_layout_engine("none")
    for legend in figure.legends:  # keeps its place in the enlarged figure
        legend.set_bbox_to_anchor((0, 0, 1, 1), figure.transFigure)
    bottom = figure.get_tightbbox().y0 / figure.get_figheight()
    figure.text(0.01, bottom - 0.02, caption, va="top", fontsize=10.5)


def drawn(name: str, tables: Tables, caption: str) -> dict[str, bytes]:
    """Return a picture's files by their endings."""
    files = {}
    installed = set(fontManager.get_font_names())
    fonts = [font for font in FONTS if font in installed]
    style = {**STYLE, "font.family": fonts, "svg.hashsalt": name}
    with mpl.rc_context(style), warnings.catch_warnings():
        # a character that no installed font has is a box
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = ALL_PICTURES[name][0](tables)
        add_below(figure, f"{figure.get_label()}\n{caption}".strip())
        for ending, metadata in (
            ("svg", dict.fromkeys(("Creator", "Date", "Format", "Type"))),
            ("png", {"Software": None}),
        ):
            file = io.BytesIO()
            figure.savefig(file, format=ending, metadata=metadata)
            files[ending] = file.getvalue()
    return files


# The page


def inlined(svg: bytes) -> Markup:
    """Return a picture as a part of a page, in the page's colours."""
    text = svg.decode("utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r' id="[a-z]+[0-9A-Za-z.]*_[^"]*"', "", text)
    text = re.sub(r' (width|height)="[0-9.]+pt"', "", text, count=2)
    text = text.replace(INK, "currentColor").replace(PAPER, "none")
    return Markup(text)


def definition(sql: str) -> tuple[str, str]:
    """Return the question that a report answers, and how it does."""
    comment = re.match(r"(?:--.*\n)*", sql)
    lines = comment[0].splitlines() if comment else []
    text = "\n".join(line.removeprefix("--").strip() for line in lines)
    question, _, rest = text.partition("\n\n")
    return " ".join(question.split()), " ".join(rest.split())


def column_heading(name: str) -> str:
    """Return a column's name as people read it."""
    name = re.sub("time_(to|till)_|_(seconds|id|name)$", "", name)
    return name.replace("p90_", "90 % ").replace("_", " ")


def cell(column: str, value: Any) -> str:
    """Return a value as people read it."""
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return ""
    if column.endswith("_seconds"):
        return duration(int(value))
    if column.endswith("_at"):
        return format_timestamp(int(value))
    if column.startswith("is_"):
        return "yes" if value else ""
    if column == "week":
        return f"{EPOCH + timedelta(seconds=value):%Y-%m-%d}"
    return f"{value}" if column == "ticket_id" else f"{value:,.0f}"


def agent_names(agents: pd.DataFrame) -> dict[str, str]:
    """Return how the page names each agent of a list: one of several of the
    same name with the id in brackets.
    """
    known = agents[agents["agent_name"] != clean(None)]
    ids, names = known["agent_id"], known["agent_name"]
    shown = names.mask(names.duplicated(keep=False), names + " (" + ids + ")")
    return dict(zip(ids, shown, strict=True))


def section(
    name: str, table: pd.DataFrame, sql: str, shown: pd.DataFrame | None = None
) -> dict[str, Any]:
    """Return the part of the page that shows a report, or some rows of it."""
    shown = table.head(MOST_ROWS) if shown is None else shown
    rows = shown.itertuples(index=False, name=None)
    return {
        "name": name,
        "heading": name.replace("_", " ").capitalize(),
        "question": definition(sql)[0],
        "columns": map(column_heading, table.columns),
        "rows": [map(cell, table.columns, row) for row in rows],
        "shown": len(shown),
        "all": len(table),
    }


def page(
    tables: Tables, pictures: Mapping[str, dict[str, bytes]], run: Run
) -> str:
    """Return the page, from the template beside this module."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    oldest, weeks = tables["open_tickets"], tables["metrics_by_week"]
    return templates.get_template("index.html.jinja").render(
        caption=run.caption,
        metrics=run.metrics,
        waiting=[
            [ticket, duration(waited), *map(clean, properties)]
            for ticket, waited, *properties, _ in run.waiting
        ],
        all_waiting=run.waiting[0][-1] if run.waiting else 0,
        lists=[
            section(name, table, run.reports[name], shown)
            for name, table, shown in (
                ("open_tickets", oldest, oldest.head(MOST_LISTED)),
                ("metrics_by_week", weeks, weeks.tail(MOST_LISTED)),
            )
        ],
        pictures=[
            (name, ALL_PICTURES[name][1], inlined(files["svg"]))
            for name, files in pictures.items()
        ],
        breakdowns=[
            section(name, tables[name], run.reports[name])
            for name in (*BREAKDOWNS, "status_transitions")
        ],
        definitions=[
            (name, *definition(sql)) for name, sql in run.reports.items()
        ],
    )


def publish(folder: Path, engine: Engine, run: Run) -> None:
    """Draw the reports of a run, and write its page.

    Pictures and page are complete before the first file is replaced.
    """
    tables = {name: read_table(engine, run.reports[name]) for name in REPORTS}
    properties = tables["ticket_properties"]
    counted = read_table(engine, "select ticket_id from counted_tickets")
    is_counted = properties["ticket_id"].isin(counted["ticket_id"])
    tables["ticket_properties"] = properties[is_counted]
    hours = tables["tickets_by_hour"]
    hours["is_whole"] = hours["hour"] + 3599 <= (run.as_of or 0)
    pictures = {name: drawn(name, tables, run.caption) for name in PICTURES}
    if "sla" in run.reports:
        tables["sla"] = read_table(engine, run.reports["sla"])
        told = textwrap.fill(f"working hours: {run.hours}", 80)
        caption = f"{told}\n{run.caption}"
        for name in OF_TARGETS:
            pictures[name] = drawn(name, tables, caption)
    names = agent_names(tables["metrics_by_agent"])
    for name in ("metrics_by_agent", "open_tickets"):
        ids = tables[name]["agent_id"].replace(names)
        tables[name] = tables[name].drop(columns="agent_name")
        tables[name]["agent_id"] = ids
    waiting = [
        [*row, names.get(agent, agent), number]
        for *row, agent, number in run.waiting
    ]
    text = page(tables, pictures, replace(run, waiting=waiting))
    (folder / "plots").mkdir(exist_ok=True)
    for name in ALL_PICTURES.keys() - pictures.keys():
        for stale in (folder / "plots").glob(f"{name}.*"):
            stale.unlink()
    for name, files in pictures.items():
        for ending, content in files.items():
            target = folder / "plots" / f"{name}.{ending}"
            with replacing(target) as file:
                file.buffer.write(content)
    with replacing(folder / "index.html") as file:
        file.write(text)
