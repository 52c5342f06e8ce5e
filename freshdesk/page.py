"""One page for a first look at the reports, and the pictures in it.

    data/outputs/index.html
    data/outputs/plots/time_in_status.svg and .png, ...

Optional: needs matplotlib and jinja2, which nothing else does. All figures are
computed from the reports' seconds, whatever the unit of their files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup
from pandas.api.types import is_integer_dtype, is_numeric_dtype

from freshdesk import (
    DAY,
    EPOCH,
    duration,
    plural,
    replacing,
    show_progress,
    sql,
    utc,
)
from freshdesk.pictures import (
    ALL_PICTURES,
    INK,
    OF_TARGETS,
    PAPER,
    PICTURES,
    clean,
    drawn,
)
from freshdesk.writers import Output, is_duration, is_time, meaning, utc_offset

BREAKDOWNS = (
    "metrics_by_priority",
    "metrics_by_group",
    "metrics_by_agent",
    "metrics_by_product",
    "metrics_by_source",
)
# The reports that the page and its pictures show.
REPORTS = (
    "open_tickets",
    "metrics_by_week",
    *BREAKDOWNS,
    "status_transitions",
    "time_in_status",
)
# With targets, these, too.
REPORTS_OF_TARGETS = ("sla", "sla_by_priority")
# What else they show: the queries in sql/page.
QUERIES = ("span", "longest_waiting", "tickets", "hours", "targets")

HEADINGS = {
    "longest_waiting": "Waiting longest for a first response",
    "sla_by_priority": "Targets by priority",
}
# What to bear in mind when reading a table.
WEEKS_NOTE = (
    "Recent tickets have had less time to be answered and resolved. A ticket"
    " that is older than the exports joins the backlog when it is first seen."
)
MOST_ROWS = 50  # in a table
MOST_LISTED = 10  # open tickets, and weeks
LISTS = 3  # tables before the pictures

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"

# A part of the page, its figure that stands out, a label, and more about it.
Fact = tuple[str, str, str, str]
Row = Sequence[Any]
Tables = dict[str, pd.DataFrame]


def page_queries() -> dict[str, str]:
    return {name: sql(f"page/{name}") for name in QUERIES}


# Results -> tables


def read_tables(output: Output, reports: Mapping[str, str]) -> Tables:
    """Return the results that the page shows, whole."""
    names = [*REPORTS, *REPORTS_OF_TARGETS]
    queries = {name: reports[name] for name in names if name in reports}
    queries |= page_queries()
    tables = {
        name: pd.concat(map(plain, output.engine(query)), ignore_index=True)
        for name, query in queries.items()
    }
    hours, tickets, span = tables["hours"], tables["tickets"], tables["span"]
    hours["local_hour"] = local_times(hours["hour"], output)
    hours.attrs["zone"] = str(output.zone)
    tickets["local_created_at"] = local_times(tickets["created_at"], output)
    for bound in ("since_at", "until_at"):
        span[bound] = local_times(span[bound], output)
    agents = agent_names(tables["metrics_by_agent"])
    return {name: with_names(table, agents) for name, table in tables.items()}


def with_names(table: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Return a table with agents' names, where they are known, for ids."""
    if "agent_id" not in table:
        return table
    shown = table.assign(agent_id=table["agent_id"].replace(names))
    return shown.drop(columns="agent_name", errors="ignore")


def local_times(seconds: pd.Series[Any], output: Output) -> pd.Series[Any]:
    """Return times in UTC as the seconds of the reports' time zone."""
    known = seconds.dropna()
    away = [utc_offset(int(second), output.zone) for second in known]
    return known + np.array(away, "int64")


