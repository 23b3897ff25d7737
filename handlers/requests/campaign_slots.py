"""The hours of a campaign schedule as somebody wrote them → its window in UTC and slots in its zone. Pure.

Everything that is wrong is told at once, so each step works with what the steps before could read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from handlers.normalise.recurrence import DAY, clock, instant, wall, weekdays
from handlers.requests.words import Problem
from processor.clients.genesys.jobs.campaigns import DAYS as NAMES
from processor.clients.genesys.jobs.campaigns import Slot, clock_text
from processor.errors import PoisonError
from processor.event import instant as written
from processor.timezones import Zone, to_utc, to_wall, zone

UTC_ZONE = zone("UTC")
LONGEST = timedelta(days=5 * 366)
MOST = 100


class BadSlots(Exception):
    """All that is wrong."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Drawn:
    """`end` is the first instant after it. `places[n]`: which entry of the file slot n came from."""

    start: datetime
    end: datetime
    time_zone: str
    slots: tuple[Slot, ...]
    places: tuple[str, ...]

    def words(self) -> dict[str, Any]:
        """As a request would say it, unmistakably: instants, whole clock times, full names of days."""
        return {
            "startDate": written(self.start),
            "endDate": written(self.end),
            "timezone": self.time_zone,
            "dailySlots": [slot_words(slot) for slot in self.slots],
        }


def slot_words(slot: Slot) -> dict[str, Any]:
    """As an entry of `dailySlots`."""
    return {
        "startTime": clock_text(slot.start),
        "endTime": clock_text(slot.end),
        "days": [NAMES[day] for day in slot.days],
    }


def draw(fields: Mapping[str, Any]) -> Drawn:
    """Reads raw fields. Raises `BadSlots` with every problem."""
    pen = _Pen(fields)
    where = pen.zone()
    start, end = (pen.edge(name, where or UTC_ZONE) for name in ("startDate", "endDate"))
    if where and start and end:
        pen.order(start, end)
    pieces = list(pen.pieces(where, start, end))
    pen.overlaps(pieces)
    if where and start and end and pieces and not pen.problems and not _ever(pieces, start, end, where):
        pen.say("dailySlots", "no slot falls between startDate and endDate", "name a day of the week between them")
    if pen.problems or where is None or start is None or end is None:
        raise BadSlots(pen.problems)
    return Drawn(start, end, where.key, tuple(slot for _, slot in pieces), tuple(place for place, _ in pieces))


Piece = tuple[str, Slot]


