"""The seven reports, made with pandas from the database of export_json.py.

For one export in the README's form, whose statuses are Freshdesk's own. The
metrics are computed here from the activities, without the database's views.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
from peers import METRICS

SQL = Path(__file__).parent / "sql" / "pandas"
ENDED = ("Resolved", "Closed")
PUBLIC_NOTES, AGENTS_NOTES = (0, 4), (1, 2, 3)


def write_reports(database: Path, output_dir: Path) -> int:
    """Write the CSV files, and return how many activities they are of."""
    changes, notes, clock = read_tables(database)
    changes = changes.sort_values(
        ["ticket_id", "performed_at", "position"], ignore_index=True
    )
    intervals = status_intervals(changes, int(clock.as_of.iloc[0]))
    first_seen = first_seconds(changes, notes)
    creations = ticket_creations(changes, first_seen)
    metrics = status_metrics(intervals).reindex(first_seen.index)
    metrics = add_creations(
        metrics, creations, first_responses(changes, notes, creations)
    )
    output_dir.mkdir(exist_ok=True)
    for metric in METRICS:
        metrics[[f"{metric}_seconds"]].to_csv(output_dir / f"{metric}.csv")
    metrics.to_csv(output_dir / "ticket_metrics.csv")
    time_in_status(intervals).to_csv(output_dir / "time_in_status.csv")
    return len(changes) + len(notes)


def read_tables(database: Path) -> list[pd.DataFrame]:
    """Return the activities that change properties, the notes, the clock."""
    with closing(sqlite3.connect(database)) as connection:
        return [
            pd.read_sql((SQL / f"{name}.sql").read_text(), connection)
            for name in ("changes", "notes", "clock")
        ]


def status_intervals(changes: pd.DataFrame, as_of: int) -> pd.DataFrame:
    """Return a row per change: the interval in its status that it begins."""
    by_ticket = changes.groupby("ticket_id")
    next_started_at = by_ticket.performed_at.shift(-1)
    ended_at = next_started_at.fillna(as_of).astype("int64")
    previous = by_ticket.status.shift()
    return pd.DataFrame(
        {
            "ticket_id": changes.ticket_id,
            "status": changes.status,
            "started_at": changes.performed_at,
            "seconds": ended_at - changes.performed_at,
            "begins_visit": changes.status != previous,
            "is_resolved": changes.status.isin(ENDED),
            "was_resolved": previous.isin(ENDED),
        }
    )


def time_in_status(intervals: pd.DataFrame) -> pd.DataFrame:
    """Return a row per ticket and status."""
    return intervals.groupby(["ticket_id", "status"]).agg(
        time_in_status_seconds=("seconds", "sum"),
        visits=("begins_visit", "sum"),
    )


def status_metrics(intervals: pd.DataFrame) -> pd.DataFrame:
    """Return what the statuses tell of each ticket that had one."""
    resolved = intervals[intervals.is_resolved]
    runs = resolved[~resolved.was_resolved]
    reopened = intervals.was_resolved & ~intervals.is_resolved
    last = intervals.drop_duplicates("ticket_id", keep="last")
    return pd.DataFrame(
        {
            "open": seconds_in(intervals, "Open"),
            "waiting_on_customer": seconds_in(intervals, "Waiting on Customer"),
            "pending": seconds_in(intervals, "Pending"),
            "resolved_at": runs.groupby("ticket_id").started_at.last(),
            "first_resolved_at": resolved.groupby(
                "ticket_id"
            ).started_at.first(),
            "reopens": reopened.groupby(intervals.ticket_id).sum(),
            "current_status": last.set_index("ticket_id").status,
        }
    )


def seconds_in(intervals: pd.DataFrame, status: str) -> pd.Series[int]:
    """Return each ticket's seconds in a status, 0 if it never was there."""
    seconds = intervals.seconds.where(intervals.status == status, 0)
    return seconds.groupby(intervals.ticket_id).sum()


def first_seconds(changes: pd.DataFrame, notes: pd.DataFrame) -> pd.Series[int]:
    """Return the first second of each ticket ever seen, in order."""
    columns = ["ticket_id", "performed_at"]
    seen = pd.concat([changes[columns], notes[columns]])
    return seen.groupby("ticket_id").performed_at.min()


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
        }
    ).set_index("ticket_id")


def first_responses(
    changes: pd.DataFrame, notes: pd.DataFrame, creations: pd.DataFrame
) -> pd.Series[int]:
    """Return when an agent first answered each ticket."""
    written = notes[
        (notes.performer_type == "user") & notes.performer_id.notna()
    ]
    is_agents = written.note_type.isin(AGENTS_NOTES)
    agents = {*changes.agent_id.dropna(), *written.performer_id[is_agents]}
    customers = people(changes, "requester_id").difference(
        people(changes, "agent_id"), sort=False
    )
    public = written[
        written.note_type.isin(PUBLIC_NOTES)
        & written.performer_id.isin(agents)
        & ~people(written, "performer_id").isin(customers)
    ].join(creations, on="ticket_id", how="inner")
    is_body = (public.performed_at == public.created_at) & (
        public.performer_id == public.creator_id
    )
    responses = public[(public.performed_at >= public.created_at) & ~is_body]
    return responses.groupby("ticket_id").performed_at.min()


def people(frame: pd.DataFrame, column: str) -> pd.MultiIndex:
    """Return the pairs of a ticket and a person in that column."""
    return pd.MultiIndex.from_arrays(
        [frame.ticket_id, frame[column].astype("Int64")]
    )


def add_creations(
    metrics: pd.DataFrame,
    creations: pd.DataFrame,
    responded_at: pd.Series[int],
) -> pd.DataFrame:
    """Return the metrics with those that start at the creation, in order."""
    created_at = creations.created_at.reindex(metrics.index)
    is_resolved = metrics.current_status.isin(ENDED)
    resolved_at = metrics.resolved_at.where(is_resolved)
    durations = {
        "time_spent_open_seconds": metrics.open,
        "time_spent_waiting_on_customer_seconds": metrics.waiting_on_customer,
        "time_spent_waiting_for_response_seconds": metrics.pending,
        "time_till_resolution_seconds": resolved_at - created_at,
        "time_to_first_response_seconds": responded_at - created_at,
        "time_till_first_resolution_seconds": (
            metrics.first_resolved_at - created_at
        ),
        "reopens": metrics.reopens,
    }
    moments = pd.to_datetime(created_at, unit="s")
    return pd.DataFrame(durations, index=metrics.index, dtype="Int64").assign(
        current_status=metrics.current_status,
        created_at=moments.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
