"""Between which hours of an agent's day others than he may change his presence. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from typing import Self


@dataclass(frozen=True, slots=True)
class Hours:
    """Both seconds belong to it. `first` later than `last`: over midnight.

    The guide compares whole hours, 8 up to and including 20 (G5, step 1): that is until 20:59:59.
    """

    first: time = time(8)
    last: time = time(20, 59, 59)

    @classmethod
    def read(cls, text: str) -> Self:
        """`08:00:00-20:59:59`, with or without the seconds; `22:00-06:00` is a night."""
        first, _, last = text.partition("-")
        return cls(time.fromisoformat(first.strip()), time.fromisoformat(last.strip()))

    def __str__(self) -> str:
        """As it is read."""
        return f"{self.first:%H:%M:%S}-{self.last:%H:%M:%S}"

    def admits(self, wall: datetime) -> bool:
        """Whether this is within, by what the agent's clock shows."""
        shown = wall.time().replace(microsecond=0)
        if self.first <= self.last:
            return self.first <= shown <= self.last
        return shown >= self.first or shown <= self.last
