"""Working hours in a request's words → ordinary weeks, and from one form into the other. Pure.

Weekly entries are one week that repeats. A recurrence is worked out over four weeks or more on
wall times: it may skip weeks, and is judged by the average.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from handlers.normalise.recurrence import DAY, DAYS, Entry, entries, written_times
from handlers.normalise.rrule import occurrences
from handlers.requests.schedule import LOOKED_AHEAD, shown_clock
from processor.errors import PoisonError
from processor.timezones import zone

WEEK = 7 * DAY
WEEKS = 4
MIDNIGHT = time()
LETTERS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
UTC_ZONE = zone("UTC")
Week = tuple[Entry, ...]
_INTERVAL = re.compile(r"\bINTERVAL=0*([1-9]\d?)\b", re.IGNORECASE | re.ASCII)
_ENDS = re.compile(r"\b(UNTIL|COUNT)=", re.IGNORECASE)


def weeks(fields: Mapping[str, Any], today: date) -> tuple[Week, ...]:
    """What these hours are in ordinary weeks from `today` on. Raises PoisonError at what cannot be read."""
    if fields.get("scheduleEntries") is not None:
        return (entries(fields["scheduleEntries"], "scheduleEntries"),)
    start, end = written_times(fields, UTC_ZONE)
    rule = str(fields.get("rrule") or "").strip()
    if not rule:
        return (_week([(start, end)], _monday(start.date())),)
    return _Recurring(rule, start, end).weeks(today)


@dataclass(frozen=True, slots=True)
class _Recurring:
    """An opening and its rule. The same hours come to the same average, on whichever day they are asked about."""

    rule: str
    start: datetime
    end: datetime

    def weeks(self, today: date) -> tuple[Week, ...]:
        """Whole ones: the first lacks the days before the start, the last those after the end, if there is one."""
        began, many = _monday(self.start.date()), self._cycle()
        whole = began if self.start == began else began + WEEK
        first = max(_monday(today), whole)
        last = self._last_week(first + many * WEEK)
        if last is not None:
            first, many = max(last - many * WEEK, whole), min((last - whole) // WEEK, many)
        found = self._between(first, many)
        if any(found):
            return found
        return self._between(began, WEEKS if last is None else min((last - began) // WEEK + 1, WEEKS))

    def _cycle(self) -> int:
        """How many weeks there are until days and weeks that it leaves out come round again, at least four."""
        found = _INTERVAL.search(self.rule)
        every = int(found[1]) if found and any(f"FREQ={one}" in self.rule.upper() for one in ("DAILY", "WEEKLY")) else 1
        return every * -(-WEEKS // every)

    def _last_week(self, until: datetime) -> datetime | None:
        """Of a rule that is over by then."""
        if not _ENDS.search(self.rule) or self._begins(until, until + LOOKED_AHEAD):
            return None
        return _monday(max(self._begins(self.start, until), default=self.start).date())

    def _begins(self, first: datetime, last: datetime) -> list[datetime]:
        return occurrences(self.rule, self.start, first, last, UTC_ZONE)

    def _between(self, monday: datetime, many: int) -> tuple[Week, ...]:
        length = self.end - self.start
        spans = [(begin, begin + length) for begin in self._begins(monday - length, monday + many * WEEK)]
        return tuple(_week(spans, monday + number * WEEK) for number in range(many))


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
