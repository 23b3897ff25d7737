"""What a campaign's hours mean beside what is planned and who is at work: overlaps, bare hours, sums. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from handlers.events import Horizon
from handlers.normalise.campaign_hours import spans_of
from handlers.normalise.hours import Span, clip, less
from handlers.normalise.recurrence import Entry as Hours
from handlers.normalise.recurrence import weekly
from processor.clients.genesys.jobs.campaigns import Entry, Shift, Slot, Wanted
from processor.errors import PoisonError
from processor.event import instant
from processor.timezones import to_utc, to_wall, zone

HOUR = timedelta(hours=1)
SHOWN = 20
"""So many bare hours are named one by one; beyond that their sum says enough."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """The first time that two schedules share."""

    entry: Entry
    start: datetime
    end: datetime

    def found(self, time_zone: str) -> Mapping[str, Any]:
        """What is there, for whoever has to choose another time."""
        return {
            "scheduleId": self.entry.schedule_id,
            "name": self.entry.name,
            "from": instant(self.start),
            "to": instant(self.end),
            "timezone": time_zone,
            "schedule": self.entry.source,
        }

    def __str__(self) -> str:
        """On the clocks of UTC; the caller adds the zone's."""
        named = f" ({self.entry.name})" if self.entry.name else ""
        return f"schedule {self.entry.schedule_id}{named}"


def occurrences(wanted: Wanted, slots: Iterable[Slot] | None = None) -> list[Span]:
    """Every time it lets the campaign dial, in order."""
    hours = tuple(Hours(slot.days, slot.start, slot.end) for slot in slots or wanted.slots)
    window = Horizon(start=wanted.start, end=wanted.end)
    found = clip(weekly(hours, zone(wanted.time_zone), window), wanted.start, wanted.end)
    return sorted(found, key=lambda one: one.start)


def first_overlap(wanted: Wanted, entries: Iterable[Entry]) -> Overlap | None:
    """With whichever schedule shares the earliest time. One that nobody can read is left to Genesys to judge."""
    mine, window = occurrences(wanted), Horizon(start=wanted.start, end=wanted.end)
    found = [
        Overlap(entry, *shared)
        for entry in entries
        for shared in _shared(mine, sorted(readable(entry, window), key=lambda one: one.start))
    ]
    return min(found, key=lambda one: one.start, default=None)


def readable(entry: Entry, window: Horizon) -> Iterable[Span]:
    """When it lets the campaign dial; nothing where nobody can read it."""
    try:
        return spans_of(entry.source, window)
    except PoisonError:
        return ()


def _shared(some: Sequence[Span], others: Sequence[Span]) -> Iterator[tuple[datetime, datetime]]:
    """The first time in both, if there is one; both are in order."""
    index = 0
    for one in some:
        while index < len(others) and others[index].end <= one.start:
            index += 1
        if index < len(others) and others[index].start < one.end:
            yield max(one.start, others[index].start), min(one.end, others[index].end)
            return


def wall_text(moment: datetime, time_zone: str) -> str:
    """`Monday 2026-07-06 09:00` on the zone's clocks."""
    return to_wall(moment, zone(time_zone)).strftime("%A %Y-%m-%d %H:%M")


def sums(wanted: Wanted) -> Mapping[str, Any]:
    """Hours in a week as written, and in the whole span as the clocks really go; days on which they change."""
    week = sum(((slot.end - slot.start) * len(slot.days) for slot in wanted.slots), timedelta())
    spans = occurrences(wanted)
    return {
        "weeklyHours": round(week / HOUR, 2),
        "totalHours": round(sum((one.end - one.start for one in spans), timedelta()) / HOUR, 2),
        "occurrences": len(spans),
        "first": instant(spans[0].start),
        "last": instant(spans[-1].end),
        "clocksChangeOn": [str(when) for when in _clock_changes(wanted)],
    }


def _clock_changes(wanted: Wanted) -> Iterator[date]:
    """Days within the window after which the same wall time is another instant."""
    where = zone(wanted.time_zone)
    noon = datetime.combine(to_wall(wanted.start, where).date(), time(12))
    last, offset = to_wall(wanted.end, where), None
    while noon <= last + timedelta(days=1):
        now = noon - to_utc(noon, where)[0].replace(tzinfo=None)
        if offset is not None and now != offset:
            yield noon.date()
        offset, noon = now, noon + timedelta(days=1)


def bare(
    wanted: Wanted, places: Sequence[str], shifts: Mapping[str, Sequence[Shift]], now: datetime
) -> Mapping[str, Any]:
    """The hours of slots in which none of these agents is to work, as far ahead as shifts are known."""
    worked = [Span(start, end) for spans in shifts.values() for start, end in spans]
    if not worked:
        return {"agents": len(shifts), "compared": "no shift of these agents is known in this span"}
    known_until = max(one.end for one in worked)
    hours: list[Mapping[str, Any]] = []
    total = timedelta()
    for place, slot in zip(places, wanted.slots, strict=True):
        for one in less(clip(occurrences(wanted, [slot]), now, known_until), worked):
            total += one.end - one.start
            hours.append(
                {
                    "slot": place,
                    "from": instant(one.start),
                    "to": instant(one.end),
                    "wall": wall_text(one.start, wanted.time_zone),
                }
            )
    found = {"agents": len(shifts), "comparedUntil": instant(known_until), "outsideHours": round(total / HOUR, 2)}
    return {**found, "outside": sorted(hours, key=lambda one: str(one["from"]))[:SHOWN]}
