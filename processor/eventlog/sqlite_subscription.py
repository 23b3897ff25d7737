"""A consumer group's hold on one topic of the embedded log: all its partitions, as long as it lasts."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial

from processor.errors import RetryableError, Revoked
from processor.eventlog import Message, OnAssign, Record
from processor.eventlog.sqlite_commits import Commits
from processor.eventlog.sqlite_reader import PAGE_BYTES, PAGE_RECORDS, Reader, page


class Ahead:
    """What has been fetched of a partition and not yet delivered, and from where the next comes."""

    __slots__ = ("assigned", "buffer", "fetching", "number", "paused", "position", "size", "slot")

    def __init__(self, number: int, slot: int, position: int) -> None:
        self.number = number
        self.slot = slot
        self.position = position
        self.buffer: deque[Record] = deque()
        self.size = 0
        self.fetching = False
        self.paused = False
        self.assigned = False

    def room(self) -> bool:
        """Whether it pays to hold more."""
        return len(self.buffer) < PAGE_RECORDS and self.size < PAGE_BYTES

    def add(self, records: Sequence[Record]) -> None:
        """The next ones."""
        self.buffer.extend(records)
        self.size += _bytes(records)
        self.position = records[-1].offset + 1

    def take(self, limit: int) -> list[Record]:
        """The first ones, up to `limit`."""
        if limit >= len(self.buffer):
            taken = list(self.buffer)
            self.buffer.clear()
            self.size = 0
        else:
            taken = [self.buffer.popleft() for _ in range(limit)]
            self.size -= _bytes(taken)
        return taken


def _bytes(records: Sequence[Record]) -> int:
    return sum([len(record.message.value or b"") for record in records])


class SqliteSubscription:
    """Keeps the promises of `Subscription`. Revoked, once `close` was called."""

    def __init__(self, commits: Commits, reader: Reader, topic: str, group: str, committed: Mapping[int, int]) -> None:
        self._commits = commits
        self._reader = reader
        self._topic = topic
        self._group = group
        self._parts = [
            Ahead(number, commits.slot(topic, number), committed.get(number, 0)) for number in range(commits.partitions)
        ]
        self._turn = 0
        self._news = asyncio.Event()
        self._failure: RetryableError | None = None
        self._closed = False
        self._assigning: asyncio.Task[None] | None = None
        self._unassigned: Exception | None = None
        """Why the partitions that are not assigned yet never will be."""
        commits.listen(topic, self)

    async def begin(self, on_assign: OnAssign) -> None:
        """Returns when one partition is assigned; the others follow one by one, so that none waits for all.

        Those in which records wait come first. Raises what `on_assign` raises, for the others at the next poll.
        """
        await self._assign_next(on_assign)
        self._assigning = asyncio.get_running_loop().create_task(self._assign_all(on_assign))

    async def end(self) -> None:
        """No more are assigned."""
        if task := self._assigning:
            task.cancel()
            await asyncio.wait({task})

    async def _assign_next(self, on_assign: OnAssign) -> bool:
        """One in which records wait by now, if there is any. False when all are assigned."""
        left = [part for part in self._parts if not part.assigned]
        if not left:
            return False
        part = min(left, key=lambda part: part.position >= self._commits.ends(part.slot)[1])
        await on_assign((part.number,))
        part.assigned = True
        self.wake()
        return True

    async def _assign_all(self, on_assign: OnAssign) -> None:
        try:
            while await self._assign_next(on_assign):
                pass
        except Exception as error:
            self._unassigned = error
            self.wake()

    def close(self) -> None:
        """From now on nothing is delivered, appended or committed here."""
        self._closed = True
        self._commits.unlisten(self._topic, self)
        self.wake()

    async def poll(self, limit: int, timeout: float) -> Sequence[Record]:
        """As the protocol says. Raises `RetryableError` when the log cannot be read, `Revoked` after the end."""
        await asyncio.sleep(0 if limit else timeout)  # also gives the loop its turn beside an eager reader
        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout
        while limit:
            self._complain()
            self._news.clear()
            taken = self._take(limit)
            self._fetch_ahead()
            if taken:
                return taken
            if clock() >= deadline:
                break
            with suppress(TimeoutError):
                async with asyncio.timeout_at(deadline):
                    await self._news.wait()
        return ()

    def pause(self, partitions: Sequence[int]) -> None:
        """What was fetched of them waits here."""
        for number in partitions:
            self._parts[number].paused = True

    def resume(self, partitions: Sequence[int]) -> None:
        """Deliver them again."""
        for number in partitions:
            self._parts[number].paused = False
        self.wake()

    def holds(self, partition: int) -> bool:  # noqa: ARG002 - all or none
        """The lock on the file is ours, also while this process is stopped."""
        return not self._closed

    async def append(self, partition: int, messages: Sequence[Message]) -> None:
        """As the protocol says; one process owns all partitions, so only the end of the hold revokes one."""
        if self._closed:
            raise Revoked(f"{self._group} no longer holds partition {partition} of {self._topic}")
        await self._commits.write(messages)

    async def commit(self, offsets: Mapping[int, int], messages: Sequence[Message] = ()) -> None:
        """In one transaction."""
        if self._closed:
            if messages:
                raise Revoked(f"{self._group} no longer holds {self._topic}")
            return
        places = [(self._group, self._commits.slot(self._topic, number), n) for number, n in offsets.items()]
        if places or messages:
            await self._commits.write(messages, places)

    async def reached(self, positions: Mapping[int, int]) -> Mapping[int, int]:
        """Every offset is a record. What is not assigned yet will begin where it stands."""
        return {part.number: part.position for part in self._parts if not part.assigned} | dict(positions)

    def offer(self, record: Record) -> None:
        """Keep it when it is the next one and there is room; otherwise it will be read."""
        part = self._parts[record.partition]
        if part.assigned and part.position == record.offset and part.room():
            part.add((record,))

    def wake(self) -> None:
        """Let a waiting poll look again."""
        self._news.set()

    def _complain(self) -> None:
        if self._closed:
            raise Revoked(f"{self._group} no longer holds {self._topic}")
        self._commits.complain()
        if self._unassigned:
            raise self._unassigned
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _take(self, limit: int) -> list[Record]:
        """An equal share of each partition first, so that a long one starves nobody; then what is left."""
        ready = [part for part in self._rotated() if part.buffer and not part.paused]
        taken: list[Record] = []
        if ready:
            share = -(-limit // len(ready))
            for quota in (share, limit):
                for part in ready:
                    taken += part.take(min(quota, limit - len(taken)))
        return taken

    def _rotated(self) -> Sequence[Ahead]:
        self._turn = (self._turn + 1) % len(self._parts)
        return self._parts[self._turn :] + self._parts[: self._turn]

    def _fetch_ahead(self) -> None:
        for part in self._parts:
            _, end = self._commits.ends(part.slot)
            wanted = part.assigned and not part.fetching and not part.paused and len(part.buffer) < PAGE_RECORDS // 2
            if wanted and part.position < end:
                part.fetching = True
                self._reader.submit(
                    partial(
                        page,
                        topic=self._topic,
                        partition=part.number,
                        slot=part.slot,
                        start=part.position,
                        end=end,
                    ),
                    partial(self._fetched, part, end),
                    partial(self._failed, part),
                )

    def _fetched(self, part: Ahead, end: int, records: Sequence[Record]) -> None:
        part.fetching = False
        if records:
            part.add(records)
        else:  # compaction has emptied this stretch
            part.position = max(part.position, end)
        self.wake()

    def _failed(self, part: Ahead, error: RetryableError) -> None:
        part.fetching = False
        self._failure = error
        self.wake()
