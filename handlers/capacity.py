"""Weekly working hours as the capacity they give: per week, on the fullest day, in the peak periods. Pure.

Wall-clock hours of an ordinary week; hours that entries share are counted once. The hours of an
overnight entry belong to the days on which they lie. Hours that differ from week to week come as
several weeks, of which the average counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from statistics import fmean
from typing import Any

from handlers.normalise.recurrence import DAY, DAYS, Entry

WEEK = 7 * DAY
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Capacity:
    """Hours. `by_day`: Monday first. `peak_day_hours` is the sum of the fullest day (G1 took its longest entry)."""

    total_weekly_hours: float
    peak_day_hours: float
    peak_period_hours: float
    by_day: tuple[float, ...]

    def shown(self) -> dict[str, Any]:
        """The guide's numbers, and what they are made of."""
        return {
            "totalWeeklyHours": round(self.total_weekly_hours, 2),
            "peakDayHours": round(self.peak_day_hours, 2),
            "peakPeriodHours": round(self.peak_period_hours, 2),
            "byDay": {day: round(hours, 2) for day, hours in zip(DAYS, self.by_day, strict=True)},
        }


def capacity(week: Sequence[Entry], peaks: Sequence[Entry] = ()) -> Capacity:
    """What these weekly entries give, also within the peak periods (entries of the same form)."""
    opened = _merged(week)
    by_day = tuple(_shared(opened, [(n * DAY, (n + 1) * DAY)]) for n in range(7))
    return Capacity(
        total_weekly_hours=sum(by_day),
        peak_day_hours=max(by_day),
        peak_period_hours=_shared(opened, _merged(peaks)),
        by_day=by_day,
    )


def average(weeks: Sequence[Sequence[Entry]], peaks: Sequence[Entry] = ()) -> Capacity:
    """Of several weeks in turn, what an ordinary one gives; its fullest day is that of the average."""
    each = [capacity(week, peaks) for week in weeks] or [capacity(())]
    by_day = tuple(fmean(hours) for hours in zip(*(one.by_day for one in each), strict=True))
    return Capacity(
        total_weekly_hours=sum(by_day),
        peak_day_hours=max(by_day),
        peak_period_hours=fmean(one.peak_period_hours for one in each),
        by_day=by_day,
    )


@dataclass(frozen=True, slots=True)
class Floor:
    """What hours must not fall short of; nought asks for nothing. `peaks`: when most contacts come."""

    weekly_hours: float = 0.0
    peak_hours: float = 0.0
    peaks: tuple[Entry, ...] = ()

    def shortfalls(self, weeks: Sequence[Sequence[Entry]]) -> list[str]:
        """Each limit that these weeks miss, with both numbers."""
        found = average(weeks, self.peaks)
        compared = (
            ("weekly hours", found.total_weekly_hours, self.weekly_hours),
            ("hours in the peak periods", found.peak_period_hours, self.peak_hours),
        )
        return [f"{what} come to {given:g}, less than {least:g}" for what, given, least in compared if given < least]


class Opened:
    """When these weeks are open, asked for many times."""

    def __init__(self, weeks: Sequence[Sequence[Entry]]) -> None:
        self._weeks = [_merged(week) for week in weeks]

    def share(self, start: datetime, length: timedelta) -> float:
        """The part of a stretch of wall time (at most a week long) that lies in an ordinary week's hours, 0 to 1."""
        begin = start - datetime.combine(start.date(), time()) + start.weekday() * DAY
        asked = [(begin, min(begin + length, WEEK)), (timedelta(0), begin + length - WEEK)]
        return fmean(_shared(week, asked) for week in self._weeks) / (length / HOUR) if self._weeks else 0.0


def _merged(week: Iterable[Entry]) -> list[tuple[timedelta, timedelta]]:
    """The entries as offsets from Monday's midnight, none overlapping; what runs past Sunday is Monday's."""
    pieces = []
    for entry in week:
        length = (entry.end if entry.end > entry.start else entry.end + DAY) - entry.start
        for number in entry.days:
            start = number * DAY + entry.start
            pieces.append((start, min(start + length, WEEK)))
            if start + length > WEEK:
                pieces.append((timedelta(0), start + length - WEEK))
    out: list[tuple[timedelta, timedelta]] = []
    for start, end in sorted(pieces):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out


def _shared(some: Iterable[tuple[timedelta, timedelta]], others: Sequence[tuple[timedelta, timedelta]]) -> float:
    zero = timedelta(0)
    both = (max(min(b, d) - max(a, c), zero) for a, b in some for c, d in others)
    return sum(both, zero) / HOUR
