"""Pictures of the reports, and one page for a first look at them.

Optional: needs matplotlib and jinja2, which nothing else does. Each picture is
a function of tables, the results of the reports in seconds, to a figure:

    data/outputs/plots/time_in_status.svg and .png, ...
    data/outputs/index.html: the same, with the figures behind them

Nothing in them depends on the machine or the moment, but for the fonts.
"""

from __future__ import annotations

import io
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import matplotlib as mpl
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

from freshdesk import (
    STATUSES,
    duration,
    format_timestamp,
    plural,
    replacing,
)

# What is drawn, or shown on the page; all of it must have been written.
REPORTS = (
    "metrics_by_priority",
    "metrics_by_group",
    "metrics_by_agent",
    "metrics_by_product",
    "metrics_by_source",
    "status_transitions",
    "ticket_metrics",
    "ticket_properties",
    "tickets_by_hour",
    "time_in_status",
)
BREAKDOWNS = REPORTS[:5]
TEXTS = {
    "agent_id",
    "current_status",
    "from_status",
    "group_name",
    "priority",
    "product",
    "source",
    "status",
    "ticket_id",
    "to_status",
}

# Okabe and Ito's palette, which the colour-blind can tell apart, too.
SKY, BLUE, ORANGE, VERMILION = "#56b4e9", "#0072b2", "#e69f00", "#d55e00"
GREEN, PURPLE, YELLOW, GREY = "#009e73", "#cc79a7", "#f0e442", "#999999"
STATUS_COLOURS = {
    "Open": VERMILION,
    "Pending": ORANGE,
    "Waiting on Customer": SKY,
    "Waiting on Third Party": PURPLE,
}
OTHER_COLOURS = (GREEN, BLUE, YELLOW)
OTHERS = "other statuses"
PRIORITY_LINES = {
    "Urgent": (VERMILION, "-"),
    "High": (ORANGE, "--"),
    "Medium": (BLUE, "-."),
    "Low": (SKY, ":"),
}
# Colours that the page replaces by its own, light or dark.
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
    "figure.figsize": (6.5, 5.2),
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
    "savefig.facecolor": PAPER,
    "svg.fonttype": "none",  # text stays text: found, read out, shaped
    "text.color": INK,
    "text.parse_math": False,  # a $ is a $
    "xtick.color": INK,
    "xtick.labelcolor": INK,
    "ytick.color": INK,
    "ytick.labelcolor": INK,
}
# For scripts that matplotlib's own font lacks, the first that is installed.
FALLBACK_FONTS = (
    ("Noto Sans CJK JP", "Noto Sans JP", "IPAGothic", "Hiragino Sans"),
    ("Noto Sans CJK SC", "Noto Sans SC", "WenQuanYi Zen Hei", "PingFang SC"),
    ("Noto Sans CJK KR", "Noto Sans KR", "NanumGothic", "Apple SD Gothic Neo"),
    ("Noto Sans Arabic", "Noto Naskh Arabic", "Geeza Pro"),
    ("Noto Sans Hebrew", "Arial Hebrew"),
    ("Noto Sans Thai", "Thonburi"),
    ("Noto Sans Devanagari", "Kohinoor Devanagari"),
)

MOST_LABELS = 8  # in a picture; the rarer ones are taken together
MOST_ROWS = 50  # in a table of the page
MOST_HOURS = 24 * 10  # as bars; beyond that, days
LINE = 24  # columns of a label's line

# The ticks of a logarithmic axis of seconds.
TICKS = {
    1: "1 s",
    10: "10 s",
    60: "1 min",
    600: "10 min",
    3600: "1 h",
    6 * 3600: "6 h",
    86_400: "1 d",
    7 * 86_400: "1 wk",
    30 * 86_400: "30 d",
    365 * 86_400: "1 y",
    3650 * 86_400: "10 y",
}

Tables = Mapping[str, pd.DataFrame]
Engine = Callable[[str], Iterator[pd.DataFrame]]


