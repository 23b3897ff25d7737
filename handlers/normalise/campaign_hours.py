"""A campaign schedule as it was written → when the campaign may dial. Pure.

A schedule with both ends at most `WHOLE` apart is worked out whole, whatever day it is; one that
is longer or has no end, as far as the horizon goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from handlers.events import Horizon
from handlers.normalise.hours import Span, clip, less, span, union
from handlers.normalise.recurrence import DAY, entries, instant, recurring, wall, weekdays, weekly, written_times
from handlers.normalise.words import mapping
from processor.errors import PoisonError
from processor.timezones import Zone, to_utc, zone

WHOLE = timedelta(days=400)
LONGEST_INTERVAL = 1_000
BYDAY = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def is_guide(source: Mapping[str, Any]) -> bool:
    """Whether it has G2's shape; the other is the official one."""
    return "dailySchedule" in source


def zone_of(source: Mapping[str, Any]) -> Zone:
    """The schedule's zone, UTC where it names none. Raises UnknownZone at `timezone` or `timeZone`."""
    field = "timezone" if is_guide(source) else "timeZone"
    return zone(source.get(field) or "UTC", field)


def spans_of(source: Mapping[str, Any], horizon: Horizon) -> list[Span]:
    """When this schedule lets the campaign run. Raises PoisonError at the field that is unusable."""
    where = zone_of(source)
    if is_guide(source):
        return _guide(source, where, horizon)
    found = [_interval(one, f"intervals[{n}].", where) for n, one in _listed(source, "intervals")]
    for n, one in _listed(source, "recurrences"):
        found += _Recurrence(one, f"recurrences[{n}].", where).spans(horizon)
    return union(found)


def _guide(source: Mapping[str, Any], where: Zone, horizon: Horizon) -> list[Span]:
    """G2: the daily slots on the zone's clocks, within the window from startTime to endTime."""
    start, start_rule, end, end_rule = None, "", None, ""
    if source.get("startTime") is not None:
        start, start_rule = instant(source["startTime"], "startTime", where)
    if source.get("endTime") is not None:
        end, end_rule = _end(source["endTime"], "endTime", where)
    if start and end and start >= end:
        raise PoisonError("a campaign schedule must end after it starts", "endTime")
    slots = entries(source["dailySchedule"] or [], "dailySchedule", days_field="days")
    return union(clip(weekly(slots, where, _window(start, end, horizon)), start, end, start_rule, end_rule))


def _window(start: datetime | None, end: datetime | None, horizon: Horizon) -> Horizon:
    return Horizon(start=start, end=end) if start and end and timedelta(0) < end - start <= WHOLE else horizon


def _end(text: object, field: str, where: Zone) -> tuple[datetime, str]:
    """The instant at which something ends, and the rule; a date alone includes that day."""
    written, only_date = wall(text, field, where)
    return to_utc(written + DAY, where) if only_date else instant(text, field, where)


def _from_to(written: Mapping[str, Any], field: str, where: Zone) -> Span | None:
    """The times as they are written, an end that is a date alone with that day; None when they are not in order."""
    starts, start_rule = instant(written.get("start"), f"{field}start", where)
    ends, end_rule = _end(written.get("end"), f"{field}end", where)
    return Span(starts, ends, start_rule, end_rule) if starts < ends else None


def _listed(source: Mapping[str, Any], name: str, field: str = "") -> Iterator[tuple[int, Mapping[str, Any]]]:
    listed = source.get(name) or []
    if not isinstance(listed, list) or not all(isinstance(one, Mapping) for one in listed):
        raise PoisonError(f"{name} is no list of objects", field + name)
    return iter(enumerate(listed))


def _interval(written: Mapping[str, Any], field: str, where: Zone) -> Span:
    starts, start_rule = instant(written.get("start"), f"{field}start", where)
    ends, end_rule = instant(written.get("end"), f"{field}end", where)
    if starts >= ends:
        raise PoisonError("an interval must end after it starts", f"{field}end")
    return Span(starts, ends, start_rule, end_rule)


