"""Patterns → the hours in effect and the days on which the pattern does not hold. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from functools import lru_cache

import orjson

from handlers.events import Horizon, Interval, ScheduleException, SchedulePattern
from handlers.normalise.hours import Span, intervals, less, named, touching, union, whole_day
from handlers.normalise.reading import Data
from handlers.normalise.recurrence import entries, recurring, weekly, written_times
from processor.errors import PoisonError
from processor.shapes import document
from processor.timezones import to_wall, zone

DAY = timedelta(days=1)
NOT_FOUND = "schedule not found"

Holidays = Mapping[str, tuple[str, ...]]


def effective(
    schedules: Iterable[SchedulePattern], horizon: Horizon, holidays: Holidays
) -> tuple[tuple[Interval, ...], tuple[ScheduleException, ...]]:
    """Open less closed less holidays, and the exceptions. Raises PoisonError at the field that is unusable.

    An interval with a part in the horizon stands whole, less what cuts it outside the horizon.
    Exceptions: every holiday, every closure that does not recur, and without a date what nobody
    could tell us.
    """
    patterns = tuple(schedules)
    opened = [span for one in patterns if one.role == "open" for span in _spans(one, horizon, holidays)]
    reach = _reach(opened, horizon)
    shut = [span for one in patterns if one.role != "open" for span in _spans(one, reach, holidays)]
    exceptions = {exception for one in patterns for exception in _exceptions(one, horizon, holidays)}
    hours = touching(less(opened, shut), horizon)
    return intervals(hours), tuple(
        sorted(exceptions, key=lambda e: (e.date is None, e.date or date.min, e.schedule_id, e.reason))
    )


def in_effect(schedules: Iterable[Data], horizon: Horizon, holidays: Holidays) -> Data:
    """The same of patterns as they are written: `intervals`, `exceptions` and `horizon` of the record."""
    patterns = tuple(schedules)
    ids = sorted({holiday for one in patterns for holiday in one["holidays"] if holiday in holidays})
    return _in_effect(orjson.dumps(patterns), horizon, tuple((one, tuple(holidays[one])) for one in ids))


@lru_cache(maxsize=256)
def _in_effect(patterns: bytes, horizon: Horizon, dates: tuple[tuple[str, tuple[str, ...]], ...]) -> Data:
    """Kept, because the same patterns come back with every delivery, answer and hour of the day."""
    schedules = map(SchedulePattern.model_validate, orjson.loads(patterns))
    hours, exceptions = effective(schedules, horizon, dict(dates))
    return {
        "intervals": [document(one) for one in hours],
        "exceptions": [document(one) for one in exceptions],
        "horizon": document(horizon),
    }


def _spans(one: SchedulePattern, horizon: Horizon, holidays: Holidays) -> list[Span]:
    """The times of one schedule, less its own holidays."""
    where = zone(one.time_zone, "timezoneId" if "entries" in one.pattern else "timeZone")
    if "entries" in one.pattern:
        open_hours = weekly(entries(one.pattern["entries"], "scheduleEntries"), where, horizon)
        dates = _dates(one, _reach(open_hours, horizon), holidays)
        found = less(open_hours, filter(None, (whole_day(when, where) for when, _ in dates if when)))
    elif one.pattern:
        start, end = written_times(one.pattern, where)
        found = list(recurring(start, end, _rule(one), where, horizon))
    else:
        found = []
    return union(named(found, one.schedule_id))


def _reach(spans: Iterable[Span], horizon: Horizon) -> Horizon:
    """The horizon, and as far beyond it as any of these spans."""
    found = tuple(spans)
    return Horizon(
        start=min((horizon.start, *(one.start for one in found))), end=max((horizon.end, *(one.end for one in found)))
    )


def _rule(one: SchedulePattern) -> str:
    rule = one.pattern.get("rrule") or ""
    if not isinstance(rule, str):
        raise PoisonError(f"the rrule of schedule {one.schedule_id!r} is no text", "rrule")
    return rule


def _exceptions(one: SchedulePattern, horizon: Horizon, holidays: Holidays) -> Iterator[ScheduleException]:
    where = zone(one.time_zone)
    for when, reason in _dates(one, horizon, holidays):
        yield ScheduleException(date=when, reason=reason, schedule_id=one.schedule_id)
    if not one.pattern:
        yield ScheduleException(date=None, reason=NOT_FOUND, schedule_id=one.schedule_id)
    elif one.role == "holiday" or (one.role == "closed" and not _rule(one)):
        for span in _spans(one, horizon, holidays):
            first, last = to_wall(span.start, where).date(), to_wall(span.end - timedelta.resolution, where).date()
            for n in range((last - first).days + 1):
                if _within(first + n * DAY, horizon):
                    yield ScheduleException(
                        date=first + n * DAY, reason=one.name or one.schedule_id, schedule_id=one.schedule_id
                    )


def _dates(one: SchedulePattern, horizon: Horizon, holidays: Holidays) -> Iterator[tuple[date | None, str]]:
    """The dates of a guide schedule's holiday ids; None for an id that the settings' table lacks."""
    for holiday in one.holidays:
        if holiday not in holidays:
            yield None, holiday
        for text in holidays.get(holiday, ()):
            when = date.fromisoformat(text)
            if _within(when, horizon):
                yield when, holiday


def _within(when: date, horizon: Horizon) -> bool:
    """A day either side more than the horizon: its edges are UTC's midnights, dates are a zone's."""
    return horizon.start.date() - DAY <= when <= horizon.end.date() + DAY
