"""What somebody wrote about hours (weekly entries, an RRULE, a single time) → spans in a zone.

Everything is worked out on wall times and only then put into UTC, start and end each for itself:
"open from eight to six" holds on the day that has 23 hours too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from handlers.events import Horizon
from handlers.normalise.hours import Span, span, touching
from handlers.normalise.rrule import occurrences
from processor.errors import PoisonError
from processor.timezones import Zone, to_utc, to_wall

DAY = timedelta(days=1)
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
YEARS = range(1970, 2201)
_CLOCK = re.compile(r"(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """On these days (0 = Monday) from `start` to `end` after midnight; an end not after the start is the next day's."""

    days: tuple[int, ...]
    start: timedelta
    end: timedelta


def clock(text: object, field: str) -> timedelta:
    """`08:00`, `08:00:00` or `08:00:00.000` after midnight; `24:00` is the midnight that ends the day."""
    found = _CLOCK.fullmatch(text) if isinstance(text, str) else None
    if found:
        hours, minutes, seconds = (int(part or 0) for part in found.groups()[:3])
        micros = int((found[4] or "").ljust(6, "0"))
        value = timedelta(hours=hours, minutes=minutes, seconds=seconds, microseconds=micros)
        if minutes < 60 and seconds < 60 and value <= DAY:
            return value
    raise PoisonError(f"{str(text)[:40]!r} is no time of day such as 08:00:00.000", field)


def entries(written: object, field: str, days_field: str = "daysOfWeek") -> tuple[Entry, ...]:
    """The guides' weekly entries. Raises PoisonError naming the entry and field that is wrong."""
    if not isinstance(written, Sequence) or isinstance(written, str):
        raise PoisonError(f"{field} is no list of weekly entries", field)
    return tuple(_entry(one, f"{field}[{index}]", days_field) for index, one in enumerate(written))


def _entry(written: object, field: str, days_field: str) -> Entry:
    if not isinstance(written, Mapping):
        raise PoisonError(f"{field} is no object", field)
    start = clock(written.get("startTime"), f"{field}.startTime")
    end = clock(written.get("endTime"), f"{field}.endTime")
    if start == DAY:
        raise PoisonError("24:00 can end an entry, not begin one", f"{field}.startTime")
    return Entry(weekdays(written.get(days_field), f"{field}.{days_field}"), start, end)


def weekdays(written: object, field: str) -> tuple[int, ...]:
    """Names of days in any case, as numbers (0 = Monday), in order and each once."""
    if not isinstance(written, Sequence) or isinstance(written, str):
        raise PoisonError(f"{field} is no list of days", field)
    found = set()
    for name in written:
        if not isinstance(name, str) or name.lower() not in DAYS:
            raise PoisonError(f"{str(name)[:40]!r} is no day of the week", field)
        found.add(DAYS.index(name.lower()))
    return tuple(sorted(found))


def wall(text: object, field: str, where: Zone) -> tuple[datetime, bool]:
    """A time as written, on the clocks of the zone, and whether it was a date alone (then its midnight).

    An offset or Z in it is honoured. Raises PoisonError at `field`, also for years that no schedule means.
    """
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.year not in YEARS:
        raise PoisonError(f"{str(text)[:40]!r} is no date and time such as 2026-01-05T08:00:00.000", field)
    only_date = isinstance(text, str) and "T" not in text and ":" not in text
    return (to_wall(moment, where) if moment.tzinfo else moment), only_date


def instant(text: object, field: str, where: Zone) -> tuple[datetime, str]:
    """A time as written, in UTC: by its own offset, else by the zone's clocks, and the rule that these needed.

    Raises PoisonError at `field`.
    """
    written, _ = wall(text, field, where)
    itself = datetime.fromisoformat(str(text))
    return (itself.astimezone(UTC), "") if itself.tzinfo else to_utc(written, where)


@lru_cache(maxsize=512)
def weekly(pattern: tuple[Entry, ...], where: Zone, horizon: Horizon) -> tuple[Span, ...]:
    """Every opening of the week's entries that has a part in the horizon, whole. Kept: hours are mostly alike."""
    first = to_wall(horizon.start, where).date() - 2 * DAY
    last = to_wall(horizon.end, where).date() + DAY
    dates = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return tuple(touching(_openings(pattern, dates, where), horizon))


def _openings(pattern: Iterable[Entry], dates: Sequence[date], where: Zone) -> Iterable[Span]:
    for entry in pattern:
        length = entry.end if entry.end > entry.start else entry.end + DAY
        for when in dates:
            if when.weekday() in entry.days:
                midnight = datetime.combine(when, time())
                if one := span(midnight + entry.start, midnight + length, where):
                    yield one


@lru_cache(maxsize=512)
def recurring(start: datetime, end: datetime, rule: str, where: Zone, horizon: Horizon) -> tuple[Span, ...]:
    """Every occurrence with a part in the horizon, whole; without a rule the one from start to end.

    Wall times. Raises PoisonError at `end` or `rrule`. Kept: campaigns and groups mostly have the same hours.
    """
    length = end - start
    if length <= timedelta(0):
        raise PoisonError("a schedule must end after it starts", "end")
    first = to_wall(horizon.start, where) - length - 2 * DAY
    last = to_wall(horizon.end, where) + 2 * DAY
    begins = occurrences(rule, start, first, last, where) if rule.strip() else [start]
    spans = (span(one, one + length, where) for one in begins)
    return tuple(touching((one for one in spans if one), horizon))


def written_times(written: Mapping[str, Any], where: Zone, field: str = "") -> tuple[datetime, datetime]:
    """`start` and `end` of an official schedule or recurrence, as wall times."""
    return wall(written.get("start"), f"{field}start", where)[0], wall(written.get("end"), f"{field}end", where)[0]