class _Recurrence:
    """An official recurrence: its occurrences within its range, less the exclusions, and the inclusions after all.

    An end date cuts the last occurrence off; a number of occurrences counts excluded ones too.
    Weeks begin on Monday, as in iCalendar.
    """

    def __init__(self, written: Mapping[str, Any], field: str, default: Zone) -> None:
        self.written, self.field = written, field
        self.where = zone(written["timeZone"], f"{field}timeZone") if written.get("timeZone") else default
        self.start, self.end = written_times(written, self.where, field)
        if self.end <= self.start:
            raise PoisonError("a recurrence must end after it starts", f"{field}end")

    def spans(self, horizon: Horizon) -> list[Span]:
        rule, days_between = self._pattern()
        count, limit, limit_rule = self._range()
        opens = to_utc(self.start, self.where)[0]
        last = limit
        if count:
            rule = f"{rule};COUNT={count}"
            days = min(count * days_between + 14, 2 * WHOLE.days)  # past `WHOLE` only the horizon counts
            last = opens + timedelta(days=days) + (self.end - self.start)
        found = recurring(self.start, self.end, rule, self.where, _window(opens, last, horizon))
        wanted = [*less(found, self._altered("Exclusion")), *self._altered("Inclusion")]
        return clip(wanted, opens, limit, end_rule=limit_rule)

    def _pattern(self) -> tuple[str, int]:
        """The rule, and at most how many days lie between two occurrences on the average."""
        pattern = mapping(self.written.get("pattern"))
        interval, kind = pattern.get("interval", 1), pattern.get("type")
        if type(interval) is not int or not 0 < interval <= LONGEST_INTERVAL:
            raise PoisonError("an interval must be a number from 1 to 1000", f"{self.field}pattern.interval")
        if kind == "Daily":
            return f"FREQ=DAILY;INTERVAL={interval}", interval
        if kind == "Weekly":
            days = weekdays(pattern.get("daysOfWeek") or [], f"{self.field}pattern.daysOfWeek")
            days = days or (self.start.weekday(),)
            by_day = ",".join(BYDAY[one] for one in days)
            return f"FREQ=WEEKLY;INTERVAL={interval};BYDAY={by_day};WKST=MO", -(-7 * interval // len(days))
        raise PoisonError(f"{str(kind)[:40]!r} is no kind of recurrence", f"{self.field}pattern.type")

    def _range(self) -> tuple[int, datetime | None, str]:
        """How many occurrences (0 = no number), the instant after which there is none, and the rule that made it."""
        written = mapping(self.written.get("range")) or {"type": "NoEnd"}
        kind, count = written.get("type"), written.get("numberOfOccurrences")
        if kind == "NoEnd":
            return 0, None, ""
        if kind == "EndDate":
            return 0, *_end(written.get("end"), f"{self.field}range.end", self.where)
        if kind != "Numbered":
            raise PoisonError(f"{str(kind)[:40]!r} is no kind of range", f"{self.field}range.type")
        if type(count) is not int or not 0 < count < 100_000:
            raise PoisonError("a number of occurrences must be from 1", f"{self.field}range.numberOfOccurrences")
        return count, None, ""

    def _altered(self, kind: str) -> Iterable[Span]:
        for n, one in _listed(self.written, "alterations", self.field):
            field = f"{self.field}alterations[{n}]."
            if str(one.get("type")) not in {"Exclusion", "Inclusion"}:
                raise PoisonError(f"{str(one.get('type'))[:40]!r} is no kind of alteration", f"{field}type")
            if one["type"] == kind:
                yield from self._alteration(one, field, by_hours=kind == "Inclusion")

    def _alteration(self, one: Mapping[str, Any], field: str, *, by_hours: bool) -> Iterable[Span]:
        """From start to end; dates alone exclude these days whole, and include the usual hours on them.

        (Not whole days: nobody is called at night because a day was added.)
        """
        first, start_is_date = wall(one.get("start"), f"{field}start", self.where)
        last, end_is_date = wall(one.get("end"), f"{field}end", self.where)
        if last < first or last - first > WHOLE:
            raise PoisonError("an alteration must end after it starts, within 400 days", f"{field}end")
        if start_is_date and end_is_date and by_hours:
            return [made for when in _days(first.date(), last.date()) if (made := self._hours_on(when))]
        found = _from_to(one, field, self.where)
        return [found] if found else []

    def _hours_on(self, when: date) -> Span | None:
        start = datetime.combine(when, self.start.time())
        return span(start, start + (self.end - self.start), self.where)


def _days(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))
