"""What waits for one partition: one batch after another, each with all that came while the last was under way."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from processor.eventlog.kafka_records import Row, fill


@dataclass(slots=True, eq=False)
class Pending:
    """Bytes that wait for Kafka or are under way, in all lanes."""

    size: int = 0


@dataclass(slots=True, eq=False)
class Post:
    """One append: `done` is resolved when all its parts are acknowledged, and fails at `ends` on the loop's clock."""

    done: asyncio.Future[None]
    parts: int
    ends: float

    @property
    def given_up(self) -> bool:
        """Asked while something of it is not acknowledged: nobody waits for that any more."""
        return self.done.done()

    def landed(self) -> None:
        """One part is in the log."""
        self.parts -= 1
        if not self.parts and not self.done.done():
            self.done.set_result(None)

    def failed(self, error: Exception) -> None:
        """One part will never be, or came too late."""
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


@dataclass(slots=True, eq=False)
class Lane:
    """One partition's parts, oldest first. What is dropped or has landed is `pending` no more."""

    pending: Pending
    waiting: deque[Part] = field(default_factory=deque)
    flying: Flight | None = None
    since: float = 0
    """When the batch under way went out."""
    alone: int = 0
    """So many parts go out one by one, since one of them is refused."""

    def fill(self, batch: Any, timestamp: int) -> Flight:
        """As much as one batch takes, while none is under way. What nobody waits for any more is dropped."""
        flight: Flight = []
        while self.waiting:
            part = self.waiting[0]
            if part.post.given_up:
                self.waiting.popleft()
                self.pending.size -= part.size
                continue
            first = part.sent
            part.sent = fill(batch, part.rows, first, timestamp)
            if part.sent > first:
                flight.append((part, first, part.sent))
            if part.sent < len(part.rows):
                break
            self.waiting.popleft()
            if self.alone:
                self.alone -= 1
                break
        return flight

    def landed(self, flight: Flight) -> tuple[int, int]:
        """The batch is in the log: how many records, and how many of them nobody waited for any more."""
        self.flying = None
        records = ghosts = 0
        for part, first, following in flight:
            records += following - first
            if part.post.given_up:
                ghosts += following - first
            if following == len(part.rows):
                self.pending.size -= part.size
                part.post.landed()
        return records, ghosts

    def refuse(self, flight: Flight, error: Exception) -> None:
        """The one part of this batch will never be taken."""
        (part, _, _), *_ = flight
        self.flying = None
        if self.waiting and self.waiting[0] is part:
            self.waiting.popleft()
        self.pending.size -= part.size
        part.post.failed(error)

    def take_back(self) -> None:
        """What is under way did not land as far as we know: it goes first, as it was."""
        flight, self.flying = self.flying or [], None
        for part, first, _ in reversed(flight):
            part.sent = first
            if not self.waiting or self.waiting[0] is not part:
                self.waiting.appendleft(part)

    def expire(self, now: float, error: Callable[[], Exception]) -> None:
        """Whose time is up by `now` hears it. They all wait equally long, so the oldest are the first."""
        for part, _, _ in self.flying or ():
            if part.post.ends <= now:
                part.post.failed(error())
        for part in self.waiting:
            if part.post.ends > now:
                break
            part.post.failed(error())

    def sweep(self) -> None:
        """Drop what nobody waits for any more, but for what is under way in part."""
        under_way = self.flying[-1][0] if self.flying else None
        if any(part.post.given_up for part in self.waiting):
            dropped = [part for part in self.waiting if part.post.given_up and part is not under_way]
            self.waiting = deque(part for part in self.waiting if part is under_way or not part.post.given_up)
            self.pending.size -= sum(part.size for part in dropped)