@dataclass
class Run:
    """What a run of the reports said, besides its files."""

    tickets: int
    as_of: int | None
    metrics: Sequence[Sequence[str]]  # the terminal's table, header first
    waiting: Sequence[Sequence[Any]]  # ticket, seconds, and what it is
    reports: Mapping[str, str]  # their SQL, whose head comment explains them

    @property
    def caption(self) -> str:
        """Return "1,000 tickets as of 03-03-2026 18:00:00 +0000"."""
        if self.as_of is None:
            return plural(self.tickets, "ticket")
        until = format_timestamp(self.as_of)
        return f"{plural(self.tickets, 'ticket')} as of {until}"


# Results -> tables


def read_table(engine: Engine, query: str) -> pd.DataFrame:
    """Return a report's result: texts that XML can hold, numbers, and hours as
    moments.
    """
    table = pd.concat(engine(query))
    for name in table.columns:
        if name in TEXTS:
            table[name] = table[name].astype(object)
            known = table[name].notna()
            table[name] = table[name].where(known, None)
            table.loc[known, name] = table.loc[known, name].map(clean)
        elif name == "hour":
            moments = table[name].to_numpy("int64").astype("datetime64[s]")
            table[name] = moments
        else:
            table[name] = table[name].astype("float64")
    return table


def clean(value: object) -> str:
    """Return *text* with a blank for each character that XML cannot hold."""
    return "".join(
        " " if unicodedata.category(letter) in ("Cc", "Cs", "Cn") else letter
        for letter in str(value)
    )


def wrapped(label: str, most_lines: int) -> str:
    """Return *label* in lines of some 24 columns; wide letters take two.

    What is too long for *most_lines* ends with an ellipsis.
    """
    lines = [""]
    for word in re.findall(r"\S+\s*|\s+", label):
        pieces = [word] if columns(word) <= LINE else list(word)
        for piece in pieces:
            if lines[-1] and columns(lines[-1] + piece.rstrip()) > LINE:
                lines.append("")
            lines[-1] += piece
    if len(lines) > most_lines:
        lines[most_lines - 1 :] = [f"{lines[most_lines - 1].rstrip()}\u2026"]
    return "\n".join(line.rstrip() for line in lines)


def columns(text: str) -> int:
    """Return how many columns *text* takes."""
    return sum(
        2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
        if not unicodedata.combining(letter)
    )


def shown(label: object, most_lines: int = 4) -> str:
    """Return a label as a picture shows it; the unknown one too."""
    text = "unknown" if pd.isna(label) else str(label)
    # matplotlib leaves out what begins with an underscore
    text = f" {text}" if text.startswith("_") else text
    return wrapped(text, most_lines)


def tickets_by_priority(tables: Tables) -> dict[str, int]:
    """Return the tickets of each priority, in the order of their breakdown."""
    table = tables["metrics_by_priority"].head(MOST_LABELS)
    numbers: dict[str, int] = {}
    for priority, number in zip(
        table["priority"].map(shown), table["tickets"], strict=True
    ):
        numbers[priority] = numbers.get(priority, 0) + int(number)
    return numbers


# The pictures


def time_in_status(tables: Tables) -> Figure:
    """Return a bar for each priority, with a part for each status."""
    figure, axes = canvas("Where the time goes before tickets are resolved")
    spent = tables["time_in_status"].merge(tables["ticket_properties"])
    spent = spent[~spent["status"].map(STATUSES).eq(True)]
    if spent.empty:
        return nothing(figure, axes)
    keep = spent.groupby("status")["time_in_status_seconds"].sum()
    common = keep.nlargest(MOST_LABELS - 2, keep="all").index[: MOST_LABELS - 2]
    spent["status"] = spent["status"].where(
        spent["status"].isin(common), OTHERS
    )
    total = spent.pivot_table(
        index=spent["priority"].map(shown),
        columns="status",
        values="time_in_status_seconds",
        aggfunc="sum",
        fill_value=0,
    )
    number = tickets_by_priority(tables)
    rows = [priority for priority in number if priority in total.index]
    names = sorted(total.columns, key=place_of_status)
    mean = total.loc[rows, names].div(pd.Series(number)[rows], axis=0)
    size, unit = time_scale(float(mean.sum(axis=1).max()))
    colours = status_colours(names)
    mean.index = pd.Index([f"{row} ({number[row]:,})" for row in rows])
    mean.columns = pd.Index([shown(name) for name in names])
    (mean / size).plot.barh(
        ax=axes, stacked=True, color=colours, width=0.7, edgecolor=PAPER
    )
    axes.set_xlabel(f"mean {unit} per ticket")
    figure.set_label(f"mean {unit} per ticket in all but Resolved and Closed")
    axes.set_ylabel("priority (tickets)")
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    legend_below(axes)
    return figure


