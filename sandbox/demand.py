"""How many contacts come, by the time of the floor's day: a Poisson process whose rate follows the hour."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from sandbox.names import EMAIL, QueueSpec

RAMP = 2 / 60
PEAKS = ((9 - 2 / 60, 9 + 28 / 60), (13.5, 14.25))
"""The busy times, in hours of the floor's day; the sandbox begins at nine, when the first has just set in."""
OPEN = (6.0, 15.0)
"""Sales and chat serve in these hours only; mail comes at all hours."""


def rate(queue: QueueSpec, hour: float) -> float:
    """Contacts an hour at this hour (0 to 24) of the floor's day."""
    if queue is not EMAIL and not OPEN[0] <= hour < OPEN[1]:
        return 0.0
    at_rest = queue.quiet * _daily(hour)
    return at_rest + (queue.busy - at_rest) * max(_plateau(hour, start, end) for start, end in PEAKS)


def _daily(hour: float) -> float:
    """A fifth at night, all of it from seven; after the morning's peak the hall is calmer than before it."""
    if hour < 7:
        return max(0.2, 1 - (7 - hour) * 0.4)
    if hour < PEAKS[0][1]:
        return 1.0
    return 0.75 if hour < 18 else 0.4


def _plateau(hour: float, start: float, end: float) -> float:
    return max(0.0, min(1.0, (hour - start) / RAMP, (end - hour) / RAMP))


@dataclass(frozen=True, slots=True)
class Arrival:
    """One contact as it will be, whatever the floor does: so two runs can be compared contact by contact."""

    at: float
    """Seconds since the midnight of the floor's first day."""
    handle: float
    patience: float
    billing: bool


class Arrivals:
    """The arrivals of one queue, in order, for ever; the same for the same seed."""

    def __init__(self, queue: QueueSpec, seed: int) -> None:
        self._queue = queue
        self._random = random.Random(f"{seed}/{queue.name}")
        self._at = 0.0

    def next(self) -> Arrival:
        """The next one (thinning: as many as at the busiest, then kept by the rate of the moment)."""
        most = max(self._queue.busy, self._queue.quiet) / 3600
        while True:
            self._at += self._random.expovariate(most)
            if self._random.random() * most * 3600 < rate(self._queue, self._at / 3600 % 24):
                return self._arrival()

    def _arrival(self) -> Arrival:
        chance, queue = self._random, self._queue
        handle = queue.handle_seconds * chance.lognormvariate(-0.125, 0.5)  # mean 1: -sigma²/2
        return Arrival(
            self._at,
            max(5.0, handle),
            -queue.patience_seconds * math.log(1 - chance.random()),
            chance.random() < queue.billing,
        )
