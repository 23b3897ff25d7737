"""Between the event loop and the writer: what waits for the disk, and what the log holds so far.

What this process appended is handed to its own subscriptions as it is; only what they have missed is read back.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from processor.errors import FatalError, ProcessorError, RetryableError
from processor.eventlog import Message, Record, moment
from processor.eventlog.sqlite_rows import encode
from processor.eventlog.sqlite_schema import OFFSET_BITS, OFFSET_MASK, PARTITION_BITS, free_space, slot_of
from processor.eventlog.sqlite_writer import Batch, Work, Writer
from processor.telemetry import Metrics

HAND_OVER_AT = 128
"""So many go to the disk even while it is at work: the loop answers some senders while it takes the others' posts."""

GATHERED_TURNS = 3
"""Senders that were answered together come again together, if not in one turn of the loop: one fsync serves all."""

MOST_WAITING_BYTES = 64 * 1024 * 1024
CHECKED_FOR_SECONDS = 1.0
CHECK_SECONDS = 5
START_SECONDS = 10
PARTITION_MASK = (1 << PARTITION_BITS) - 1


class Listener(Protocol):
    """Wants to know of new records of a topic. Both are called on the loop and return at once."""

    def offer(self, record: Record) -> None:
        """A record that this process has just committed, in order."""
        ...

    def wake(self) -> None:
        """There may be more than before, by whomever."""
        ...