def place_of_status(name: str) -> tuple[bool, int, str]:
    """Return where a status stands: Freshdesk's order, then by name."""
    return name == OTHERS, [*STATUSES, name].index(name), name


def status_colours(names: Sequence[str]) -> list[str]:
    """Return a colour for each status, the same one in every picture."""
    further = [
        *OTHER_COLOURS,
        *(STATUS_COLOURS[name] for name in STATUS_COLOURS if name not in names),
    ]
    others = iter(further)
    known = {**STATUS_COLOURS, OTHERS: GREY}
    return [known.get(name) or next(others) for name in names]


def response_and_resolution(tables: Tables) -> Figure:
    """Return curves: the share of tickets done after each time."""
    figure, (upper, lower) = canvas(
        "How soon tickets are answered and resolved", panels=2
    )
    tickets = tables["ticket_metrics"].merge(tables["ticket_properties"])
    tickets = tickets[tickets["created_at"].notna()]
    if tickets.empty:
        return nothing(figure, upper, lower)
    for axes, metric, title in (
        (upper, "time_to_first_response_seconds", "First response"),
        (lower, "time_till_resolution_seconds", "Resolution"),
    ):
        curves, styles, colours = cumulative(tickets, metric, tables)
        curves.plot(ax=axes, style=styles, color=colours, legend=False)
        axes.set_xscale("log")
        longest = float(curves.index.max())
        ticks = [tick for tick in TICKS if tick <= longest]
        axes.set_xticks(ticks, [TICKS[tick] for tick in ticks])
        axes.set_xticks([], minor=True)
        axes.set_xlim(1, longest)
        axes.set_ylim(0, 103)
        axes.set_yticks([0, 25, 50, 75, 100])
        axes.set_title(title)
        axes.set_ylabel("% of tickets")
        axes.set_xlabel("")
        axes.grid()
    lower.set_xlabel("time since the creation")
    figure.set_label("% of those seen created; logarithmic time")
    legend_below(lower)
    return figure


