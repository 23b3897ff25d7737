"""A log in memory that keeps the protocol's promises and fails when it is told to: the seam for engine tests."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

from processor.errors import Revoked
from processor.eventlog import EventLog, Message, OnAssign, OnRevoke, Record, Subscription
from processor.eventlog.partitions import partition_of


class MemoryLog(EventLog):
    def __init__(self, partitions: int = 4, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._partitions = partitions
        self._now = now
        self._records: dict[tuple[str, int], list[Record]] = defaultdict(list)
        self._offsets: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
        self.news = asyncio.Event()
        self.failing: deque[tuple[str, Exception, bool]] = deque()
        """(append or commit, what to raise, whether it lands all the same): the next ones, in order."""
        self.members: dict[str, tuple[MemorySubscription, OnAssign, OnRevoke]] = {}
        self.commits: list[tuple[Mapping[int, int], Sequence[Message]]] = []

    def fail(self, what: str, error: Exception, *, landed: bool = False) -> None:
        self.failing.append((what, error, landed))

    def write(self, what: str, messages: Sequence[Message], effect: Callable[[], None] = lambda: None) -> None:
        error = None
        landed = True
        if self.failing and self.failing[0][0] == what:
            _, error, landed = self.failing.popleft()
        if landed:
            for message in messages:
                partition = partition_of(message.key, self._partitions)
                records = self._records[message.topic, partition]
                records.append(Record(message.topic, partition, len(records), self._now(), message))
            effect()
            self.news.set()
        if error:
            raise error

    def all(self, topic: str) -> list[Record]:
        return [record for p in range(self._partitions) for record in self._records[topic, p]]

    def tamper(self, topic: str, record: Record, change: Record | None) -> None:
        records = self._records[topic, record.partition]
        at = next(i for i, kept in enumerate(records) if kept.offset == record.offset)
        records[at : at + 1] = [change] if change else []

    @property
    def partitions(self) -> int:
        return self._partitions

    async def append(self, messages: Sequence[Message]) -> None:
        await asyncio.sleep(0)
        self.write("append", messages)

    @asynccontextmanager
    async def subscribe(
        self, topic: str, group: str, on_assign: OnAssign, on_revoke: OnRevoke, *, pure: bool = True
    ) -> AsyncIterator[Subscription]:
        everything = range(self._partitions)
        await on_assign(everything)
        subscription = MemorySubscription(self, topic, group)
        self.members[group] = (subscription, on_assign, on_revoke)
        try:
            yield subscription
        finally:
            await subscription.commit(await on_revoke(sorted(subscription.owned)))
            subscription.closed = True

    async def take_away(self, group: str, partitions: Sequence[int]) -> None:
        """A rebalance: these go, what the member returns for them is committed."""
        subscription, _, on_revoke = self.members[group]
        subscription.owned -= set(partitions)
        await subscription.commit(await on_revoke(partitions))

    async def give_back(self, group: str, partitions: Sequence[int]) -> None:
        """And come again, from what is committed."""
        subscription, on_assign, _ = self.members[group]
        await on_assign(partitions)
        subscription.rewind(partitions)

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[Record]:
        for record in list(self._records[topic, partition]):
            if start <= record.offset < end:
                await asyncio.sleep(0)
                yield record

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        records = self._records[topic, partition]
        return 0, records[-1].offset + 1 if records else 0

    async def committed(self, group: str, topic: str) -> Mapping[int, int]:
        return dict(self._offsets[group, topic])

    async def check(self) -> None:
        return


class MemorySubscription:
    def __init__(self, log: MemoryLog, topic: str, group: str) -> None:
        self._log = log
        self._topic = topic
        self._committed = log._offsets[group, topic]
        self._positions = {p: self._committed.get(p, 0) for p in range(log.partitions)}
        self.owned = set(self._positions)
        self.paused: set[int] = set()
        self.closed = False
        self.known = True
        """Whether the log has said lately what is ours."""

    async def poll(self, limit: int, timeout: float) -> Sequence[Record]:
        await asyncio.sleep(0)
        self._log.news.clear()
        if not (found := self._take(limit)):
            with suppress(TimeoutError):
                async with asyncio.timeout(min(timeout, 0.01)):
                    await self._log.news.wait()
            found = self._take(limit)
        return found

    def _take(self, limit: int) -> list[Record]:
        found: list[Record] = []
        for partition, position in self._positions.items():
            if partition in self.owned - self.paused:
                found += [r for r in self._log._records[self._topic, partition] if r.offset >= position]
        found = found[:limit]
        for record in found:
            self._positions[record.partition] = record.offset + 1
        return found

    async def reached(self, positions: Mapping[int, int]) -> Mapping[int, int]:
        return positions

    def rewind(self, partitions: Sequence[int]) -> None:
        self._positions |= {p: self._committed.get(p, 0) for p in partitions}
        self.owned |= set(partitions)
        self._log.news.set()

    def pause(self, partitions: Sequence[int]) -> None:
        self.paused |= set(partitions)

    def resume(self, partitions: Sequence[int]) -> None:
        self.paused -= set(partitions)

    def holds(self, partition: int) -> bool:
        return not self.closed and self.known and partition in self.owned

    async def append(self, partition: int, messages: Sequence[Message]) -> None:
        await asyncio.sleep(0)
        if self.closed or partition not in self.owned:
            raise Revoked("closed")
        self._log.write("append", messages)

    async def commit(self, offsets: Mapping[int, int], messages: Sequence[Message] = ()) -> None:
        await asyncio.sleep(0)

        def move() -> None:
            for partition, offset in offsets.items():
                self._committed[partition] = max(offset, self._committed.get(partition, 0))
            self._log.commits.append((dict(offsets), tuple(messages)))

        self._log.write("commit", messages, move)