def agent_names(agents: pd.DataFrame) -> dict[str, str]:
    """Return how the page names each agent of a list: one of several of the
    same name with the id in brackets.
    """
    known = agents[agents["agent_name"] != clean(None)]
    ids, names = known["agent_id"], known["agent_name"]
    shown = names.mask(names.duplicated(keep=False), names + " (" + ids + ")")
    return dict(zip(ids, shown, strict=True))


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a result with clean texts, and numbers as numpy has them."""
    columns = {}
    for label, column in frame.items():
        name = str(label)
        is_unknown = column.isna().all() and meaning("", name)[0] != "text"
        if not is_numeric_dtype(column) and not is_unknown:
            columns[name] = column.astype(object).map(clean)
        elif is_integer_dtype(column) and column.notna().all():
            columns[name] = column.to_numpy("int64")
        else:
            columns[name] = column.to_numpy("float64", na_value=np.nan)
    return pd.DataFrame(columns)


# Tables -> the page's parts


def standing_out(
    answers: Mapping[str, Sequence[Row]], tables: Tables
) -> list[Fact]:
    """Return what a manager looks for first."""
    facts = [
        longest(
            answers["longest_waiting"],
            "longest_waiting",
            "waiting for a first response",
            "longest",
        ),
        longest(answers["oldest_open"], "open_tickets", "open now", "oldest"),
    ]
    if weeks := answers["last_weeks"]:
        week, *counts = weeks[0]
        before = [""] * 3
        if len(weeks) == 2 and week - weeks[1][0] == 7 * DAY:
            before = [f"the week before: {count:,}" for count in weeks[1][1:]]
        labels = ("created in", "resolved in", "open at the end of")
        facts += [
            (
                "metrics_by_week",
                f"{count:,}",
                f"{label} the week of {day(week)}",
                earlier,
            )
            for count, label, earlier in zip(
                counts, labels, before, strict=True
            )
        ]
    if "sla_by_priority" in tables:
        for judgement in ("first_response", "resolution"):
            facts.append(target_met(tables["sla_by_priority"], judgement))
    return facts


def longest(rows: Sequence[Row], part: str, label: str, word: str) -> Fact:
    """Return how many tickets there are, and the first one."""
    if not rows:
        return part, "0", label, ""
    ticket, seconds, tickets, *unknown = rows[0]
    more = f"{word}: ticket {ticket}"
    if seconds is not None:
        more += f", {duration(seconds)}"
    more += "".join(
        f"; {number:,} of unknown age" for number in unknown if number
    )
    return part, f"{tickets:,}", label, more


def target_met(targets: pd.DataFrame, judgement: str) -> Fact:
    """Return the share of targets met, of all priorities together."""
    met = targets[f"{judgement}_met"].sum()
    judged = met + targets[f"{judgement}_missed"].sum()
    share = f"{100 * met / judged:.1f}%" if judged else "none"
    label = f"of {judgement.replace('_', ' ')} targets met"
    return "sla_by_priority", share, label, f"{met:,} of {judged:,}"


def targets_told(targets: pd.DataFrame) -> str:
    """Return the targets in a sentence for each priority."""
    told = []
    for priority, respond, resolve, is_business in targets.itertuples(
        index=False, name=None
    ):
        limits = {"response": respond, "resolution": resolve}
        within = [
            f"{what} within {seconds / 3600:g}h"
            for what, seconds in limits.items()
            if pd.notna(seconds)
        ]
        clock = " of working time" if is_business else ""
        told.append(f"{priority}: {', '.join(within) or 'none'}{clock}.")
    return " ".join(told)


def day(second: float) -> str:
    return str((EPOCH + timedelta(seconds=int(second))).date())


def counted(tickets: int, span: pd.DataFrame) -> str:
    """Return how many tickets count and, unless all do, of which days:
    "12 tickets created from 2026-03-01 until 2026-03-31".
    """
    since = [f"from {day(second)}" for second in span["since_at"].dropna()]
    until = [f"until {day(second - 1)}" for second in span["until_at"].dropna()]
    created = ["created"] if since or until else []
    return " ".join([plural(tickets, "ticket"), *created, *since, *until])


def column_heading(name: str) -> str:
    """Return a column's name as people read it."""
    name = re.sub("time_(to|till)_|_(seconds|id|name)$", "", name)
    name = re.sub("^(time_(?=in|since)|is_)", "", name)
    return name.replace("p90_", "90% ").replace("_", " ")


def cell(column: str, value: Any) -> str:
    """Return a value as people read it."""
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return ""
    if is_duration(column):
        return duration(int(value))
    if is_time(column):
        return utc(int(value)).removesuffix(" UTC")
    if column.startswith("is_"):
        return "yes" if value else ""
    if column == "week":
        return day(value)
    if column.endswith("_percent"):
        return f"{value:.1f}%"
    return f"{value:.0f}" if column == "ticket_id" else f"{value:,.0f}"


def section(
    name: str, shown: pd.DataFrame, text: str, rows: int, note: str = ""
) -> dict[str, Any]:
    """Return the part of the page that shows some of the rows of a report."""
    columns = [str(column) for column in shown.columns]
    return {
        "name": name,
        "heading": HEADINGS.get(name, name.replace("_", " ").capitalize()),
        # the first comment of its SQL
        "question": text.partition("\n")[0].removeprefix("--").strip(),
        "note": note,
        "columns": [
            (
                column_heading(column),
                meaning(name, column)[1],
                not is_numeric_dtype(shown[column]),
            )
            for column in columns
        ],
        "rows": [
            [*map(cell, columns, row)]
            for row in shown.itertuples(index=False, name=None)
        ],
        "all": rows,
    }