def cumulative(
    tickets: pd.DataFrame, metric: str, tables: Tables
) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Return the share of tickets (%) by seconds, a column a priority.

    The share is of all tickets whose creation was seen: a curve ends where
    those are that still wait.
    """
    both = tickets[
        ["time_to_first_response_seconds", "time_till_resolution_seconds"]
    ]
    longest = max(3600.0, float(both.max().fillna(0).max()))
    grid = np.geomspace(1, longest, 300)
    curves, styles, colours = {}, [], []
    for label in tickets_by_priority(tables):
        own = tickets[tickets["priority"].map(shown) == label]
        if own.empty:
            continue
        values = np.sort(own[metric].dropna().to_numpy(dtype=float))
        done = np.searchsorted(values, grid, side="right")
        curves[f"{label} ({len(own):,})"] = done * 100 / len(own)
        colour, style = PRIORITY_LINES.get(label, (GREY, "-"))
        styles.append(style)
        colours.append(colour)
    return pd.DataFrame(curves, index=grid), styles, colours


def arrivals_and_backlog(tables: Tables) -> Figure:
    """Return lines: what comes in, what gets done, and what is left."""
    hours = tables["tickets_by_hour"]
    hours = hours.set_index("hour")
    step = "hour"
    if len(hours) > MOST_HOURS:
        step = "day"
        sums = hours.drop(columns="backlog").resample("D").sum()
        hours = sums.join(hours["backlog"].resample("D").last())
        hours["is_whole"] = hours["is_whole"] == 24
    figure, (upper, lower) = canvas(
        f"Arrivals and backlog by the {step}", panels=2
    )
    if hours.empty or not tables["ticket_metrics"].size:
        return nothing(figure, upper, lower)
    # in the middle of the hours that they count
    half = pd.Timedelta(30, "min") if step == "hour" else pd.Timedelta(12, "h")
    whole = hours[hours["is_whole"]] if hours["is_whole"].any() else hours
    done = whole[["created", "first_answered", "resolved"]].astype(int)
    done.index = done.index + half
    done.columns = pd.Index(["created", "first answered", "resolved"])
    mark = "o" if len(done) < 3 else ""
    done.plot(
        ax=upper,
        style=[f"{mark}-", f"{mark}--", f"{mark}:"],
        color=[BLUE, ORANGE, GREEN],
        x_compat=True,
        legend=False,
    )
    upper.set_title(f"Tickets in each {step}")
    legend_below(upper)
    left = hours["backlog"].copy()
    left.index = left.index + 2 * half  # it is counted at the end
    left.plot.area(ax=lower, color=VERMILION, alpha=0.35, x_compat=True, lw=0)
    left.plot(ax=lower, color=VERMILION, style=f"{mark}-", x_compat=True)
    lower.set_title(f"Backlog at the end of the {step}")
    for axes in (upper, lower):
        time_axis(axes, hours.index[0], left.index[-1])
        axes.set_ylabel("tickets")
        axes.set_ylim(bottom=0)
        axes.yaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.grid()
    lower.set_xlabel("time in UTC")
    figure.set_label(f"tickets by the {step} in UTC, unfinished ones left out")
    return figure


def transition_matrix(tables: Tables) -> Figure:
    """Return a heat map: steps from each status to each other one."""
    figure, axes = canvas("Which status follows which")
    steps = tables["status_transitions"]
    if steps.empty:
        return nothing(figure, axes, "No ticket has changed its status")
    weight = (
        steps.groupby("from_status")["transitions"]
        .sum()
        .add(
            steps.groupby("to_status")["transitions"].sum(),
            fill_value=0,
        )
    )
    common = weight.nlargest(MOST_LABELS).index
    names = sorted(common, key=place_of_status)
    kept = steps[
        steps["from_status"].isin(common) & steps["to_status"].isin(common)
    ]
    counts = kept.pivot_table(
        index="from_status", columns="to_status", values="transitions"
    ).reindex(index=names, columns=names)
    times = kept.pivot_table(
        index="from_status",
        columns="to_status",
        values="median_time_before_seconds",
    ).reindex(index=names, columns=names)
    matrix = counts.to_numpy(dtype=float)
    most = float(np.nanmax(matrix)) if kept.size else 1.0
    axes.pcolormesh(
        np.ma.masked_invalid(matrix),
        cmap="Blues",
        vmin=0,
        vmax=most,
        edgecolors=PAPER,
        linewidth=2,
    )
    size = 10 if len(names) <= 6 else 8
    for (row, column), number in np.ndenumerate(matrix):
        if not np.isnan(number):
            wait = duration(rounded(int(times.iloc[row, column])))
            axes.text(
                column + 0.5,
                row + 0.5,
                f"{int(number):,}\n{wait}",
                ha="center",
                va="center",
                fontsize=size,
                color="#ffffff" if number > most * 0.6 else "#000000",
            )
    across = [shown(name, most_lines=1) for name in names]
    down = [shown(name, most_lines=2) for name in names]
    middles = np.arange(len(names)) + 0.5
    axes.set_xticks(
        middles,
        across,
        rotation=35,
        rotation_mode="anchor",
        ha="left",
        fontsize=10,
    )
    axes.set_yticks(middles, down, fontsize=10)
    axes.invert_yaxis()
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_ylabel("from")
    axes.set_title("to", fontsize=11.5)
    rest = int(steps["transitions"].sum() - kept["transitions"].sum())
    left_out = (
        f"; {plural(rest, 'step')} of rarer ones left out" if rest else ""
    )
    figure.set_label(f"steps, and the median time before them{left_out}")
    return figure


def rounded(seconds: int) -> int:
    """Return *seconds* to the minute, unless there are few."""
    return seconds if seconds < 60 else (seconds + 30) // 60 * 60


def first_response_by_group(tables: Tables) -> Figure:
    """Return bars: how long the tickets of each group wait."""
    figure, axes = canvas("How long each group's tickets wait for an answer")
    table = tables["metrics_by_group"]
    table = table[table["answered"] > 0].nlargest(MOST_LABELS, "answered")
    if table.empty:
        return nothing(figure, axes, "No ticket has been answered")
    bars = pd.DataFrame(
        {
            "half of the tickets answered within": table[
                "median_time_to_first_response_seconds"
            ],
            "nine tenths within": table["p90_time_to_first_response_seconds"],
        }
    ).astype(float)
    bars.index = pd.Index(
        [
            f"{shown(name)} ({int(number):,})"
            for name, number in zip(
                table["group_name"], table["answered"], strict=True
            )
        ]
    )
    size, unit = time_scale(float(bars.max().max()))
    (bars / size).plot.barh(
        ax=axes, color=[BLUE, SKY], width=0.75, edgecolor=PAPER
    )
    axes.invert_yaxis()
    axes.set_xlabel(unit)
    figure.set_label(f"{unit} from the creation to the first response")
    axes.set_ylabel("group (tickets answered)")
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    legend_below(axes)
    return figure


# Each picture, and what one may ask it.
PICTURES: dict[str, tuple[Callable[[Tables], Figure], str]] = {
    "time_in_status": (
        time_in_status,
        "Where does the time go, by priority?",
    ),
    "response_and_resolution": (
        response_and_resolution,
        "Who waits, and how long? What is late? A curve ends at the share of"
        " tickets that is done; the others wait still.",
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


# What the pictures share


def canvas(title: str, panels: int = 1) -> tuple[Figure, Any]:
    """Return a figure with its title, and its panels above each other."""
    height = 5.2 if panels == 1 else 6.6
    figure = Figure(figsize=(6.5, height), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left")
    return figure, figure.subplots(panels)


def nothing(
    figure: Figure, *axes: Axes | str, text: str = "No tickets"
) -> Figure:
    """Return the figure with a word in place of what there is not."""
    for one in axes:
        if isinstance(one, str):
            text = one
        else:
            one.set_axis_off()
    figure.text(0.5, 0.5, text, ha="center", fontsize=14)
    return figure


def time_scale(seconds: float) -> tuple[int, str]:
    """Return the unit in which *seconds* is a number that people read."""
    for size, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return size, unit
    return 1, "seconds"


def time_axis(axes: Axes, start: pd.Timestamp, end: pd.Timestamp) -> None:
    """Label *axes* from *start* to *end* with hours and dates."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=7)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.set_xlim(start, end)
    axes.set_xlabel("")
    axes.tick_params(axis="x", labelrotation=0)
    for label in axes.get_xticklabels():
        label.set_horizontalalignment("center")


