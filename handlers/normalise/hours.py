"""Spans of UTC time and their algebra: open, less closed, less holidays.

Pure. A span remembers what the zone did at either end, so that the rule stands on the interval
whose edge it made, and on no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from handlers.events import Horizon, Interval
from processor.instants import whole_milliseconds
from processor.shapes import made
from processor.timezones import Zone, to_utc


@dataclass(frozen=True, slots=True)
class Span:
    """Half open, aware UTC. The rules are those of `to_utc` for either end: empty, `gap` or `fold`."""

    start: datetime
    end: datetime
    start_rule: str = ""
    end_rule: str = ""
    schedule_id: str = ""


def span(start: datetime, end: datetime, where: Zone) -> Span | None:
    """From one wall time to another; None when nothing is left of it in a night that skips hours."""
    starts, start_rule = to_utc(start, where)
    ends, end_rule = to_utc(end, where)
    return Span(starts, ends, start_rule, end_rule) if starts < ends else None


def whole_day(when: date, where: Zone) -> Span | None:
    """While it is this date there: 23, 24 or 25 hours; None where the date was skipped."""
    midnight = datetime.combine(when, time())
    return span(midnight, midnight + timedelta(days=1), where)


def named(spans: Iterable[Span], schedule_id: str) -> list[Span]:
    """The same spans as this schedule's."""
    return [replace(one, schedule_id=schedule_id) for one in spans]


def union(spans: Iterable[Span]) -> list[Span]:
    """In order, none overlapping another.

    What touches is joined where it is of one schedule. Where two schedules overlap, the one that
    began first keeps the time and the other has the rest: the sum of hours is true either way.
    """
    out: list[Span] = []
    for one in sorted(spans, key=lambda s: (s.start, s.start - s.end, s.schedule_id)):
        last = out[-1] if out else None
        if last is None or one.start > last.end:
            out.append(one)
        elif one.schedule_id == last.schedule_id:
            if one.end > last.end:
                out[-1] = replace(last, end=one.end, end_rule=one.end_rule)
        elif one.start == last.end:
            out.append(one)
        elif one.end > last.end:
            out.append(replace(one, start=last.end, start_rule=last.end_rule))
    return out


def less(spans: Iterable[Span], cuts: Iterable[Span]) -> list[Span]:
    """What is left of the spans outside the cuts; an edge that a cut makes has the cut's rule."""
    shut = union(replace(cut, schedule_id="") for cut in cuts)
    out: list[Span] = []
    begin = 0
    for whole in union(spans):
        while begin < len(shut) and shut[begin].end <= whole.start:
            begin += 1
        out.extend(_remains(whole, shut, begin))
    return out


def _remains(whole: Span, shut: Sequence[Span], begin: int) -> Iterable[Span]:
    rest = whole
    for cut in shut[begin:]:
        if cut.start >= rest.end:
            break
        if cut.start > rest.start:
            yield replace(rest, end=cut.start, end_rule=cut.start_rule)
        if cut.end >= rest.end:
            return
        rest = replace(rest, start=cut.end, start_rule=cut.end_rule)
    yield rest


def clip(
    spans: Iterable[Span], start: datetime | None, end: datetime | None, start_rule: str = "", end_rule: str = ""
) -> list[Span]:
    """Only what lies between the two instants; None is no limit. The rules are those that made the instants."""
    out = []
    for one in spans:
        cut = one
        if start is not None and cut.start < start:
            cut = replace(cut, start=start, start_rule=start_rule)
        if end is not None and cut.end > end:
            cut = replace(cut, end=end, end_rule=end_rule)
        if cut.start < cut.end:
            out.append(cut)
    return out


def touching(spans: Iterable[Span], horizon: Horizon) -> list[Span]:
    """Those with a part in the horizon, whole: an opening time must not look like midnight because a day began."""
    return [one for one in spans if one.start < horizon.end and one.end > horizon.start]


def intervals(spans: Iterable[Span]) -> tuple[Interval, ...]:
    """As they are published. Both rules on one interval: `gap,fold`."""
    return tuple(
        made(
            Interval,
            {
                "start": whole_milliseconds(one.start),
                "end": whole_milliseconds(one.end),
                "rule": ",".join(rule for rule in ("gap", "fold") if rule in (one.start_rule, one.end_rule)),
                "schedule_id": one.schedule_id,
            },
        )
        for one in spans
        if whole_milliseconds(one.start) < whole_milliseconds(one.end)
    )


def horizon_at(now: datetime, length: timedelta) -> Horizon:
    """From yesterday's midnight UTC, the same all day long: unchanged meaning gives unchanged bytes."""
    return _horizon(now.astimezone(UTC).date(), length)


@lru_cache(maxsize=16)
def _horizon(today: date, length: timedelta) -> Horizon:
    midnight = datetime.combine(today, time(), UTC)
    return Horizon(start=midnight - timedelta(days=1), end=midnight + length)
