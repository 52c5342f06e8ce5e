"""Pictures of the reports.

Optional: needs matplotlib, which nothing else but the page does. Each picture
is a function of tables, results of queries in seconds, to a figure. The files
depend on the tables and the installed fonts only.
"""

from __future__ import annotations

import io
import textwrap
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

from freshdesk import DAY, FIRST_SECOND, LAST_SECOND, STATUSES, duration, plural

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
FURTHER_LINES = ((GREY, "-"), (GREEN, "--"), (PURPLE, "-."), (YELLOW, ":"))
# The page replaces these colours of the style by its own, light or dark.
INK, PAPER = "#1b1e23", "#fefefe"

STYLE = Path(__file__).with_name("pictures.mplstyle")
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
MOST_HOURS = 24 * 10  # one by one; longer times are drawn by the day
MOST_DAYS = 100  # one by one; longer times are drawn by the week
MONDAY = 4 * DAY  # a first one, in seconds since 1970
LINE = 24  # letters of a label's line; half as many wide ones
WIDTH = 5.6  # inches

# The ticks of an axis of dates: years, months, days, hours, minutes, seconds;
# the first one of the next larger unit; and what is at the axis' end.
DATE_FORMATS: dict[str, list[str]] = {
    "formats": ["%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M", "%S"],
    "zero_formats": ["", "%Y-%m", "%Y-%m", "%m-%d", "%H:%M", "%H:%M"],
    "offset_formats": ["", "%Y", "%Y", "%Y-%m-%d", "%Y-%m-%d", "%Y-%m-%d"],
}
# The ticks of a logarithmic axis of seconds.
TICKS = {1: "1 s", 10: "10 s", 60: "1 min", 600: "10 min"}
TICKS |= {3600: "1 h", 6 * 3600: "6 h", DAY: "1 d", 7 * DAY: "1 wk"}
TICKS |= {30 * DAY: "30 d", 365 * DAY: "1 y", 3650 * DAY: "10 y"}

Tables = Mapping[str, pd.DataFrame]