def legend_below(axes: Axes) -> None:
    """Put the legend under the axes, where it covers nothing."""
    handles, labels = axes.get_legend_handles_labels()
    legend = axes.get_legend()
    if legend is not None:
        legend.remove()
    axes.figure.legend(
        handles,
        labels,
        loc="outside lower left",
        ncols=2 if max(map(len, labels)) > 14 else 4,
    )


def add_below(figure: Figure, caption: str) -> None:
    """Put *caption* under all that is in the figure."""
    figure.draw_without_rendering()  # finds out where all that is
    figure.set_layout_engine("none")
    to_figure = figure.transFigure.inverted()
    for legend in figure.legends:  # stays where it is in a larger figure
        box = legend.get_window_extent().transformed(to_figure)
        legend.set_loc("upper left")
        legend.borderaxespad = 0
        legend.set_bbox_to_anchor((box.x0, box.y1), figure.transFigure)
    bottom = figure.get_tightbbox().y0 / figure.get_figheight()
    figure.text(0.01, bottom - 0.02, caption, va="top", fontsize=10.5)


def fonts() -> list[str]:
    """Return matplotlib's own font, and those for further scripts."""
    installed = set(fontManager.get_font_names())
    found = [
        next((font for font in choice if font in installed), None)
        for choice in FALLBACK_FONTS
    ]
    return ["DejaVu Sans", *filter(None, found)]


