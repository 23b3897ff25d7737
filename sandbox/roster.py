"""Who works when: the shifts of every agent, as the WFM of the sandbox's organisation has planned and edited them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sandbox.names import Agent, uid

OPENS = timedelta(hours=9)
"""What the floor's own clock shows at the beginning: its day is turned so that the busy hour follows at once."""
WORK, BREAK, MEAL = "0", "1", "2"


@dataclass(frozen=True, slots=True)
class Part:
    """An activity within a shift. `code` is the activity code's id."""

    start: datetime
    minutes: int
    code: str

    @property
    def end(self) -> datetime:
        """When it is over."""
        return self.start + timedelta(minutes=self.minutes)


@dataclass(frozen=True, slots=True)
class Shift:
    """One shift of one agent; its parts cover it without gaps."""

    id: str
    parts: tuple[Part, ...]
    edited: bool = False

    @property
    def start(self) -> datetime:
        """When it begins."""
        return self.parts[0].start

    @property
    def end(self) -> datetime:
        """When it is over."""
        return self.parts[-1].end


class Roster:
    """Shifts repeat daily by crew; `edit` replaces single ones."""

    def __init__(self, begin: datetime) -> None:
        """`begin`: the sandbox's clock at its start, which is nine o'clock on the floor."""
        self.midnight = (begin - OPENS).replace(second=0, microsecond=0)
        """The beginning of the floor's first day."""
        self._edited: dict[str, Shift | None] = {}

    def day(self, moment: datetime) -> int:
        """The number of the floor's day; the first is 0."""
        return math.floor((moment - self.midnight) / timedelta(days=1))

    def shift(self, agent: Agent, day: int) -> Shift | None:
        """This agent's shift on this day of the floor; None when it was taken out."""
        name = uid("shift", f"{agent.id}/{self.midnight.date() + timedelta(days=day)}")
        return self._edited[name] if name in self._edited else self._planned(name, agent, day)

    def _planned(self, name: str, agent: Agent, day: int) -> Shift:
        start = self.midnight + timedelta(days=day, hours=agent.crew.starts)
        whole = round(agent.crew.hours * 60)
        late = int(agent.id[:2], 16) % 4 * 30  # pauses are spread, or the floor would stand empty at once
        pauses = ((BREAK, 50 + late // 2, 15), (MEAL, whole // 2 + late, 30))
        parts: list[Part] = []
        at = 0
        for code, begins, minutes in pauses:
            parts.append(Part(start + timedelta(minutes=at), begins - at, WORK))
            parts.append(Part(start + timedelta(minutes=begins), minutes, code))
            at = begins + minutes
        parts.append(Part(start + timedelta(minutes=at), whole - at, WORK))
        return Shift(name, tuple(parts))

    def between(self, agent: Agent, start: datetime, end: datetime) -> Iterator[Shift]:
        """The shifts that touch [start, end), in order."""
        for day in range(self.day(start) - 2, self.day(end) + 2):
            shift = self.shift(agent, day)
            if shift and shift.start < end and shift.end > start:
                yield shift

    def move(self, agent: Agent, day: int, by: timedelta) -> Shift:
        """Edit: the whole shift begins later (or earlier). Raises KeyError when there is none."""
        shift = self.shift(agent, day)
        if shift is None:
            raise KeyError(f"{agent.name} has no shift on day {day}")
        parts = tuple(replace(part, start=part.start + by) for part in shift.parts)
        self._edited[shift.id] = moved = Shift(shift.id, parts, edited=True)
        return moved

    def remove(self, agent: Agent, day: int) -> None:
        """Edit: the shift is taken out."""
        shift = self.shift(agent, day)
        if shift is not None:
            self._edited[shift.id] = None