# Labels


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
def shown(label: str, most_lines: int = 4, line: int = LINE) -> str:
    """Return a label as a picture shows it: in short lines, the last of which
    ends with an ellipsis if there are too many.
    """
    # matplotlib leaves out a label that begins with an underscore
    label = f" {label}" if label.startswith("_") else label
    is_wide = any(
        unicodedata.east_asian_width(letter) in "WF" for letter in label
    )
    lines = textwrap.wrap(label, line // 2 if is_wide else line)
    if len(lines) > most_lines:
        lines[most_lines - 1] += "\u2026"
    return "\n".join(lines[:most_lines])


def counted(label: str, number: int, most_lines: int = 4) -> str:
    """Return a label with the number of its tickets: "Refund (1,000)"."""
    return f"{shown(label, most_lines)} ({number:,})"


def left_out(table: pd.DataFrame, noun: str) -> str:
    """Return which rows are drawn: "; the 8 largest of 46 groups"."""
    if len(table) <= MOST_LABELS:
        return ""
    return f"; the {MOST_LABELS} largest of {len(table):,} {noun}"


# The pictures; a figure's label is the first line of its caption


def time_in_status(tables: Tables) -> Figure:
    """Return a bar for each priority, with a part for each status."""
    figure, axes = canvas("Where the time goes before tickets are resolved")
    spent = tables["time_in_status"].merge(tables["tickets"])
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
    figure.set_label(
        f"mean {unit} per ticket, open ones included, in all statuses but"
        " Resolved and Closed"
        + left_out(tables["metrics_by_priority"], "priorities")
    )
    return figure


def tickets_by_priority(tables: Tables) -> pd.Series[float]:
    """Return the tickets of the largest priorities, in the usual order."""
    table = tables["metrics_by_priority"]
    largest = table["tickets"].nlargest(MOST_LABELS).index.sort_values()
    return table.loc[largest].set_index("priority")["tickets"]


def place_of_status(name: str) -> tuple[bool, int, str]:
    """Return where a status stands: Freshdesk's order, then by name."""
    return name == OTHERS, [*STATUSES, name].index(name), name


def status_colours(names: Iterable[str]) -> list[str]:
    """Return a colour for each status; Freshdesk's own keep theirs."""
    unused = [STATUS_COLOURS[one] for one in STATUS_COLOURS if one not in names]
    further = iter([*FURTHER_COLOURS, *unused])
    return [STATUS_COLOURS.get(name) or next(further) for name in names]


def response_and_resolution(tables: Tables) -> Figure:
    """Return curves: the share of tickets done after each time."""
    figure, panels = canvas("How soon tickets are answered and resolved", 2)
    tickets = tables["tickets"]
    tickets = tickets[tickets["age_seconds"].notna()]
    if tickets.empty:
        return nothing(figure)
    metrics = ["time_to_first_response_seconds", "time_till_resolution_seconds"]
    known = tickets[metrics].to_numpy()
    first = np.nanmin(known[known > 0], initial=3600)
    last = max(np.nanmax(known, initial=0), tickets["age_seconds"].max(), 3600)
    start = max((tick for tick in TICKS if tick < first), default=1)
    times = np.geomspace(start, last, 400)
    for axes, metric, title in zip(
        panels, metrics, ("First response", "Resolution"), strict=True
    ):
        further = cycle(FURTHER_LINES)
        for priority in tickets_by_priority(tables).index:
            own = tickets[tickets["priority"] == priority]
            if own.empty:
                continue
            until, share = share_done(own[metric], own["age_seconds"])
            at = times[times <= until[-1]] if share[-1] < 1 else times
            place = np.searchsorted(until, at, side="right")
            done = np.append(0, share)[place] * 100
            colour, line = PRIORITY_LINES.get(priority) or next(further)
            label = f"{counted(priority, len(own), 2)}: "
            label += half_within(until, share)
            axes.plot(at, done, line, color=colour, label=label)
        axes.set(xscale="log", xlim=(start, last), ylim=(0, 103), title=title)
        ticks = far_apart(start, last)
        axes.set_xticks(ticks, [TICKS[tick] for tick in ticks])
        axes.set_xticks([], minor=True)
        axes.set(yticks=[0, 25, 50, 75, 100], ylabel="% of tickets")
        axes.grid()
        axes.legend(
            loc="upper left",
            bbox_to_anchor=(-0.02, -0.14),
            ncols=2,
            title="priority (tickets): half of them within",
            alignment="left",
            columnspacing=1,
            handlelength=1.8,
        )
    figure.set_label(
        "% of the tickets that waited for an agent and whose creation was"
        " seen, by the time since then, on a logarithmic scale. A ticket that"
        " is not answered, or not resolved, counts up to its present age, then"
        " leaves the curve (Kaplan-Meier); the medians in tables are of the"
        " answered and the resolved tickets alone"
        + left_out(tables["metrics_by_priority"], "priorities")
    )
    return figure


def far_apart(start: float, last: float) -> list[int]:
    """Return the ticks between two times whose labels do not touch."""
    ticks: list[int] = []
    for tick in TICKS:
        is_far = not ticks or tick / ticks[-1] > (last / start) ** 0.11
        if start <= tick <= last and is_far:
            ticks.append(tick)
    return ticks


def share_done(times: Any, ages: Any) -> tuple[Any, Any]:
    """Return times, and the share of tickets that are done after each.

    The estimate of Kaplan and Meier: a ticket that is not done (its time is
    unknown) counts up to its age, and then leaves.
    """
    is_done = ~np.isnan(times)
    until = np.where(is_done, times, ages)
    order = np.lexsort((~is_done, until))
    still_there = np.arange(len(until), 0, -1)
    share = 1 - np.cumprod(1 - is_done.to_numpy()[order] / still_there)
    return until[order], share


def half_within(until: Any, share: Any) -> str:
    """Return the time after which half of the tickets are done."""
    half = until[share >= 0.5 - 1e-9]
    return duration(int(half[0])) if len(half) else "not yet"


def arrivals_and_backlog(tables: Tables) -> Figure:
    """Return lines: tickets created, answered, resolved, and the backlog.

    Times are in seconds of local time since 1970.
    """
    hours = recent(tables["hours"])
    step, length = "hour", 3600
    if len(hours) > MOST_HOURS:
        step, length = "day", DAY
    if len(hours) > MOST_DAYS * 24:
        step, length = "week", 7 * DAY
    figure, (upper, lower) = canvas(f"Arrivals and backlog by the {step}", 2)
    if hours.empty or tables["tickets"].empty:
        return nothing(figure)
    start = (hours["local_hour"] - MONDAY) // length * length + MONDAY
    # One local hour may come twice, when clocks are set back.
    by = "hour" if step == "hour" else "start"
    steps = hours.assign(start=start).groupby(by)
    starts = steps["start"].first()
    is_whole = steps["is_whole"].min() == 1
    is_whole &= starts >= hours["local_hour"].iloc[0]
    is_whole &= starts + length <= hours["local_hour"].iloc[-1] + 3600
    sums = steps.sum(min_count=1)
    done = sums.where(is_whole, axis=0) if is_whole.any() else sums
    middles = moments(starts + length // 2)
    ends = moments(np.minimum(starts + length, LAST_SECOND))
    for name, colour, line in (
        ("created", BLUE, "-"),
        ("first_answered", ORANGE, "--"),
        ("resolved", GREEN, ":"),
    ):
        label = name.replace("_", " ")
        draw_line(upper, middles, done[name], line, color=colour, label=label)
    upper.set_title(f"Tickets in each {step}")
    backlog = steps["backlog"].last()
    lower.fill_between(ends, backlog, color=VERMILION, alpha=0.35, lw=0)
    draw_line(lower, ends, backlog, "-", color=VERMILION)
    lower.set_title(f"Backlog at the end of the {step}")
    is_covered = steps["is_covered"].max() == 1
    for axes in (upper, lower):
        show_dates(axes)
        axes.set(xlim=(moments(starts.iloc[0]), ends[-1]), ylabel="tickets")
        axes.set_ylim(bottom=0)
        axes.yaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.grid()
        if not is_covered.all():
            edges = np.append(moments(starts), ends[-1])
            hatch(axes, edges, ~np.append(is_covered, is_covered.iloc[-1]))
    zone = tables["hours"].attrs["zone"]
    lower.set_xlabel(f"time in {zone}")
    legend_below(upper)
    label = f"tickets by the {step} in {zone}, incomplete {step}s left out"
    if left := len(tables["hours"]) - len(hours):
        label += f"; {left // 24:,} days up to a long gap left out"
    if unseen := int(tables["tickets"]["created_at"].isna().sum()):
        label += (
            f". The backlog is what the exports show of it: {unseen:,} older"
            " tickets count from when they are first seen"
        )
    figure.set_label(label)
    return figure


def recent(hours: pd.DataFrame) -> pd.DataFrame:
    """Return the hours after the last gap that is longer than all hours which
    exports cover: one stray export would draw empty years.
    """
    is_gap = hours["is_covered"] == 0
    stretch = (is_gap != is_gap.shift()).cumsum()
    length = stretch.groupby(stretch).transform("size")
    long_gaps = hours[is_gap & (length > (~is_gap).sum())]
    return hours if long_gaps.empty else hours.loc[long_gaps.index[-1] + 1 :]


def draw_line(
    axes: Axes, at: Any, values: pd.Series[Any], line: str, **style: Any
) -> None:
    """Draw a line, and a dot where a value stands alone."""
    is_alone = values.notna() & values.shift().isna() & values.shift(-1).isna()
    axes.plot(at, values, line, **style)
    axes.plot(at[is_alone], values[is_alone], "o", color=style["color"])


def hatch(axes: Axes, edges: Any, is_unknown: Any) -> None:
    """Mark the times that no export covers."""
    height = axes.get_xaxis_transform()
    area = axes.fill_between(
        edges, 0, 1, is_unknown, step="post", transform=height
    )
    area.set(facecolor="none", edgecolor=GREY, hatch="///", linewidth=0)
    area.set_label("no export")


def show_dates(axes: Axes) -> None:
    """Let the axis of times have a few ticks, at round times."""
    locator = AutoDateLocator(minticks=3, maxticks=6)
    formatter = ConciseDateFormatter(locator, **DATE_FORMATS)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(formatter)


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
    ends = steps[["from_status", "to_status"]]
    kept = steps[ends.isin([*common]).all(axis=1)]
    most = kept["transitions"].max()
    counts = np.full((len(names), len(names)), np.nan)
    size = 9 if len(names) <= 6 else 7
    for step in kept.itertuples():
        row, column = names.index(step.from_status), names.index(step.to_status)
        counts[row, column] = step.transitions
        before = duration(int(step.median_time_before_seconds))
        text = f"{step.transitions:,}\n{before}"
        colour = "#ffffff" if step.transitions > most * 0.6 else "#000000"
        place = axes.text(column + 0.5, row + 0.5, text, size=size)
        place.set(ha="center", va="center", color=colour)
    axes.pcolormesh(
        counts, cmap="Blues", vmin=0, vmax=most, edgecolors=PAPER, linewidth=2
    )
    at = np.arange(len(names)) + 0.5
    across = [shown(name, most_lines=1) for name in names]
    down = [shown(name, most_lines=3, line=14) for name in names]
    axes.set_xticks(at, across, rotation=35, rotation_mode="anchor", ha="left")
    axes.set_yticks(at, down)
    axes.invert_yaxis()
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelsize=10)
    axes.spines[:].set_visible(False)
    axes.set_ylabel("from")
    axes.set_title("to", fontsize=11.5)
    label = "number of steps, and the median time in the status before them"
    label += left_out(numbers, "statuses")
    if rest := steps["transitions"].sum() - kept["transitions"].sum():
        label += f", without {plural(rest, 'step')}"
    figure.set_label(label)
    return figure


def first_response_by_group(tables: Tables) -> Figure:
    """Return bars: how long the tickets of each group wait."""
    figure, axes = canvas("How long each group's tickets wait for an answer")
    table = tables["metrics_by_group"]
    table = table[table["answered"] > 0]
    if table.empty:
        return nothing(figure, "No ticket has been answered")
    groups, table = table, table.nlargest(MOST_LABELS, "answered")
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
    figure.set_label(
        f"{unit} from the creation to the first response, of answered tickets"
        + left_out(groups, "groups")
    )
    return figure


def targets_met(tables: Tables) -> Figure:
    """Return lines: the share of targets met in each week, by priority."""
    figure, panels = canvas("How often targets are met, by week", 2)
    tickets = tables["tickets"].dropna(subset="week")
    tickets = tables["sla"].merge(tickets, on="ticket_id")
    judgements = ["first_response", "resolution"]
    is_known = tickets[judgements].isin(["met", "missed"])
    if not is_known.any(axis=None):
        return nothing(figure, "No target is met or missed")
    week, weeks = 7 * DAY, tickets["week"]
    first, last = weeks.min(), weeks.max()
    ends = np.array([first - week / 2, last + week / 2])
    ends = ends.clip(FIRST_SECOND, LAST_SECOND)
    every = week * (1 + (last - first) // week // 5)
    mondays = moments(np.arange(first, last + 1, every))
    for axes, judgement in zip(panels, judgements, strict=True):
        known = tickets[is_known[judgement]]
        is_met = known[judgement].eq("met") * 100
        by_week = is_met.groupby([known[f"{judgement}_priority"], weeks]).mean()
        for priority, (colour, line) in PRIORITY_LINES.items():
            if priority in by_week:
                share = by_week[priority]
                line = f"o{line}" if len(share) < 3 else line
                weeks_met = moments(share.index)
                axes.plot(weeks_met, share, line, color=colour, label=priority)
        axes.set_xticks(mondays, mondays.astype("M8[D]"))
        axes.set_title(judgement.replace("_", " ").capitalize())
        axes.set(ylabel="% of targets", ylim=(0, 103))
        axes.set_xlim(*moments(ends))
        axes.grid()
    zone = tables["hours"].attrs["zone"]
    axes.set_xlabel(f"week of the creation, by its Monday in {zone}")
    figure.set_label("% of the targets that are met or missed")
    legend_below(max(panels, key=lambda axes: len(axes.lines)))
    return figure


PICTURES: dict[str, Callable[[Tables], Figure]] = {
    "response_and_resolution": response_and_resolution,
    "arrivals_and_backlog": arrivals_and_backlog,
    "time_in_status": time_in_status,
    "first_response_by_group": first_response_by_group,
    "transition_matrix": transition_matrix,
}
# This one only where there are targets, whose report is `sla`.
ALL_PICTURES = PICTURES | {"targets_met": targets_met}


# What the pictures share


def canvas(title: str, panels: int = 1) -> tuple[Figure, Any]:
    """Return a figure with its title, and its panels above each other."""
    height = 4.8 if panels == 1 else 6.8
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
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
    lines = [textwrap.fill(line, 80) for line in caption.strip().split("\n")]
    figure.text(0.01, bottom - 0.02, "\n".join(lines), va="top", fontsize=9.5)


def drawn(name: str, tables: Tables, caption: str) -> dict[str, bytes]:
    """Return a picture's files by their names.

    Not the user's settings of matplotlib count, but its defaults and ours.
    """
    installed = set(fontManager.get_font_names())
    fonts = [font for font in FONTS if font in installed]
    style = {"font.family": fonts, "svg.hashsalt": name, "timezone": "UTC"}
    files = {}
    with mpl.rc_context(style, STYLE), warnings.catch_warnings():
        # a character that no installed font has is a box
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = ALL_PICTURES[name](tables)
        add_below(figure, f"{figure.get_label()}\n{caption}")
        for ending, metadata in (
            ("svg", dict.fromkeys(("Creator", "Date", "Format", "Type"))),
            ("png", {"Software": None}),
        ):
            file = io.BytesIO()
            figure.savefig(file, format=ending, metadata=metadata)
            files[f"{name}.{ending}"] = file.getvalue()
    return files