@dataclass(slots=True)
class _Pen:
    fields: Mapping[str, Any]
    problems: list[Problem] = field(default_factory=list)

    def say(self, place: str, message: str, remedy: str) -> None:
        self.problems.append(Problem(place, message, remedy))

    def zone(self, place: str = "timezone", name: object = None) -> Zone | None:
        """UTC when nothing is said; None, and told, for what is none."""
        try:
            return zone(name or self.fields.get("timezone") or "UTC", place)
        except PoisonError as error:
            message, _, meant = str(error).partition("; ")
            self.say(place, message, meant or "America/Chicago")
            return None

    def order(self, start: datetime, end: datetime) -> None:
        if start >= end:
            self.say("endDate", "it ends before it begins", "a date after startDate")
        elif end - start > LONGEST:
            self.say("endDate", "it is longer than five years", "a nearer end; hand in the next span when it begins")

    def edge(self, name: str, where: Zone) -> datetime | None:
        """A date alone as an end includes that day."""
        text = self.fields.get(name)
        try:
            shown, only_date = wall(text, name, where)
            if only_date and name == "endDate":
                return to_utc(shown + DAY, where)[0]
            return instant(text, name, where)[0]
        except PoisonError as error:
            self.say(name, str(error), "2026-07-01, or 2026-07-01T08:00:00, or with an offset")
            return None

    def pieces(self, where: Zone | None, start: datetime | None, end: datetime | None) -> Iterator[Piece]:
        """The slots in the campaign's zone, as far as that is known, each with its place.

        What cannot be read is told and left out.
        """
        entries = self.fields.get("dailySlots")
        listed = entries if isinstance(entries, list | tuple) else None
        if listed is not None and not 0 < len(listed) <= MOST:
            self.say("dailySlots", f"there are {len(listed)} of them", f"1 to {MOST}")
        for number, entry in enumerate((listed or ())[:MOST]):
            place = f"dailySlots[{number}]"
            slot = self._slot(entry, place) if isinstance(entry, Mapping) else None
            if slot is None:
                continue
            name = entry.get("timezone")
            there = self.zone(f"{place}.timezone", name) if name else None
            if not name or (there and there is where):
                yield place, slot
            elif there and where and start and end:
                yield from self._moved(place, slot, there, where, (start, end))

    def _slot(self, entry: Mapping[str, Any], place: str) -> Slot | None:
        before = len(self.problems)
        start, end = self._clock(entry, f"{place}.startTime"), self._clock(entry, f"{place}.endTime")
        days = self._days(entry, f"{place}.days")
        if start is not None and end is not None and start >= end:
            remedy = "an end after the start; hours over midnight are two slots, up to 24:00 and from 00:00"
            self.say(
                f"{place}.endTime", f"it ends at {clock_text(end)}, not after its start at {clock_text(start)}", remedy
            )
        if start is None or end is None or days is None or len(self.problems) > before:
            return None
        return Slot(days, start, end)

    def _clock(self, entry: Mapping[str, Any], place: str) -> timedelta | None:
        value = entry.get(place.rpartition(".")[2])
        if value is None:
            return None
        try:
            return clock(value, place)
        except PoisonError as error:
            self.say(place, str(error), "09:00 or 09:00:00, up to 24:00")
            return None

    def _days(self, entry: Mapping[str, Any], place: str) -> tuple[int, ...] | None:
        value = entry.get("days")
        if value is None:
            return None
        try:
            found = weekdays(value, place)
        except PoisonError as error:
            self.say(place, str(error), f"some of {', '.join(NAMES)}")
            return None
        if not found:
            self.say(place, "no day is named", f"some of {', '.join(NAMES)}")
        return found or None

    def _moved(
        self, place: str, slot: Slot, there: Zone, where: Zone, window: tuple[datetime, datetime]
    ) -> Iterator[Piece]:
        """Hours on the clocks of one zone as another's show them, if that is the same on every day of the window."""
        shown: dict[tuple[timedelta, timedelta], datetime] = {}
        when, last = to_wall(window[0], there), to_wall(window[1], there)
        midnight = datetime.combine(when.date(), time())
        while midnight <= last:
            if midnight.weekday() in slot.days:
                shift = to_wall(to_utc(midnight + slot.start, there)[0], where) - midnight
                ends = to_wall(to_utc(midnight + slot.end, there)[0], where) - midnight
                shown.setdefault((shift, ends), midnight)
            midnight += DAY
        if len(shown) > 1:
            since = sorted(shown.values())[1].date()
            message = f"the clocks of {there.key} and {where.key} do not differ by the same from {since} on"
            remedy = f"two requests: one that ends on {since - DAY}, one that begins then"
            self.say(f"{place}.timezone", message, remedy)
            return
        for start, ends in shown:
            yield from ((place, one) for one in _split(slot.days, start, ends))

    def overlaps(self, pieces: Sequence[Piece]) -> None:
        """Two slots of one day that share time, each pair once, with the first day on which they do."""
        for index, (place, one) in enumerate(pieces):
            for other_place, other in pieces[:index]:
                days = sorted(set(one.days) & set(other.days))
                if days and one.start < other.end and other.start < one.end:
                    self.say(
                        place,
                        f"on {NAMES[days[0]]} {clock_text(one.start)} to {clock_text(one.end)} overlaps with "
                        f"{other_place}, {clock_text(other.start)} to {clock_text(other.end)}",
                        f"a start at {clock_text(other.end)} or later, or an end by {clock_text(other.start)}",
                    )


def _split(days: tuple[int, ...], start: timedelta, end: timedelta) -> Iterator[Slot]:
    """Hours that may lie on the day before or after, cut at midnight."""
    while start < end:
        step = start // DAY
        stop = min(end, (step + 1) * DAY)
        moved = tuple(sorted((day + step) % 7 for day in days))
        yield Slot(moved, start - step * DAY, stop - step * DAY)
        start = stop


def _ever(pieces: Sequence[Piece], start: datetime, end: datetime, where: Zone) -> bool:
    first, last = to_wall(start, where), to_wall(end, where)
    midnight = datetime.combine(first.date(), time())
    for _ in range(8):
        for _, slot in pieces:
            opens, closes = midnight + slot.start, midnight + slot.end
            if midnight.weekday() in slot.days and opens < last and closes > first:
                return True
        midnight += DAY
    return False
