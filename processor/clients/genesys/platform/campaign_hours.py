"""A wanted campaign schedule ↔ official recurrences and intervals. Pure.

Recurrences are written in wall times of their zone, so that they hold over a change of the clocks.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from processor.clients.genesys.jobs.campaigns import DAYS, Slot, Wanted
from processor.event import instant
from processor.timezones import to_utc, to_wall, zone

DAY = timedelta(days=1)


def written(wanted: Wanted) -> dict[str, list[Mapping[str, Any]]]:
    """`{intervals, recurrences}`: a recurrence for each slot, an interval for each occurrence that the window cuts."""
    intervals: list[Mapping[str, Any]] = []
    recurrences: list[Mapping[str, Any]] = []
    for number, slot in enumerate(wanted.slots):
        whole = []
        for when, start, end in _occurrences(wanted, slot):
            if wanted.start <= start and end <= wanted.end:
                whole.append(when)
            elif start < wanted.end and end > wanted.start:
                cut = max(start, wanted.start), min(end, wanted.end)
                intervals.append({"start": instant(cut[0]), "end": instant(cut[1])})
        if whole:
            recurrences.append(_recurrence(wanted, number, slot, whole[0], whole[-1]))
    return {"intervals": intervals, "recurrences": recurrences}


def _occurrences(wanted: Wanted, slot: Slot) -> Iterator[tuple[date, datetime, datetime]]:
    """(day, start, end) of each that may touch the window, in UTC; one that the clocks skip is none."""
    where = zone(wanted.time_zone)
    when, last = to_wall(wanted.start, where).date() - DAY, to_wall(wanted.end, where).date()
    while when <= last:
        midnight = datetime.combine(when, time())
        start, end = to_utc(midnight + slot.start, where)[0], to_utc(midnight + slot.end, where)[0]
        if when.weekday() in slot.days and start < end:
            yield when, start, end
        when += DAY


def _recurrence(wanted: Wanted, number: int, slot: Slot, first: date, last: date) -> Mapping[str, Any]:
    begins, ends = datetime.combine(first, time()), datetime.combine(last, time())
    return {
        "id": str(uuid.uuid5(uuid.UUID(wanted.schedule_id), str(number))),
        "start": _local(begins + slot.start),
        "end": _local(begins + slot.end),
        "timeZone": wanted.time_zone,
        "pattern": {"type": "Weekly", "interval": 1, "daysOfWeek": [DAYS[day] for day in slot.days]},
        "range": {"type": "EndDate", "end": _local(ends + slot.end)},
    }


def _local(wall: datetime) -> str:
    return wall.isoformat(timespec="milliseconds" if wall.microsecond else "seconds")


def contents(body: Mapping[str, Any]) -> list[object]:
    """What makes a part the same, whatever id it has; one with alterations, or unreadable, is like no other."""
    default = body.get("timeZone") or "UTC"
    found: list[object] = [_interval(one) for one in body.get("intervals") or []]
    return found + [_content(one, default) for one in body.get("recurrences") or []]


def _interval(one: Mapping[str, Any]) -> object:
    try:
        return tuple(datetime.fromisoformat(one[name]).astimezone(UTC) for name in ("start", "end"))
    except (KeyError, TypeError, ValueError):
        return object()


def _content(one: Mapping[str, Any], default: str) -> object:
    try:
        pattern, within = one["pattern"], one["range"]
        times = tuple(datetime.fromisoformat(text) for text in (one["start"], one["end"], within.get("end") or ""))
        days = frozenset(pattern.get("daysOfWeek") or ())
        kinds = (pattern["type"], pattern.get("interval", 1), within["type"])
    except (KeyError, TypeError, ValueError):
        return object()
    if one.get("alterations"):
        return object()
    return times, one.get("timeZone") or default, kinds, days
