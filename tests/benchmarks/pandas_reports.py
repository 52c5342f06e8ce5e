"""The seven reports, made with pandas from the database of export_json.py.

For one export in the form of 2017, whose statuses are Freshdesk's own. The
metrics are computed here from the activities, without the database's views.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
from peers import METRICS, read_sql

ENDED = ("Resolved", "Closed")
PUBLIC_NOTES, AGENTS_NOTES = (0, 4), (1, 2, 3)


def write_reports(database: Path, output_dir: Path) -> None:
    """Write the CSV files."""
    with closing(sqlite3.connect(database)) as connection:
        changes, notes, clock = (
            pd.read_sql(read_sql(f"pandas/{name}"), connection)
            for name in ("changes", "notes", "clock")
        )
    intervals = status_intervals(changes, int(clock.as_of.iloc[0]))
    seen = pd.concat([changes, notes])[["ticket_id", "performed_at"]]
    first_seen = seen.groupby("ticket_id").performed_at.min()
    creations = ticket_creations(changes, first_seen)
    public = public_notes(changes, notes, creations)
    metrics = ticket_metrics(intervals, first_seen.index, creations, public)
    by_status = intervals.groupby(["ticket_id", "status"]).agg(
        time_in_status_seconds=("seconds", "sum"),
        visits=("begins_visit", "sum"),
    )
    output_dir.mkdir()
    for metric in METRICS:
        metrics[[f"{metric}_seconds"]].to_csv(output_dir / f"{metric}.csv")
    metrics.to_csv(output_dir / "ticket_metrics.csv")
    by_status.to_csv(output_dir / "time_in_status.csv")


def status_intervals(changes: pd.DataFrame, as_of: int) -> pd.DataFrame:
    """Return a row per change: the interval in its status that it begins."""
    by_ticket = changes.groupby("ticket_id")
    ended_at = by_ticket.performed_at.shift(-1).fillna(as_of).astype("int64")
    previous = by_ticket.status.shift()
    return changes[["ticket_id", "status", "performed_at"]].assign(
        seconds=ended_at - changes.performed_at,
        begins_visit=changes.status != previous,
        is_resolved=changes.status.isin(ENDED),
        was_resolved=previous.isin(ENDED),
    )


def ticket_creations(
    changes: pd.DataFrame, first_seen: pd.Series[int]
) -> pd.DataFrame:
    """Return when each ticket was created, and by whom, where it was seen."""
    opening = changes[
        (changes.status == "Open")
        & (changes.requester_id.notna() | changes.source.notna())
        & (changes.performed_at == changes.ticket_id.map(first_seen))
    ].drop_duplicates("ticket_id")
    is_user = opening.performer_type == "user"
    return pd.DataFrame(
        {
            "ticket_id": opening.ticket_id,
            "created_at": opening.performed_at,
            "creator_id": opening.performer_id.where(is_user),
            "is_outbound": opening.source == "10",
        }
    ).set_index("ticket_id")


def public_notes(
    changes: pd.DataFrame, notes: pd.DataFrame, creations: pd.DataFrame
) -> pd.DataFrame:
    """Return the public notes of people, and which of them are agents'."""
    written = notes[
        (notes.performer_type == "user") & notes.performer_id.notna()
    ]
    requesters = people(changes, "requester_id")
    is_known = changes.ticket_id.isin(
        changes.ticket_id[changes.requester_id.notna()]
    )
    is_by_user = changes.performer_type == "user"
    sent = creations[creations.is_outbound].reset_index()
    acts = pd.concat(
        [
            changes[is_known & is_by_user & (changes.status != "Open")],
            sent.rename(columns={"creator_id": "performer_id"}),
        ]
    )[["ticket_id", "performer_id"]].dropna()
    on_others = ~people(acts, "performer_id").isin(requesters)
    is_agents = written.note_type.isin(AGENTS_NOTES)
    agents = {
        *changes.agent_id.dropna(),
        *written.performer_id[is_agents],
        *acts.performer_id[on_others],
    }
    customers = requesters.difference(people(changes, "agent_id"), sort=False)
    public = written[written.note_type.isin(PUBLIC_NOTES)].join(
        creations, on="ticket_id"
    )
    return public.assign(
        is_by_agent=public.performer_id.isin(agents)
        & ~people(public, "performer_id").isin(customers),
        is_body=(public.performed_at == public.created_at)
        & (public.performer_id == public.creator_id),
    )


