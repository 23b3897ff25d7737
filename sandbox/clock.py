"""The sandbox's own clock: it starts in the past, runs fast until it has caught up with now, then runs as clocks do."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class SimClock:
    """Monotone. `catch_up`: real seconds after which it shows the real time, however fast it ran until then."""

    def __init__(self, speed: float, catch_up: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._speed = speed
        self._catch_up = catch_up if speed > 1 else 0.0
        self._started = monotonic()
        self._jumped = timedelta()
        self.begin = datetime.now(UTC) - timedelta(seconds=(speed - 1) * self._catch_up)
        """What it showed at first."""

    def now(self) -> datetime:
        """What it shows."""
        real = self._monotonic() - self._started
        fast = min(real, self._catch_up)
        return self.begin + timedelta(seconds=fast * self._speed + (real - fast)) + self._jumped

    def speed(self) -> float:
        """How many of its seconds pass in a real one, at this moment."""
        return self._speed if self._monotonic() - self._started < self._catch_up else 1.0

    def jump(self, by: timedelta) -> None:
        """Let time pass at once (for tests); it stays ahead by as much."""
        self._jumped += by


def stamp(moment: datetime) -> str:
    """As Genesys writes times: UTC, milliseconds, Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def parse(text: str) -> datetime:
    """Read a time with its zone back. Raises ValueError when it is none."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no zone")
    return moment.astimezone(UTC)
