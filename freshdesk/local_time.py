"""The time zone of the reports' hours and weeks, and the days that they count.

SQL knows both from two views, `time_zone_offsets` and `report_period`. Those in
sql/views stand for UTC and for all days.
"""

from __future__ import annotations

import argparse
import re
import zoneinfo
from bisect import bisect
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, time, timedelta, timezone, tzinfo

from freshdesk import DAY, FIRST_SECOND, LAST_SECOND


def time_zone(name: str) -> tzinfo:
    """Return the time zone of this name, an argument of a script."""
    if name.upper() == "UTC":  # needs no database
        return timezone.utc
    with suppress(zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return zoneinfo.ZoneInfo(name)
    raise argparse.ArgumentTypeError(
        f"no time zone {name!r}; if this machine has no time zone database: "
        "python -m pip install tzdata"
    )


def day(text: str) -> date:
    """Return a day, an argument of the script."""
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        with suppress(ValueError):
            return date.fromisoformat(text)
    raise argparse.ArgumentTypeError(
        f"{text!r} is not a day such as 2026-03-01"
    )


def utc_offset(second: int, zone: tzinfo) -> int:
    """Return the seconds by which local time is ahead of UTC."""
    if zone is timezone.utc:
        return 0
    away = local(second, zone).utcoffset() or timedelta()
    return away // timedelta(seconds=1)


def local(second: int, zone: tzinfo) -> datetime:
    """Return a second since 1970 in a time zone.

    The years 1 to 9999 in UTC may be other years there.
    """
    near = min(max(second, FIRST_SECOND + DAY), LAST_SECOND - DAY)
    return datetime.fromtimestamp(near, zone)


def own_views(
    zone: tzinfo, since: date | None, until: date | None
) -> dict[str, str]:
    """Return the views that take the place of the project's in this run."""
    own = {"report_period": report_period(zone, since, until)}
    if zone is not timezone.utc:
        own["time_zone_offsets"] = time_zone_offsets(zone)
    return own


def time_zone_offsets(zone: tzinfo) -> str:
    """Return the view of this name: the offsets from a week before the first
    export to a week after the end of the clock.
    """
    starts, offsets = zip(*offset_changes(zone), strict=True)
    ends = (*starts[1:], 300_000_000_000)
    values = ", ".join(map(str, zip(starts, ends, offsets, strict=True)))
    return f"""
-- Key: starts_at
with offsets (starts_at, ends_at, offset_seconds) as (
    values {values}
)

select
    starts_at,
    ends_at,
    offset_seconds
from offsets
where
    ends_at > (select min(start_at) from exports) - 8 * 86400
    and starts_at <= (select as_of from clock) + 8 * 86400"""


def offset_changes(zone: tzinfo) -> Iterator[tuple[int, int]]:
    """Yield when each offset from UTC begins, up to 2100, and the offset in
    seconds. What holds in 1970 held ever before. A day has one change at most.
    """
    known = utc_offset(0, zone)
    yield -100_000_000_000, known
    for start in range(0, 131 * 366 * DAY, DAY):
        before, known = known, utc_offset(start + DAY, zone)
        if known != before:
            seconds = range(start, start + DAY)
            place = bisect(
                seconds, 0, key=lambda s: utc_offset(s, zone) != before
            )
            yield start + place, known


def report_period(zone: tzinfo, since: date | None, until: date | None) -> str:
    """Return the view of this name: from the first second of *since* to
    before the first second after *until*.
    """
    since_at = midnight(since, zone) if since else "null"
    until_at: int | str = "null"
    if until and until < date.max:
        until_at = midnight(until + timedelta(days=1), zone)
    return (
        f"select cast({since_at} as bigint) as since_at,"
        f" cast({until_at} as bigint) as until_at"
    )


def midnight(day: date, zone: tzinfo) -> int:
    """Return the first second of a day in a time zone."""
    return int(datetime.combine(day, time(), zone).timestamp())
