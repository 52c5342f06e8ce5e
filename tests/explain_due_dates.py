"""Does a calendar explain the due dates that Freshdesk itself has set?

    python tests/explain_due_dates.py EXPORTS --settings FOLDER

Freshdesk adds the time of a target to the creation of a ticket, in its business
hours, and exports the sum as due_by. So genuine exports tell whether working
hours are counted as Freshdesk counts them. The settings are an account's own;
without its sla_policies.json the commonest times show what its targets are.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import export_json
from freshdesk import DAY, Failure, duration, run_script
from freshdesk.settings import Settings, read_settings
from freshdesk.working_hours import expand

# Each due date of a ticket, with the priority that the ticket had by then.
DUE_DATES = """
    select distinct
        a.ticket_id,
        c.created_at,
        a.due_by,
        (
            select p.priority
            from activities as p
            where
                p.ticket_id = a.ticket_id
                and p.performed_at <= a.performed_at
                and p.priority is not null
            order by
                p.performed_at desc,
                p.is_new_ticket,
                p.export_id desc,
                p.position desc
            limit 1
        ) as priority
    from activities as a
    inner join ticket_creations as c on c.ticket_id = a.ticket_id
    where a.due_by > c.created_at
"""
DueDate = tuple[int, int, int, str]


def due_dates(exports: Path) -> list[DueDate]:
    """Return ticket, creation, due_by and priority code."""
    with TemporaryDirectory() as directory:
        database = f"{directory}/tickets.db"
        if export_json.main(["-q", "-d", database, str(exports)]):
            raise Failure(f"{exports}: not ingested, the lines above say why")
        with closing(sqlite3.connect(database)) as connection:
            return connection.execute(DUE_DATES).fetchall()


def worked_seconds(found: Sequence[DueDate], settings: Settings) -> list[int]:
    """Return how much is worked from each creation to its due date."""
    if settings.calendar is None or not found:
        return [due_by - created_at for _, created_at, due_by, _ in found]
    first = min(created_at for _, created_at, _, _ in found) // DAY
    last = max(due_by for _, _, due_by, _ in found) // DAY
    spans: dict[int, list[tuple[int, int, int]]] = {}
    for day, *span in expand(settings.calendar, first, last):
        spans.setdefault(day, []).append((span[0], span[1], span[2]))

    def before(moment: int) -> int:
        return max(
            seconds_before + min(closes_at, moment) - opens_at
            for opens_at, closes_at, seconds_before in spans[
                moment // DAY * DAY
            ]
            if opens_at <= moment
        )

    return [before(due) - before(created) for _, created, due, _ in found]


def explain(exports: Path, folder: Path) -> None:
    settings = read_settings(folder)
    targets = {
        priority: (resolve_within, is_business)
        for priority, _, resolve_within, is_business in settings.targets or ()
    }
    found = due_dates(exports)
    worked = worked_seconds(found, settings)
    explained, times = 0, Counter[str]()
    for (_, created, due, priority), business in zip(
        found, worked, strict=True
    ):
        within, is_business = targets.get(priority, (None, True))
        elapsed = business if is_business else due - created
        explained += within is not None and abs(elapsed - within) <= 1
        times[duration(elapsed)] += 1
    print(
        f"{explained} of {len(found)} due dates are the creation and the"
        " target, to within a second"
    )
    for time, number in times.most_common(5):
        print(f"{number} are {time} after the creation")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("exports", type=Path, help="a file or a folder")
    parser.add_argument("--settings", type=Path, required=True)
    args = parser.parse_args(argv)
    return run_script(lambda: explain(args.exports, args.settings))


if __name__ == "__main__":
    raise SystemExit(main())
