"""How fast may we ask? Slows down before the far side has to say no, and stays away as long as it said."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from processor.errors import RetryableError

RESERVE = 0.2
"""From this share of the allowance on, what is left is spread over the time until it is renewed."""
URGENT = 0.2
"""The share of the budget that only what is urgent may use: however much else waits, it is at hand."""
MINUTE = 61.0
"""Seconds over which the budget holds: one more than theirs, for what is delayed on its way."""


@dataclass(frozen=True, slots=True)
class Time:
    """The clocks of a client, so that tests bring their own."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Budget:
    """So many departures in any minute. Once half of them are gone within one, the others are spread evenly."""

    def __init__(self, most: int) -> None:
        self._most = max(1, most)
        self._departures: deque[float] = deque(maxlen=self._most)

    def earliest(self, now: float) -> float:
        """When the next may leave; never before one that has its time already."""
        gone = self._departures
        if not gone:
            return now
        at = max(now, gone[-1])
        half = self._most // 2 + 1
        if len(gone) >= half and gone[-half] > now - MINUTE:
            at = max(at, gone[-1] + MINUTE / self._most)
        return max(at, gone[0] + MINUTE) if len(gone) == self._most else at

    def take(self, at: float) -> None:
        """One leaves then."""
        self._departures.append(at)


class Pace:
    """Times between requests to one far side, all callers together.

    With `per_minute` there are two budgets that never exceed it together: what is urgent has one to
    itself, and the other's next turn where that comes sooner.
    """

    def __init__(
        self, name: str, clocks: Time, per_second: float | None, patience: float, per_minute: int | None = None
    ) -> None:
        """`patience`: a turn farther away than this is not waited for here but told to the caller.

        It does not hold for the turns of the budget: those pass in order, at a known rate.
        """
        self._name = name
        self._patience = patience
        self._monotonic = clocks.monotonic
        self._sleep = clocks.sleep
        self._least = 1 / per_second if per_second else 0.0
        self._gap = self._least
        self._due = 0.0
        self._held = 0.0
        reserved = round(per_minute * URGENT) if per_minute else 0
        self._urgent = Budget(reserved) if per_minute else None
        self._others = Budget(per_minute - reserved) if per_minute else None

    async def turn(self, *, urgent: bool = False) -> None:
        """Wait until one more request is welcome. Raises `RetryableError` when that is too far away."""
        while True:
            now = self._monotonic()
            at = self._reserve(now, urgent=urgent)
            if at > now:
                await self._sleep(at - now)
            if self._held <= self._monotonic():  # else we were told to stay away while we waited
                return

    def _reserve(self, now: float, *, urgent: bool) -> float:
        at = max(now, self._held)
        self._check(at - now)
        budget = self._others
        if budget is not None and self._urgent is not None and urgent:
            budget = min(self._urgent, budget, key=lambda one: one.earliest(at))
        budgeted = budget.earliest(at) if budget else at
        due = at if urgent else self._due
        if due > budgeted:
            self._check(due - now)
        at = max(due, budgeted)
        if budget:
            budget.take(at)
        if not urgent:
            self._due = at + self._gap
        return at

    def _check(self, wait: float) -> None:
        if wait > self._patience:
            raise RetryableError(
                f"{self._name} allows no request for another {wait:.0f} s", timedelta(seconds=round(wait, 3))
            )

    def hold(self, seconds: float) -> None:
        """The far side said how long to stay away."""
        self._held = max(self._held, self._monotonic() + seconds)

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