class Commits:
    """Takes messages and offsets, gives them to the writer by the batch, and keeps the ends."""

    def __init__(
        self,
        path: Path,
        topics: Mapping[str, int],
        partitions: int,
        now: Callable[[], datetime],
        *,
        release: Callable[[], None],
        metrics: Metrics,
    ) -> None:
        """`release`: as the writer wants it."""
        self.partitions = partitions
        self._path = path
        self._topics = topics
        self._loop = asyncio.get_running_loop()
        self._writer = Writer(path, now, self._loop, self._report, release)
        self._metrics = metrics
        self._lost = ""
        self._waiting: list[Work] = []
        self._gathering = False
        self._writing = 0
        self._waiting_bytes = 0
        self._ends: dict[int, tuple[int, int]] = {}
        self._known = asyncio.Event()
        self._listeners: dict[str, list[Listener]] = {}
        self._last_success = -CHECKED_FOR_SECONDS

    async def start(self) -> None:
        """Returns when the ends are known. Raises `FatalError` when the file cannot be read by then."""
        self._writer.start()
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._known.wait()
        except TimeoutError:
            raise FatalError(f"event log {self._path} could not be read within {START_SECONDS} s") from None

    async def stop(self) -> None:
        """Returns when everything that was taken is on disk or refused."""
        self._flush()
        await asyncio.to_thread(self._writer.stop)

    def slot(self, topic: str, partition: int) -> int:
        """Raises `FatalError` for a topic that this log was not opened with."""
        number = self._topics.get(topic)
        if number is None or not 0 <= partition < self.partitions:
            raise FatalError(f"event log {self._path} has no partition {partition} of a topic {topic!r}")
        return slot_of(number, partition)

    def ends(self, slot: int) -> tuple[int, int]:
        """The first offset still kept and the next one, as far as this process knows by now."""
        return self._ends[slot]

    def complain(self) -> None:
        """Raise `FatalError` when the file has lost what was acknowledged: those who remember more must start anew."""
        if self._lost:
            raise FatalError(self._lost)

    def listen(self, topic: str, listener: Listener) -> None:
        """From the next commit on."""
        self._listeners.setdefault(topic, []).append(listener)

    def unlisten(self, topic: str, listener: Listener) -> None:
        """The opposite."""
        self._listeners[topic].remove(listener)

    async def write(
        self,
        messages: Sequence[Message] = (),
        offsets: Sequence[tuple[str, int, int]] = (),
        action: Callable[[sqlite3.Connection], None] | None = None,
    ) -> None:
        """All of it in one transaction, on disk when it returns.

        `offsets` are (group, slot, next); `action` runs in the writer's thread and must be short.
        Raises `RetryableError`, or `PoisonError` for what cannot be written at all.
        """
        await self.begin(messages, offsets, action)

    def begin(
        self,
        messages: Sequence[Message] = (),
        offsets: Sequence[tuple[str, int, int]] = (),
        action: Callable[[sqlite3.Connection], None] | None = None,
    ) -> asyncio.Future[None]:
        """As `write`, but it does not wait: the future is done when all of it is on disk."""
        done: asyncio.Future[None] = self._loop.create_future()
        try:
            rows, size = encode(messages, self._topics, self.partitions, self._path)
            self._make_room(size)
        except ProcessorError as error:
            done.set_exception(error)
            return done
        work = Work(done, rows, offsets, action, size)
        self._waiting.append(work)
        if len(self._waiting) >= HAND_OVER_AT:
            self._flush()
        elif not (self._gathering or self._writing):
            self._gathering = True
            self._loop.call_soon(self._gather, GATHERED_TURNS, 0)
        return done

    def _make_room(self, size: int) -> None:
        if self._waiting_bytes + size > MOST_WAITING_BYTES and self._waiting_bytes:
            raise RetryableError(f"event log {self._path}: {self._waiting_bytes >> 20} MiB wait for the disk already")
        self._waiting_bytes += size

    async def check(self) -> None:
        """A real write, unless one has succeeded within the last second. Raises `RetryableError`."""
        free_space(self._path)
        if self._loop.time() - self._last_success < CHECKED_FOR_SECONDS:
            return
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await self.write(action=_touch)
        except TimeoutError:
            raise RetryableError(
                f"event log {self._path}: the disk has not answered for {CHECK_SECONDS} s: check the disk"
            ) from None

    def _gather(self, turns: int, before: int) -> None:
        """Hand over what waits, unless this turn of the loop has brought more of it and another is allowed."""
        waiting = len(self._waiting)
        if turns and waiting > before:
            self._loop.call_soon(self._gather, turns - 1, waiting)
        else:
            self._gathering = False
            self._flush()

    def _flush(self) -> None:
        works, self._waiting = self._waiting, []
        if works:
            self._writing += len(works)
            self._writer.put(works)

    def _report(self, batch: Batch) -> None:
        if batch.ends is not None:
            self._ends = dict(batch.ends)
            self._known.set()
        if batch.lost:
            self._lost = str(batch.error)
        counts = Counter([message.topic for work in batch.works for _, _, message in work.rows])
        if batch.error is None:
            self._take_over(batch, counts)
        self._wake(counts if batch.ends is None and not batch.lost else self._listeners)
        for work in batch.works:
            self._waiting_bytes -= work.size
            if work.done.done():  # its caller has gone; the record is in the log all the same
                continue
            if batch.error is not None:
                work.done.set_exception(batch.error)
            else:
                work.done.set_result(None)
        if batch.works:
            self._writing -= len(batch.works)
            self._go_on()
            self._count(batch, counts)
            self._last_success = -CHECKED_FOR_SECONDS if batch.error else self._loop.time()

    def _go_on(self) -> None:
        """With what came meanwhile, once those who are answered now had a turn in which to come again."""
        if self._waiting and not (self._gathering or self._writing):
            self._gathering = True
            self._loop.call_soon(self._loop.call_soon, self._gather, GATHERED_TURNS, 0)

    def _count(self, batch: Batch, counts: Mapping[str, int]) -> None:
        metrics = self._metrics
        metrics.append_seconds.observe(batch.seconds)
        metrics.log_pending_bytes.set(self._waiting_bytes)
        if batch.error is not None:
            metrics.append_failures.labels(batch.cause).inc()
            return
        for topic, count in counts.items():
            metrics.append_records.labels(topic).inc(count)

    def _take_over(self, batch: Batch, topics: Iterable[str]) -> None:
        for slot, following in batch.next.items():
            start, _ = self._ends[slot]
            self._ends[slot] = start, following  # reports come in the order of the commits
        if any(self._listeners.get(topic) for topic in topics):
            self._offer(batch)

    def _offer(self, batch: Batch) -> None:
        timestamp = moment(batch.timestamp)
        messages = (message for work in batch.works for _, _, message in work.rows)
        for row, message in zip(batch.ids, messages, strict=True):
            listeners = self._listeners.get(message.topic)
            if listeners:
                slot, offset = row >> OFFSET_BITS, row & OFFSET_MASK
                record = Record(message.topic, slot & PARTITION_MASK, offset, timestamp, message)
                for listener in listeners:
                    listener.offer(record)

    def _wake(self, topics: Iterable[str]) -> None:
        for topic in topics:
            for listener in self._listeners.get(topic, ()):
                listener.wake()


def _touch(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('checked', strftime('%s', 'now'))")
