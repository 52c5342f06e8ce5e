"""Working hours: a weekly calendar of local time becomes spans of UTC seconds.

A *span* is half-open: 09:00 to 17:00 is worked from 09:00:00 to 16:59:59. A
local time that a change of clocks skips is read as if the clock had not
changed: 02:30 is 03:30. Of a local time that occurs twice the first counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo

from freshdesk import DAY, EPOCH, FIRST_SECOND, LAST_SECOND

# From when to when, in seconds: of a day's local time, or of UTC since 1970.
Span = tuple[int, int]
Day = date | tuple[int, int]  # a month and its day: every year
FIRST_DAY, LAST_DAY = FIRST_SECOND // DAY, LAST_SECOND // DAY


@dataclass(frozen=True)
class Calendar:
    """When people work, in local time. Days without a span are closed.
    Holidays go first: those of one year, then those of every year.
    """

    zone: tzinfo
    weekdays: Sequence[Sequence[Span]]  # Monday first
    holidays: Mapping[Day, Sequence[Span]]


def expand(
    calendar: Calendar, first_day: int, last_day: int
) -> Iterator[tuple[int, int, int, int]]:
    """Yield (day, opens_at, closes_at, seconds_before) for the working hours of
    these days, numbered from 1970 in UTC, in UTC seconds.

    A day is its first second, and has a first, empty span there, so that each
    moment comes after a span of its own day. Seconds before: all that were
    worked from the first day to opens_at.
    """
    pieces = defaultdict(list)
    # Local time is a day away from UTC at most; so is a day that was skipped.
    first, last = max(first_day - 2, FIRST_DAY), min(last_day + 2, LAST_DAY)
    for day in range(first, last + 1):
        for opens_at, closes_at in utc_spans(calendar, day):
            for utc_day in range(opens_at // DAY, -(-closes_at // DAY)):
                start = utc_day * DAY
                piece = max(opens_at, start), min(closes_at, start + DAY)
                pieces[utc_day].append(piece)
    worked = 0
    for day in range(first_day, last_day + 1):
        start = day * DAY
        for opens_at, closes_at in [(start, start), *united(pieces[day])]:
            yield start, opens_at, closes_at, worked
            worked += closes_at - opens_at


def utc_spans(calendar: Calendar, day: int) -> Iterator[Span]:
    """Yield the spans of a local day, numbered from 1970, in UTC seconds."""
    local = EPOCH.date() + timedelta(days=day)
    weekly = calendar.weekdays[local.weekday()]
    yearly = calendar.holidays.get((local.month, local.day), weekly)
    for span in calendar.holidays.get(local, yearly):
        opens_at, closes_at = (
            in_utc(day * DAY + second, calendar.zone) for second in span
        )
        if opens_at < closes_at:  # not skipped by a change of clocks
            yield opens_at, closes_at


def in_utc(local_second: int, zone: tzinfo) -> int:
    """Return the UTC second of a local time, both since 1970."""
    known = min(local_second, LAST_SECOND)  # 24:00 may be in the year 10000
    local = (EPOCH + timedelta(seconds=known)).replace(tzinfo=zone)
    away = local.utcoffset() or timedelta()
    return local_second - away // timedelta(seconds=1)


def united(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield spans in order; what several of them cover is in one."""
    covered_until = FIRST_SECOND - DAY
    for opens_at, closes_at in sorted(spans):
        if closes_at > covered_until:
            yield max(opens_at, covered_until), closes_at
            covered_until = closes_at