def sections(tables: Tables, reports: Mapping[str, str]) -> list[Any]:
    """Return the lists first, then the breakdowns."""
    waiting = tables["longest_waiting"]
    number = int(waiting["tickets"].max()) if len(waiting) else 0
    notes = {
        "metrics_by_week": WEEKS_NOTE,
        "sla_by_priority": targets_told(tables["targets"]),
    }
    shown = {
        "open_tickets": tables["open_tickets"].head(MOST_LISTED),
        "metrics_by_week": tables["metrics_by_week"].tail(MOST_LISTED),
    }
    for name in ("sla_by_priority", *BREAKDOWNS):
        if name in tables:
            means = tables[name].filter(regex="^mean_").columns
            shown[name] = tables[name].drop(columns=means).head(MOST_ROWS)
    steps = tables["status_transitions"]
    shown["status_transitions"] = steps.nlargest(MOST_ROWS, "transitions")
    return [
        section(
            "longest_waiting",
            waiting.drop(columns="tickets"),
            page_queries()["longest_waiting"],
            number,
        ),
        *(
            section(
                name,
                rows,
                reports[name],
                len(tables[name]),
                notes.get(name, ""),
            )
            for name, rows in shown.items()
        ),
    ]


def glossary(parts: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return each column of the page's tables once, by name, with its meaning.
    Where a table differs from most in it, that has its name, too.
    """
    meanings: dict[str, dict[str, list[str]]] = {}
    for part in parts:
        for name, text, _ in part["columns"]:
            if text:
                tables = meanings.setdefault(name, {}).setdefault(text, [])
                tables.append(part["heading"])
    found = []
    for name, texts in sorted(meanings.items()):
        usual = max(texts, key=lambda text: len(texts[text]))
        found.append((name, usual))
        for text, (heading, *_) in texts.items():
            if text != usual:
                found.append((f"{name} ({heading})", text))
    return found


def inlined(svg: bytes, title: str) -> Markup:
    """Return a picture as a part of a page, in the page's colours."""
    root = ElementTree.fromstring(svg)
    for metadata in root.findall(f"{{{SVG}}}metadata"):
        root.remove(metadata)
    values = " ".join(
        value for element in root.iter() for value in element.attrib.values()
    )
    for element in root.iter():
        # Two pictures must not have one id, and few are used.
        if f"#{element.get('id')}" not in values:
            element.attrib.pop("id", None)
        if style := element.get("style"):
            style = style.replace(INK, "currentColor")
            element.set("style", style.replace(PAPER, "none"))
    for name in ("width", "height"):
        del root.attrib[name]
    root.attrib |= {"role": "img", "aria-label": title}
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    return Markup(ElementTree.tostring(root, encoding="unicode"))


# The page


def page(
    tables: Tables,
    pictures: Mapping[str, dict[str, bytes]],
    answers: Mapping[str, Sequence[Row]],
    metrics: Sequence[Sequence[str]],
    reports: Mapping[str, str],
) -> str:
    """Return the page, from the template beside this module."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["thousands"] = "{:,}".format
    ((tickets, set_aside, as_of),) = answers["counts"]
    first = tables["span"]["first_second"]
    parts = sections(tables, reports)
    return templates.get_template("index.html.jinja").render(
        tickets=counted(tickets, tables["span"]),
        set_aside=set_aside,
        as_of=utc(as_of) if as_of is not None else "",
        days=f"{day(first[0])} to {day(as_of - 1)}" if len(first) else "",
        zone=tables["hours"].attrs["zone"],
        facts=standing_out(answers, tables),
        metrics=(
            [(name, "", not name) for name in metrics[0]],
            metrics[1:],
        ),
        lists=parts[:LISTS],
        pictures=[
            (name, about, inlined(pictures[name]["svg"], about))
            for name, (_, about) in ALL_PICTURES.items()
            if name in pictures
        ],
        breakdowns=parts[LISTS:],
        glossary=glossary(parts),
    )


def publish(
    output: Output,
    answers: Mapping[str, Sequence[Row]],
    metrics: Sequence[Sequence[str]],
    reports: Mapping[str, str],
    hours_told: str,
) -> None:
    """Draw the reports of a run, and write its page, which tells which working
    hours count.

    Pictures and page are complete before the first file is replaced.
    """
    tables = read_tables(output, reports)
    ((tickets, _, as_of),) = answers["counts"]
    caption = counted(tickets, tables["span"])
    if as_of is not None:
        caption += f" as of {utc(as_of)}"
    captions = dict.fromkeys(PICTURES, caption)
    if "sla" in tables:
        of_targets = f"working hours: {hours_told}\n{caption}"
        captions |= dict.fromkeys(OF_TARGETS, of_targets)
    pictures = {}
    for name, text in captions.items():
        show_progress(f"drawing {name}")
        pictures[name] = drawn(name, tables, text)
    text = page(tables, pictures, answers, metrics, reports)
    folder = Path(output.folder)
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