def asked(creations: pd.DataFrame, public: pd.DataFrame) -> pd.Series[int]:
    """Return since when each ticket waits, an outbound email for an answer."""
    answers = public[
        ~public.is_by_agent & (public.performed_at >= public.created_at)
    ]
    answered_at = answers.groupby("ticket_id").performed_at.min()
    return creations.created_at.where(
        ~creations.is_outbound, answered_at.reindex(creations.index)
    )


def people(frame: pd.DataFrame, column: str) -> pd.MultiIndex:
    """Return the pairs of a ticket and a person in that column."""
    return pd.MultiIndex.from_arrays(
        [frame.ticket_id, frame[column].astype("Int64")]
    )


def ticket_metrics(
    intervals: pd.DataFrame,
    tickets: pd.Index[int],
    creations: pd.DataFrame,
    public: pd.DataFrame,
) -> pd.DataFrame:
    """Return a row per ticket, in the order and form of ticket_metrics.csv."""

    def seconds_in(status: str) -> pd.Series[int]:
        seconds = intervals.seconds.where(intervals.status == status, 0)
        return seconds.groupby(intervals.ticket_id).sum()

    def replies(which: pd.Series[bool]) -> pd.Series[int]:
        by_ticket = public[which & ~public.is_body].groupby("ticket_id")
        return by_ticket.size().reindex(tickets, fill_value=0)

    asked_at = asked(creations, public)
    runs = intervals[intervals.is_resolved & ~intervals.was_resolved]
    first_at = runs.ticket_id.map(asked_at.fillna(float("inf")))
    is_resolution = ~(runs.performed_at < first_at)  # also if it is unknown
    resolutions = runs[is_resolution].groupby("ticket_id").performed_at
    is_response = (
        public.is_by_agent
        & ~public.is_body
        & (public.performed_at >= public.ticket_id.map(asked_at))
    )
    responses = public[is_response].groupby("ticket_id").performed_at
    asked_at = asked_at.reindex(tickets)
    last = intervals.drop_duplicates("ticket_id", keep="last")
    status = last.set_index("ticket_id").status.reindex(tickets)
    created_at = creations.created_at.reindex(tickets)
    resolved_at = resolutions.last().reindex(tickets).where(status.isin(ENDED))
    reopens = (
        resolutions.size().reindex(tickets, fill_value=0).where(status.notna())
        - resolved_at.notna()
    )
    agent_replies = replies(public.is_by_agent)
    is_one_touch = (agent_replies == 1).where(
        resolved_at.notna() & asked_at.notna()
    )
    durations = {
        "time_spent_open_seconds": seconds_in("Open"),
        "time_spent_waiting_on_customer_seconds": seconds_in(
            "Waiting on Customer"
        ),
        "time_spent_waiting_for_response_seconds": seconds_in("Pending"),
        "time_till_resolution_seconds": resolved_at - asked_at,
        "time_to_first_response_seconds": responses.min() - asked_at,
        "time_till_first_resolution_seconds": resolutions.first() - asked_at,
        "reopens": reopens,
    }
    moments = pd.to_datetime(created_at, unit="s")
    return pd.DataFrame(durations, index=tickets, dtype="Int64").assign(
        current_status=status,
        created_at=moments.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        agent_replies=agent_replies,
        customer_replies=replies(~public.is_by_agent),
        is_one_touch=is_one_touch.astype("Int64"),
    )
