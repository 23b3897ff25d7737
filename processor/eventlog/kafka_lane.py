"""What waits for one partition: one batch after another, each with all that came while the last was under way."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from processor.eventlog.kafka_records import Row


@dataclass(slots=True, eq=False)
class Post:
    """One append: `done` is resolved when all its parts are acknowledged."""

    done: asyncio.Future[None]
    parts: int
    given_up: bool = False

    def landed(self) -> None:
        """One part is in the log."""
        self.parts -= 1
        if not self.parts and not self.done.done():
            self.done.set_result(None)

    def failed(self, error: Exception) -> None:
        """One part will never be."""
        if not self.done.done():
            self.done.set_exception(error)


@dataclass(slots=True, eq=False)
class Part:
    """The rows of one append for one partition; `sent`: how many of them are in batches."""

    post: Post
    rows: Sequence[Row]
    size: int
    sent: int = 0


Flight = list[tuple[Part, int, int]]
"""Part, and which of its rows (from, to) are in the batch."""


@dataclass(slots=True)
class Lane:
    """One partition's parts, oldest first."""

    waiting: deque[Part] = field(default_factory=deque)
    flying: Flight | None = None
    since: float = 0
    """When the batch under way went out."""
    alone: int = 0
    """So many parts go out one by one, since one of them is refused."""

    def fill(self, batch: Any, timestamp: int) -> Flight:
        """As much as one batch takes. What nobody waits for any more, and has not begun, is dropped."""
        flight: Flight = []
        while self.waiting:
            part = self.waiting[0]
            first = part.sent
            for row in part.rows[first:]:
                if batch.append(timestamp=timestamp, key=row.key, value=row.value, headers=row.headers) is None:
                    break
                part.sent += 1
            if part.sent > first:
                flight.append((part, first, part.sent))
            if part.sent < len(part.rows):
                break
            self.waiting.popleft()
            if self.alone:
                self.alone -= 1
                break
        return flight

    def take_back(self, flight: Flight) -> None:
        """It did not land as far as we know: it goes first, as it was."""
        for part, first, _ in reversed(flight):
            part.sent = first
            if not self.waiting or self.waiting[0] is not part:
                self.waiting.appendleft(part)

    def drop(self, part: Part) -> bool:
        """Take out what has not begun; False when it has."""
        if part.sent or part not in self.waiting:
            return False
        self.waiting.remove(part)
        return True
