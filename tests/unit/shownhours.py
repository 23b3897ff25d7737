"""What a calendar program shows, by a library that shares no code with the product."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import icalendar
import recurring_ical_events

Spans = list[tuple[datetime, datetime]]


def joined(spans: Iterable[tuple[datetime, datetime]]) -> Spans:
    """In order; what overlaps or touches is one."""
    out: Spans = []
    for start, end in sorted(spans):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return out


def shown(text: bytes, first: datetime, last: datetime) -> Spans:
    """The instants of its entries that lie in between, in order."""
    found = recurring_ical_events.of(icalendar.Calendar.from_ical(text)).between(first, last)
    return sorted((one.start.astimezone(UTC), one.end.astimezone(UTC)) for one in found)
