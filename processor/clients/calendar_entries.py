"""One calendar entry: what we want to stand there, what stands there, and what a person may add to it.

The source is Genesys, so its part of an entry (times, recurrence, title, description) is always
put back. Whatever else a person adds (place, attendees, categories, alarms, comments) is kept.
Each entry carries a digest of our part as we wrote it: it shows a person's edit without our
remembering anything. Entries that are not ours, by their UID, are never touched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, TypeVar

from icalendar import Calendar, Component, Event
from icalendar.prop import vDDDLists, vRecur

from processor.clients.calendar_zones import time_zone
from processor.timezones import to_wall, zone

T = TypeVar("T")

DOMAIN = "@genesys-processor"
PRODUCT = "-//genesys-processor//calendars//EN"
DIGEST = "X-GENESYS-DIGEST"
DETAIL = "X-GENESYS-ACTIVITY"
YEARS_AHEAD = 10
"""How far the zone's rules are written out; clients that know the zone by name do not need them."""

OURS = frozenset(
    {"UID", "DTSTAMP", "SEQUENCE", "LAST-MODIFIED", "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE"}
    | {"EXRULE", "RECURRENCE-ID", "SUMMARY", "DESCRIPTION", DIGEST, DETAIL}
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One event. `start`, `end` and `excluded` are wall times of `zone`, without tzinfo.

    `name` is stable: the resource's file name and the UID are made of it. `open_start`: the
    recurrence has no first day of its own, so one that began earlier goes on.
    """

    name: str
    summary: str
    start: datetime
    end: datetime
    zone: str
    description: str = ""
    details: tuple[str, ...] = ()
    rule: str = ""
    excluded: frozenset[datetime] = frozenset()
    open_start: bool = False

    @property
    def uid(self) -> str:
        """The same as long as the entry lives."""
        return self.name + DOMAIN

    def digest(self) -> str:
        """Of our part."""
        walls = [one.isoformat() for one in (self.start, self.end, *sorted(self.excluded))]
        parts = (self.summary, self.zone, self.description, self.details, self.rule, walls)
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    def continuing(self, there: Entry, since: datetime) -> Entry:
        """This entry with the past (before `since`) of what is there: we know the future only."""
        wall = since.replace(tzinfo=None) if self.zone == "UTC" else to_wall(since, zone(self.zone))
        past = frozenset(moment for moment in there.excluded if moment < wall)
        entry = replace(self, excluded=self.excluded | past) if self.rule and there.rule else self
        same = (self.rule, self.zone, self.start.time()) == (there.rule, there.zone, there.start.time())
        length = self.end - self.start
        if entry.open_start and same and there.start < self.start and there.end - there.start == length:
            entry = replace(entry, start=there.start, end=there.end)
        return replace(entry, open_start=False)


@dataclass(frozen=True, slots=True)
class Found:
    """What stands there. `entry` and `sequence` are None when a person's program left them unreadable."""

    uid: str
    entry: Entry | None
    sequence: int | None
    digest: str
    component: Component
    overrides: int

    @property
    def edited(self) -> bool:
        """Whether somebody else changed our part of it."""
        return self.entry is None or bool(self.overrides) or self.entry.digest() != self.digest

    @property
    def ours(self) -> bool:
        """Whether we made it."""
        return self.uid.endswith(DOMAIN)


def canonical(rule: str) -> str:
    """An RRULE in one spelling, so that equal rules are equal texts."""
    parts = (part.partition("=") for part in rule.upper().removeprefix("RRULE:").split(";") if part)
    named = {name.strip(): ",".join(sorted(value.strip().split(","))) for name, _, value in parts}
    if named.get("INTERVAL") == "1":
        del named["INTERVAL"]
    return ";".join(f"{name}={named[name]}" for name in sorted(named, key=lambda name: (name != "FREQ", name)))


def decide(
    found: Found | None, wanted: Entry, since: datetime, now: datetime, *, removed: bool = False
) -> bytes | None:
    """What to write so that `wanted` stands there; None when it does. A change raises SEQUENCE by one.

    `removed`: where nothing is there now, a person may have removed it.
    """
    if found is None:
        return ics([wanted], now, _above_any(now) if removed else 0)
    sequence = _above_any(now) if found.sequence is None else found.sequence + 1
    if found.entry is None:
        return ics([wanted], now, sequence)
    wanted = wanted.continuing(found.entry, since)
    if found.entry == wanted and not found.overrides:
        return None
    return ics([wanted], now, sequence, found.component)


def _above_any(now: datetime) -> int:
    """A SEQUENCE above all that an entry of the same UID had, which nobody remembers: the minutes since 1970.

    One that began at 0 rises by one for each change, and they are fewer than the minutes that it lived.
    """
    return int(now.timestamp()) // 60


def read(data: bytes) -> Found | None:
    """What a resource holds; None when it holds no event at all."""
    try:
        calendar = Calendar.from_ical(data)
        events = calendar.walk("VEVENT")
    except (ValueError, KeyError, IndexError):
        return None
    masters = [event for event in events if "RECURRENCE-ID" not in event]
    if not masters:
        return None
    event = masters[0]
    uid = str(event.get("UID", ""))
    entry = _readable(lambda: _entry(uid.removesuffix(DOMAIN), event))
    sequence = _readable(lambda: int(event["SEQUENCE"]))
    return Found(uid, entry, sequence, str(event.get(DIGEST, "")), event, len(events) - 1)


def _readable(part: Callable[[], T]) -> T | None:
    """None for what a person's program wrote in a way that is no longer understood."""
    try:
        return part()
    except (ValueError, TypeError, AttributeError, KeyError):
        return None


def _entry(name: str, event: Component) -> Entry:
    start, zone = _wall(event["DTSTART"])
    if "DTEND" in event:
        end, end_zone = _wall(event["DTEND"])
        zone = zone if end_zone == zone else f"{zone} to {end_zone}"
    else:
        end = start + (event["DURATION"].dt if "DURATION" in event else timedelta())
    rule = event.get("RRULE")
    dates = frozenset(_wall(one)[0] for part in _several(event.get("EXDATE")) for one in part.dts)
    extra = "RDATE" in event or "EXRULE" in event
    return Entry(
        name=name,
        summary=str(event.get("SUMMARY", "")),
        start=start,
        end=end,
        zone=f"{zone} and more" if extra else zone,
        description=str(event.get("DESCRIPTION", "")).strip(),
        details=tuple(str(one) for one in _several(event.get(DETAIL))),
        rule=canonical(rule.to_ical().decode()) if isinstance(rule, vRecur) else "",
        excluded=dates,
    )


def _several(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) and not isinstance(value, vDDDLists) else [value]


def _wall(value: Any) -> tuple[datetime, str]:
    """A DATE-TIME as wall time and the zone's name; a DATE as midnight of no zone, which fits nothing of ours."""
    moment = value.dt
    if not isinstance(moment, datetime):
        return datetime.combine(moment, time()), "date"
    named = value.params.get("TZID")
    if named is None and moment.tzinfo is not None:
        moment, named = moment.astimezone(UTC), "UTC"
    return moment.replace(tzinfo=None), str(named or "floating")


def ics(
    entries: Sequence[Entry], now: datetime, sequence: int = 0, keep: Component | None = None, name: str = ""
) -> bytes:
    """A calendar of these entries. `keep`: what stands there, whose other properties stay. `name`: its title."""
    calendar = Calendar()
    calendar.add("PRODID", PRODUCT)
    calendar.add("VERSION", "2.0")
    if name:
        calendar.add("X-WR-CALNAME", name)
        calendar.add("NAME", name)
    years: dict[str, list[int]] = {}
    for entry in entries:
        years.setdefault(entry.zone, []).append(entry.start.year)
    for named in sorted(years.keys() - {"UTC"}):
        calendar.add_component(time_zone(named, min(years[named]), now.year + YEARS_AHEAD))
    for entry in entries:
        calendar.add_component(_component(entry, now, sequence, keep))
    return bytes(calendar.to_ical())


def _component(entry: Entry, now: datetime, sequence: int, keep: Component | None) -> Event:
    event = Event()
    event.add("UID", entry.uid)
    event.add("DTSTAMP", now.astimezone(UTC).replace(microsecond=0))
    event.add("SEQUENCE", sequence)
    event.add("SUMMARY", entry.summary)
    _add_time(event, "DTSTART", entry.start, entry.zone)
    _add_time(event, "DTEND", entry.end, entry.zone)
    if entry.rule:
        event.add("RRULE", vRecur.from_ical(entry.rule))
    for moment in sorted(entry.excluded):
        _add_time(event, "EXDATE", moment, entry.zone)
    if entry.description:
        event.add("DESCRIPTION", entry.description)
    for detail in entry.details:
        event.add(DETAIL, detail)
    event.add(DIGEST, entry.digest())
    if keep is not None:
        for name, value in keep.items():
            if name not in OURS:
                event[name] = value
        event.subcomponents = list(keep.subcomponents)
    return event


def _add_time(event: Event, name: str, moment: datetime, zone: str) -> None:
    if zone == "UTC":
        event.add(name, moment.replace(tzinfo=UTC))
    else:
        event.add(name, moment, parameters={"TZID": zone})
