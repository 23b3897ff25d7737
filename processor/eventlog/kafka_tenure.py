"""Until when nobody else can have our partitions: proven by commits, which Kafka takes of present members only.

A member that Kafka has heard of is waited for a whole session before others get what it holds (unless it has a name
that the next one bears: so it has none), and one that runs gives it back itself before that. What is proven is
counted from before the question, and a part of the session is left for what is on its way meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from math import inf

from processor.errors import RetryableError

PROVEN = 5 / 6
"""Of the session."""
ASKED_AGAIN = 1 / 6
ANSWERED_WITHIN = 5.0
"""Seconds that who gives back waits for a proof: a broker that is there takes milliseconds."""

CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def since_boot() -> float:
    """Seconds, also those for which the machine was suspended: Kafka did not stand still meanwhile."""
    return time.clock_gettime(CLOCK)


class Tenure:
    """Of one consumer."""

    def __init__(
        self,
        prove: Callable[[], Awaitable[None]],
        session: float,
        generation: Callable[[], int],
        clock: Callable[[], float] = since_boot,
    ) -> None:
        """`prove` commits what is committed already; `session` in seconds; no member's `generation` is below 1."""
        self._prove = prove
        self._session = session
        self._clock = clock
        self._generation = generation
        self._proven = -inf
        self._under = 0
        self._proving: asyncio.Task[None] | None = None

    @property
    def valid(self) -> bool:
        """Whether what is ours is nobody else's yet."""
        return self._generation() == self._under and self._clock() - self._proven < self._session * PROVEN

    @contextmanager
    def proof(self) -> Iterator[None]:
        """Round a commit: if it succeeds we were a member when it was asked for.

        Not so under no generation: a group that has lost all its members takes commits of anybody.
        """
        asked, under = self._clock(), self._generation()
        yield
        if 0 < under == self._generation():
            self._proven, self._under = asked, under

    def keep(self) -> None:
        """Call it often: it asks for another proof when it is time, and waits for none."""
        due = self._clock() - self._proven > self._session * ASKED_AGAIN
        if due and (self._proving is None or self._proving.done()):
            self._proving = asyncio.get_running_loop().create_task(self._ask(), name="tenure")

    async def end(self) -> None:
        """No more questions. One that was asked is answered: the client would go on with it."""
        if self._proving:
            await asyncio.wait({self._proving}, timeout=ANSWERED_WITHIN)
            self._proving.cancel()
            await asyncio.wait({self._proving})

    async def _ask(self) -> None:
        with suppress(RetryableError):  # then it lapses
            await self._prove()
