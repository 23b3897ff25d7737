"""The log's own words: what a record is, and the two protocols that every log keeps.

Only the engine speaks them; no handler sees a record. `sqlite.py` is the log in one file,
`kafka.py` the distributed one; both keep the promises of `tests/contract/test_eventlog.py`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import inf
from typing import NamedTuple, Protocol

NO_HEADERS: Mapping[str, str] = {}


class Message(NamedTuple):
    """Not yet in the log. `value` None deletes the key from a compacted topic (a tombstone)."""

    topic: str
    key: str
    value: bytes | None
    headers: Mapping[str, str] = NO_HEADERS


class Record(NamedTuple):
    """In the log: `offset` counts from 0 in its partition, `timestamp` is when it was appended (UTC)."""

    topic: str
    partition: int
    offset: int
    timestamp: datetime
    message: Message


@lru_cache(maxsize=1024)
def moment(milliseconds: int) -> datetime:
    """A record's timestamp, from how logs keep it. Those that were appended together have the same."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


@dataclass(frozen=True, slots=True)
class Topic:
    """What a topic promises: the last record of each key for ever (compact), or all records for a time."""

    name: str
    compact: bool = False
    retention: timedelta | None = None


Place = tuple[str, int]
"""A topic and one of its partitions."""

FIND_PAGE = 2_000


class Found(NamedTuple):
    """What a search found, in order within each place; and where it ended early, from which offset on it has looked."""

    records: Sequence[Record]
    back_to: Mapping[Place, int]

    @classmethod
    def within(cls, spans: Sequence[Span]) -> Found:
        """The sum of these."""
        records = [record for span in spans for record in span.found]
        return cls(records, {span.place: span.end for span in spans if span.end > span.start})


@dataclass(slots=True)
class Span:
    """What of a place is left to be searched, from `end` down to `stop`, and what was found above."""

    place: Place
    start: int
    stop: int
    end: int
    found: list[Record] = field(default_factory=list)

    @classmethod
    def newest(cls, most: int, place: Place, bounds: tuple[int, int]) -> Span:
        """The last `most` offsets of what is there."""
        start, end = bounds
        return cls(place, start, max(start, end - most), end)


def in_turn(spans: Sequence[Span], seconds: float) -> Iterator[Span]:
    """One of which something is left, then the next one, again and again, until all are done or the time is over."""
    deadline = time.monotonic() + seconds
    left = deque(span for span in spans if span.end > span.stop)
    while left and time.monotonic() < deadline:
        span = left.popleft()
        yield span
        if span.end > span.stop:
            left.append(span)


def is_of(record: Record, event_id: str) -> bool:
    """Whether it is this event, under its own id or a marked one (`<id>~…`), or was caused by it."""
    headers = record.message.headers
    own = headers.get("ce_id", "")
    return headers.get("ce_causationid") == event_id or own == event_id or own.startswith(f"{event_id}~")


OnAssign = Callable[[Sequence[int]], Awaitable[None]]
"""These partitions are now ours: rebuild what is known of them. Theirs is polled when it returns."""

OnRevoke = Callable[[Sequence[int]], Awaitable[Mapping[int, int]]]
"""These partitions are leaving: finish or drop their work, return the next offsets to commit."""


class Subscription(Protocol):
    """A consumer group's hold on one topic, as one member of the group."""

    async def poll(self, limit: int, timeout: float) -> Sequence[Record]:
        """Up to `limit` records, in order within a partition; empty after `timeout` seconds.

        Each is delivered once per assignment. `limit` 0 means "I am full": nothing is
        delivered, membership stays alive. Must be called at least every 30 seconds.
        """
        ...

    def pause(self, partitions: Sequence[int]) -> None:
        """Deliver nothing of these until `resume`; the others go on."""
        ...

    def resume(self, partitions: Sequence[int]) -> None:
        """Deliver these again, from where they stopped."""
        ...

    def holds(self, partition: int) -> bool:
        """Whether nobody else can have `partition` yet: asked before anything is done outside on its behalf.

        False may be temporary, where only the log's word is missing; it is true again, or the partition is revoked.
        """
        ...

    async def append(self, partition: int, messages: Sequence[Message]) -> None:
        """Append as the owner of `partition`. Raises `Revoked` when it is no longer ours."""
        ...

    async def commit(self, offsets: Mapping[int, int], messages: Sequence[Message] = ()) -> None:
        """Next offsets by partition and these messages together, or neither.

        Partitions that are no longer ours are ignored, unless messages come with them: then
        `Revoked`. An offset never moves back.
        """
        ...

    async def reached(self, positions: Mapping[int, int]) -> Mapping[int, int]:
        """These next offsets, moved past what holds no record: some logs keep marks of their own between records.

        To be compared with `EventLog.bounds`: nothing is left when they are equal. Partitions that are
        ours, but not yet assigned, may stand beside them.
        """
        ...


class EventLog(Protocol):
    """Partitioned topics. Every topic has `partitions` partitions; a key's is `partition_of` it."""

    @property
    def partitions(self) -> int:
        """How many partitions every topic has, fixed when the log was made."""
        ...

    @property
    def dense(self) -> bool:
        """Whether each offset once held a record. Where not, ends only tell how many there are at most."""
        return True

    def append(self, messages: Sequence[Message]) -> Awaitable[None]:
        """Durable when it has been awaited, in the given order within a partition; begun by the call itself or then.

        Raises `RetryableError` otherwise; some may have landed then, so a repeat must be harmless.
        """
        ...

    def subscribe(
        self, topic: str, group: str, on_assign: OnAssign, on_revoke: OnRevoke, *, pure: bool = True
    ) -> AbstractAsyncContextManager[Subscription]:
        """Join `group` on `topic` (one topic a group), from its committed offsets or the beginning.

        `pure` False: the group never commits messages together with offsets, which costs some logs less.

        Raises `FatalError` where the group allows one member only and another process is it.
        """
        ...

    def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[Record]:
        """The committed records with start <= offset < end that are still kept, in order."""
        ...

    async def find(
        self, event_id: str, places: Sequence[Place], most: int, seconds: float = inf, since: datetime | None = None
    ) -> Found:
        """The records of an event (`is_of`) among the newest `most` offsets of each place.

        A page of each place in turn, the newest first, for about `seconds`. What is older than `since`
        need not be looked at.
        """
        spans = [Span.newest(most, place, await self.bounds(*place)) for place in places]
        for span in in_turn(spans, seconds):
            page = max(span.stop, span.end - FIND_PAGE)
            records = [record async for record in self.read(*span.place, page, span.end)]
            span.found[:0] = [record for record in records if is_of(record, event_id)]
            span.end = span.stop if since and records and records[0].timestamp < since else page
        return Found.within(spans)

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset still kept, and the offset the next record will get. Cheap: asked often."""
        ...

    async def committed(self, group: str, topic: str) -> Mapping[int, int]:
        """The next offset of each partition that the group has committed for."""
        ...

    async def check(self) -> None:
        """Raise `RetryableError` with the reason when an append would fail now. Feeds readiness."""
        ...