def drawn(name: str, tables: Tables, caption: str) -> dict[str, bytes]:
    """Return a picture's files by their endings."""
    files = {}
    style = {**STYLE, "font.family": fonts(), "svg.hashsalt": name}
    with mpl.rc_context(style), warnings.catch_warnings():
        # what no installed font has is a box
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        # where all times are 0
        warnings.filterwarnings("ignore", message="Attempting to set identical")
        figure = PICTURES[name][0](tables)
        units = f"{figure.get_label()}\n" if figure.get_label() else ""
        add_below(figure, f"{units}{caption}")
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


def heading(name: str) -> str:
    """Return "metrics_by_group" as "Metrics by group"."""
    return name.replace("_", " ").capitalize()


def column_heading(name: str) -> str:
    """Return a column's name as people read it."""
    for metric, short in (
        ("time_to_first_response_seconds", "first response"),
        ("time_till_resolution_seconds", "resolution"),
    ):
        name = name.replace(metric, short)
    name = name.removesuffix("_seconds").removesuffix("_id")
    return name.replace("_name", "").replace("p90_", "90 % ").replace("_", " ")


def cells(table: pd.DataFrame) -> list[list[str]]:
    """Return a table's rows as people read them."""
    rows = []
    for values in table.itertuples(index=False, name=None):
        row = []
        for column, value in zip(table.columns, values, strict=True):
            if pd.isna(value):
                row.append("unknown" if column in TEXTS else "")
            elif column.endswith("_seconds"):
                row.append(duration(int(value)))
            else:
                row.append(value if column in TEXTS else f"{int(value):,}")
        rows.append(row)
    return rows


def section(name: str, table: pd.DataFrame, sql: str) -> dict[str, Any]:
    """Return what the page shows of a report."""
    return {
        "name": name,
        "heading": heading(name),
        "question": definition(sql)[0],
        "columns": [column_heading(column) for column in table.columns],
        "rows": cells(table.head(MOST_ROWS)),
        "left_out": max(0, len(table) - MOST_ROWS),
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
    return templates.get_template("index.html.jinja").render(
        caption=run.caption,
        metrics=run.metrics,
        waiting=[
            [
                clean(duration(value) if place == 1 else str(value))
                if value is not None
                else "unknown"
                for place, value in enumerate(row)
            ]
            for row in run.waiting
        ],
        pictures=[
            (name, PICTURES[name][1], inlined(files["svg"]))
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

    All of it is made before the first file is replaced.
    """
    tables = {name: read_table(engine, run.reports[name]) for name in REPORTS}
    hours = tables["tickets_by_hour"]
    until = np.datetime64(run.as_of or 0, "s")
    hours["is_whole"] = hours["hour"] + np.timedelta64(3599, "s") <= until
    pictures = {name: drawn(name, tables, run.caption) for name in PICTURES}
    text = page(tables, pictures, run)
    (folder / "plots").mkdir(exist_ok=True)
    for name, files in pictures.items():
        for ending, content in files.items():
            target = folder / "plots" / f"{name}.{ending}"
            with replacing(target) as file:
                file.buffer.write(content)
    with replacing(folder / "index.html") as file:
        file.write(text)
