"""One page for a first look at the reports, and the pictures in it.

    data/outputs/index.html
    data/outputs/plots/time_in_status.svg and .png, ...

Optional: needs matplotlib and jinja2, which nothing else does. All figures are
computed from the reports' seconds, whatever the unit of their files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timezone, tzinfo
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup
from pandas.api.types import is_integer_dtype, is_numeric_dtype

from freshdesk import DAY, duration, plural, replacing, show_progress, sql, utc
from freshdesk.local_time import utc_offset
from freshdesk.pictures import INK, PAPER, PICTURES, Tables, clean, drawn
from freshdesk.writers import Output, is_duration, is_time, meaning

BREAKDOWNS = [
    f"metrics_by_{name}"
    for name in ("priority", "group", "agent", "product", "source")
]
# The reports that the page and its pictures show.
REPORTS = ["open_tickets", "metrics_by_week", *BREAKDOWNS]
REPORTS += ["status_transitions", "time_in_status"]
# With targets, these, too.
REPORTS_OF_TARGETS = ["sla", "sla_by_priority"]
# What else they show: the queries in sql/page.
QUERIES = ("span", "longest_waiting", "tickets", "hours", "targets")

HEADINGS = {
    "longest_waiting": "Waiting longest for a first response",
    "sla_by_priority": "Targets by priority",
}
MOST_ROWS = 50  # in a table
MOST_LISTED = 10  # open tickets, and weeks
LISTS = 3  # tables before the pictures

# A part of the page, its figure that stands out, a label, and more about it.
Fact = tuple[str, str, str, str]
Row = Sequence[Any]


def page_queries() -> dict[str, str]:
    return {name: sql(f"page/{name}") for name in QUERIES}


# Results -> tables


def read_tables(output: Output, reports: Mapping[str, str]) -> Tables:
    """Return the results that the page shows, whole."""
    names = [*REPORTS, *REPORTS_OF_TARGETS]
    queries = {name: reports[name] for name in names if name in reports}
    tables = {
        name: pd.concat(map(plain, output.engine(query)), ignore_index=True)
        for name, query in (queries | page_queries()).items()
    }
    tables["hours"].attrs["zone"] = str(output.zone)
    name_agents(tables)
    return tables


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


def name_agents(tables: dict[str, pd.DataFrame]) -> None:
    """Put agents' names, where they are known, in place of ids: one of several
    of the same name has the id in brackets.
    """
    agents = tables["metrics_by_agent"]
    known = agents[agents["agent_name"] != clean(None)]
    ids, names = known["agent_id"], known["agent_name"]
    shown = names.mask(names.duplicated(keep=False), names + " (" + ids + ")")
    names_by_id = dict(zip(ids, shown, strict=True))
    for name, table in tables.items():
        if "agent_id" in table:
            agent = table["agent_id"].replace(names_by_id)
            named = table.assign(agent_id=agent)
            tables[name] = named.drop(columns="agent_name", errors="ignore")


# Tables -> the page's parts


def standing_out(
    answers: Mapping[str, Sequence[Row]], tables: Tables
) -> list[Fact]:
    """Return what a manager looks for first."""
    waiting, oldest = answers["longest_waiting"], answers["oldest_open"]
    label = "waiting for a first response"
    facts = [
        longest(waiting, "longest_waiting", label, "longest"),
        longest(oldest, "open_tickets", "open now", "oldest"),
    ]
    weeks = {week: counts for week, *counts in answers["last_weeks"]}
    if weeks:
        week = max(weeks)
        before = weeks.get(week - 7 * DAY)
        labels = ("created in", "resolved in", "open at the end of")
        for place, label in enumerate(labels):
            figure = f"{weeks[week][place]:,}"
            label += f" the week of {day(week)}"
            more = f"the week before: {before[place]:,}" if before else ""
            facts.append(("metrics_by_week", figure, label, more))
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
    for number in filter(None, unknown):
        more += f"; {number:,} of unknown age"
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
    for priority, respond, resolve, is_business in targets.to_numpy(object):
        limits = {"response": respond, "resolution": resolve}
        within = [
            f"{what} within {seconds / 3600:g}h"
            for what, seconds in limits.items()
            if pd.notna(seconds)
        ]
        clock = " of working time" if is_business else ""
        told.append(f"{priority}: {', '.join(within) or 'none'}{clock}.")
    return " ".join(told)


def day(second: float, zone: tzinfo = timezone.utc) -> str:
    """Return the day of a second since 1970 in a time zone."""
    return utc(int(second) + utc_offset(int(second), zone))[:10]


def counted(tickets: int, span: pd.DataFrame, zone: tzinfo) -> str:
    """Return how many tickets count and, unless all do, of which days:
    "12 tickets created from 2026-03-01 until 2026-03-31".
    """
    days = [f"from {day(at, zone)}" for at in span["since_at"].dropna()]
    days += [f"until {day(at - 1, zone)}" for at in span["until_at"].dropna()]
    created = ["created"] if days else []
    return " ".join([plural(tickets, "ticket"), *created, *days])


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


def sections(tables: Tables, reports: Mapping[str, str]) -> list[Any]:
    """Return the page's tables: the lists first, then the breakdowns."""
    waiting = tables["longest_waiting"]
    shown = {
        "longest_waiting": waiting.drop(columns="tickets"),
        "open_tickets": tables["open_tickets"].head(MOST_LISTED),
        "metrics_by_week": tables["metrics_by_week"].tail(MOST_LISTED),
    }
    for name in ("sla_by_priority", *BREAKDOWNS):
        if name in tables:
            without_means = tables[name].filter(regex="^(?!mean_)")
            shown[name] = without_means.head(MOST_ROWS)
    steps = tables["status_transitions"]
    shown["status_transitions"] = steps.nlargest(MOST_ROWS, "transitions")
    numbers = {name: len(table) for name, table in tables.items()}
    numbers["longest_waiting"] = waiting["tickets"].max()
    texts = {**reports, **page_queries()}
    return [
        section(name, rows, texts[name], numbers[name])
        for name, rows in shown.items()
    ]


