"""Weekly working hours as the capacity they give: per week, on the fullest day, in the peak periods. Pure.

Wall-clock hours of an ordinary week; hours that entries share are counted once. The hours of an
overnight entry belong to the days on which they lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from handlers.normalise.recurrence import DAY, Entry

WEEK = 7 * DAY
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Capacity:
    """Hours. `by_day`: Monday first. `peak_day_hours` is the sum of the fullest day (G1 took its longest entry)."""

    total_weekly_hours: float
    peak_day_hours: float
    peak_period_hours: float
    by_day: tuple[float, ...]


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
