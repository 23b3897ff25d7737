"""Working hours in a request's words → ordinary weeks, and from one form into the other. Pure.

Weekly entries are one week that repeats. A recurrence is worked out over four weeks on wall
times: it may skip weeks, and is judged by the average.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from handlers.normalise.recurrence import DAY, DAYS, Entry, entries, written_times
from handlers.normalise.rrule import occurrences
from handlers.requests.schedule import shown_clock
from processor.errors import PoisonError
from processor.timezones import zone

WEEK = 7 * DAY
WEEKS = 4
MIDNIGHT = time()
LETTERS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
UTC_ZONE = zone("UTC")
Week = tuple[Entry, ...]


def weeks(fields: Mapping[str, Any], today: date) -> tuple[Week, ...]:
    """What these hours are in ordinary weeks from `today` on. Raises PoisonError at what cannot be read."""
    if fields.get("scheduleEntries") is not None:
        return (entries(fields["scheduleEntries"], "scheduleEntries"),)
    start, end = written_times(fields, UTC_ZONE)
    rule = str(fields.get("rrule") or "").strip()
    if not rule:
        return (_week([(start, end)], _monday(start.date())),)
    monday = _monday(max(today, start.date()))
    if start > monday:
        monday += WEEK  # the first week lacks the days before the start
    found = _recurring(rule, (start, end), monday)
    return found if any(found) else _recurring(rule, (start, end), _monday(start.date()))


def _recurring(rule: str, opening: tuple[datetime, datetime], monday: datetime) -> tuple[Week, ...]:
    start, end = opening
    begins = occurrences(rule, start, monday - (end - start), monday + WEEKS * WEEK, UTC_ZONE)
    spans = [(begin, begin + (end - start)) for begin in begins]
    return tuple(_week(spans, monday + number * WEEK) for number in range(WEEKS))


def _monday(when: date) -> datetime:
    return datetime.combine(when - when.weekday() * DAY, MIDNIGHT)


def _week(spans: Iterable[tuple[datetime, datetime]], monday: datetime) -> Week:
    """What of the spans lies in this week, cut at midnights; equal hours of several days are one entry."""
    days: dict[tuple[timedelta, timedelta], set[int]] = {}
    for begin, end in spans:
        for number, start, stop in _pieces(max(begin, monday) - monday, min(end, monday + WEEK) - monday):
            days.setdefault((start, stop), set()).add(number)
    return tuple(Entry(tuple(sorted(numbers)), *hours) for hours, numbers in sorted(days.items()))


def _pieces(begin: timedelta, end: timedelta) -> Iterator[tuple[int, timedelta, timedelta]]:
    while begin < end:
        number = begin // DAY
        stop = min(end, (number + 1) * DAY)
        yield number, begin - number * DAY, stop - number * DAY
        begin = stop


def differing(present: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The wanted fields that are not so yet, whatever spelling and order Genesys has them in."""
    return {name: value for name, value in wanted.items() if _meaning(name, present.get(name)) != _meaning(name, value)}


def _meaning(name: str, value: Any) -> object:
    if not value:
        return None  # an empty description, rule or list is none
    try:
        if name == "scheduleEntries":
            return frozenset((day, one.start, one.end) for one in entries(value, name) for day in one.days)
        if name in ("start", "end"):
            return written_times({"start": value, "end": value}, UTC_ZONE)[0]
    except PoisonError:
        return repr(value)  # not readable: not what anybody asks for
    return sorted(value) if name == "holidays" else value


def shown_entries(week: Iterable[Entry]) -> list[dict[str, Any]]:
    """As a request in the weekly form would say it."""
    return [
        {
            "daysOfWeek": [DAYS[number] for number in entry.days],
            "startTime": shown_clock(entry.start),
            "endTime": shown_clock(entry.end),
        }
        for entry in week
    ]


def as_recurrences(week: Sequence[Entry], today: date) -> list[dict[str, str]]:
    """The same hours as schedules that recur: one for each entry."""
    found = []
    for entry in week:
        first = min(today + n * DAY for n in range(7) if (today + n * DAY).weekday() in entry.days)
        start, end = (datetime.combine(first, MIDNIGHT) + at for at in (entry.start, entry.end))
        found.append(
            {
                "start": start.isoformat(timespec="milliseconds"),
                "end": end.isoformat(timespec="milliseconds"),
                "rrule": f"FREQ=WEEKLY;INTERVAL=1;BYDAY={','.join(LETTERS[number] for number in entry.days)}",
            }
        )
    return found
