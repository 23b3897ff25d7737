"""An opening pattern as recurring entries: what a calendar program will make of it, worked out beforehand.

Everything here is wall time (naive) in the pattern's own zone, as a calendar's RRULE is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from handlers.events import SchedulePattern
from handlers.normalise.recurrence import Entry, entries, written_times
from handlers.normalise.rrule import occurrences
from processor.errors import PoisonError
from processor.timezones import Zone, to_utc

DAY = timedelta(days=1)
A_YEAR = timedelta(days=400)
CODES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
COUNT = re.compile(r"\bCOUNT=(\d+)")
UNTIL = re.compile(r"UNTIL=(\d{8})(?:T(\d{6}))?(?=;|$)")


@dataclass(frozen=True, slots=True)
class Series:
    """One recurring entry. `rule` is an RRULE or empty (once). `open_start`: its first day is only where we began."""

    start: datetime
    length: timedelta
    where: Zone
    rule: str = ""
    open_start: bool = False

    def starts(self, after: datetime, before: datetime) -> Sequence[datetime]:
        """The starts of the occurrences in between (both included), in order."""
        if not self.rule:
            return [self.start] if after <= self.start <= before else []
        return occurrences(self.rule, self.start, max(after, self.start), before, self.where)

    def same_everywhere(self, wall: datetime) -> bool:
        """Whether every calendar program makes the same instants of the occurrence at `wall`.

        They differ where the clocks change within it or at its edges.
        """
        (start, start_rule), (end, end_rule) = (to_utc(one, self.where) for one in (wall, wall + self.length))
        return not start_rule and not end_rule and end - start == self.length

    def goes_on(self, after: datetime) -> bool:
        """Whether there is an occurrence in the year after this."""
        return bool(self.starts(after, after + A_YEAR))


def series_of(pattern: SchedulePattern, where: Zone, since: datetime) -> tuple[Series, ...]:
    """The recurring entries of a pattern that, where it does not say when it begins, has begun at `since` (wall time).

    A pattern that is no recurrence gives none: its hours are in the intervals all the same.
    """
    try:
        if "entries" in pattern.pattern:
            written = entries(pattern.pattern["entries"], "entries")
            return tuple(_weekly(entry, where, since) for entry in written if entry.days)
        start, end = written_times(pattern.pattern, where)
        return _official(start, end, str(pattern.pattern.get("rrule") or ""), where)
    except PoisonError:
        return ()


def _weekly(entry: Entry, where: Zone, since: datetime) -> Series:
    """The guide's entry; an end not after the start is on the next day."""
    first = datetime.combine(since.date(), time()) + entry.start - 2 * DAY  # one that began before may still last
    while first.weekday() not in entry.days:
        first += DAY
    length = entry.end - entry.start if entry.end > entry.start else entry.end - entry.start + DAY
    return Series(first, length, where, "FREQ=WEEKLY;BYDAY=" + ",".join(CODES[day] for day in entry.days), True)


def _official(start: datetime, end: datetime, text: str, where: Zone) -> tuple[Series, ...]:
    """RRULE with local start and end; begins at its first occurrence that every calendar program shows alike.

    They expect one there, and give all others its exact length (RFC 5545, 3.8.5.3): one in a night
    in which the clocks change would make them all an hour shorter or longer. EXDATE and RDATE lines
    are left to the intervals, which heed them.
    """
    rules = [line for line in re.split(r"[\r\n]+|\\n", text.strip()) if line and not line.upper().startswith("EX")]
    if not rules:
        return (Series(start, end - start, where),)
    rule = _until_in_utc(rules[0].strip().upper().removeprefix("RRULE:").strip(";"), where)
    for span in (A_YEAR, 10 * A_YEAR):
        for number, first in enumerate(occurrences(rule, start, start, start + span, where)):
            series = Series(first, end - start, where, _without(rule, number))
            if series.same_everywhere(first):
                return (series,)
    return ()


def _without(rule: str, number: int) -> str:
    """The rule that begins so many occurrences later."""
    return COUNT.sub(lambda found: f"COUNT={int(found[1]) - number}", rule)


def _until_in_utc(rule: str, where: Zone) -> str:
    """A calendar wants UNTIL in UTC where the start has a zone; Genesys gives wall times and dates too."""
    found = UNTIL.search(rule)
    if not found:
        return rule
    wall = datetime.strptime(found[1] + (found[2] or "235959"), "%Y%m%d%H%M%S")  # noqa: DTZ007 - a wall time
    return rule[: found.start()] + f"UNTIL={to_utc(wall, where)[0]:%Y%m%dT%H%M%SZ}" + rule[found.end() :]
