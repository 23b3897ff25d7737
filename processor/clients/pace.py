"""How fast may we ask? Slows down before the far side has to say no, and stays away as long as it said."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from processor.errors import RetryableError

RESERVE = 0.2
"""From this share of the allowance on, what is left is spread over the time until it is renewed."""


@dataclass(frozen=True, slots=True)
class Time:
    """The clocks of a client, so that tests bring their own."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Pace:
    """Times between requests to one far side, all callers together."""

    def __init__(self, name: str, clocks: Time, per_second: float | None, patience: float) -> None:
        """`patience`: a turn farther away than this is not waited for here but told to the caller."""
        self._name = name
        self._patience = patience
        self._monotonic = clocks.monotonic
        self._sleep = clocks.sleep
        self._least = 1 / per_second if per_second else 0.0
        self._gap = self._least
        self._next = 0.0

    async def turn(self) -> None:
        """Wait until one more request is welcome. Raises `RetryableError` when that is too far away."""
        now = self._monotonic()
        wait = self._next - now
        if wait > self._patience:
            raise RetryableError(
                f"{self._name} allows no request for another {wait:.0f} s", timedelta(seconds=round(wait, 3))
            )
        self._next = max(self._next, now) + self._gap
        if wait > 0:
            await self._sleep(wait)

    def hold(self, seconds: float) -> None:
        """The far side said how long to stay away."""
        self._next = max(self._next, self._monotonic() + seconds)

    def allowance(self, used: float, allowed: float, reset: float) -> None:
        """What an answer said of its rate limit: `used` of `allowed`, renewed in `reset` seconds."""
        left = allowed - used
        if left <= 0:
            self.hold(reset)
            self._gap = self._least
        elif left < RESERVE * allowed:
            self._gap = max(self._least, reset / left)
        else:
            self._gap = self._least
