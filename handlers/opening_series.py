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
    """RRULE with local start and end; begins at its first occurrence, as calendar programs expect.

    EXDATE and RDATE lines are left to the intervals, which heed them.
    """
    rules = [line for line in re.split(r"[\r\n]+|\\n", text.strip()) if line and not line.upper().startswith("EX")]
    if not rules:
        return (Series(start, end - start, where),)
    rule = _until_in_utc(rules[0].strip().upper().removeprefix("RRULE:").strip(";"), where)
    for span in (A_YEAR, 10 * A_YEAR):
        if firsts := occurrences(rule, start, start, start + span, where):
            return (Series(firsts[0], end - start, where, rule),)
    return ()


def _until_in_utc(rule: str, where: Zone) -> str:
    """A calendar wants UNTIL in UTC where the start has a zone; Genesys gives wall times and dates too."""
    found = UNTIL.search(rule)
    if not found:
        return rule
    wall = datetime.strptime(found[1] + (found[2] or "235959"), "%Y%m%d%H%M%S")  # noqa: DTZ007 - a wall time
    return rule[: found.start()] + f"UNTIL={to_utc(wall, where)[0]:%Y%m%dT%H%M%SZ}" + rule[found.end() :]