def section(
    name: str, shown: pd.DataFrame, text: str, rows: int
) -> dict[str, Any]:
    """Return the part of the page that shows some of the rows of a report."""
    columns = [
        (
            column_heading(column),
            meaning(name, column)[1],
            not is_numeric_dtype(kind),
        )
        for column, kind in shown.dtypes.items()
    ]
    return {
        "name": name,
        "heading": HEADINGS.get(name, name.replace("_", " ").capitalize()),
        # the first comment of its SQL
        "question": text.partition("\n")[0].removeprefix("--").strip(),
        "columns": columns,
        "rows": [[*map(cell, shown, row)] for row in shown.to_numpy(object)],
        "all": rows,
    }


def glossary(parts: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return each column of the page's tables once, by name, with its meaning.
    Where a table differs in it from those at the end, that has its name, too.
    """
    usual: dict[str, str] = {}
    found = {}
    for part in reversed(parts):
        for name, text, _ in part["columns"]:
            if text != usual.setdefault(name, text):
                name = f"{name} ({part['heading']})"
            found[name] = text
    return sorted((name, text) for name, text in found.items() if text)


def inlined(svg: bytes, title: str) -> Markup:
    """Return a picture as a part of a page, in the page's colours."""
    root = ElementTree.fromstring(svg)
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
    for prefix, name in ("", "2000/svg"), ("xlink", "1999/xlink"):
        ElementTree.register_namespace(prefix, f"http://www.w3.org/{name}")
    return Markup(ElementTree.tostring(root, encoding="unicode"))


# The page


def page(
    tables: Tables,
    pictures: Mapping[str, bytes],
    answers: Mapping[str, Sequence[Row]],
    metrics: Sequence[Sequence[str]],
    reports: Mapping[str, str],
    tickets: str,
) -> str:
    """Return the page, from the template beside this module."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"thousands": "{:,}".format, "inlined": inlined}
    ((_, set_aside, as_of),) = answers["counts"]
    first = tables["span"]["first_second"]
    parts = sections(tables, reports)
    header, *rows = metrics
    return templates.get_template("index.html.jinja").render(
        tickets=tickets,
        set_aside=set_aside,
        as_of=utc(as_of) if as_of is not None else "",
        days=f"{day(first[0])} to {day(as_of - 1)}" if len(first) else "",
        zone=tables["hours"].attrs["zone"],
        facts=standing_out(answers, tables),
        metrics=([(name, "", not name) for name in header], rows),
        lists=parts[:LISTS],
        pictures=pictures,
        breakdowns=parts[LISTS:],
        targets=targets_told(tables["targets"]),
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
    ((number, _, as_of),) = answers["counts"]
    tickets = counted(number, tables["span"], output.zone)
    caption = tickets if as_of is None else f"{tickets} as of {utc(as_of)}"
    captions = dict.fromkeys(PICTURES, caption)
    if "sla" in tables:
        captions["targets_met"] = f"working hours: {hours_told}\n{caption}"
    pictures: dict[str, bytes] = {}
    for name, text in captions.items():
        show_progress(f"drawing {name}")
        pictures |= drawn(name, tables, text)
    text = page(tables, pictures, answers, metrics, reports, tickets)
    plots = Path(output.folder, "plots")
    plots.mkdir(exist_ok=True)
    if "sla" not in tables:
        for stale in plots.glob("targets_met.*"):
            stale.unlink()
    for name, content in pictures.items():
        with replacing(plots / name) as file:
            file.buffer.write(content)
    with replacing(Path(output.folder, "index.html")) as file:
        file.write(text)
