"""When Kafka does not take it: keep it here, in order, until it does.

The embedded log of one process stands before Kafka. While anything lies in it everything goes
through it, so that a later event never overtakes an earlier one.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from processor.errors import FatalError, RetryableError
from processor.eventlog import Message, Record, Topic
from processor.eventlog.lease import Lease
from processor.eventlog.sqlite import SqliteLog
from processor.telemetry import Metrics

BATCH_BYTES = 4 * 1024 * 1024
BATCH_RECORDS = 500
"""Of one partition."""

log = logging.getLogger("processor.spool")


class Upstream(Protocol):
    """The log that everything shall be in."""

    async def append(self, messages: Sequence[Message]) -> None:
        """Durable when it returns; RetryableError otherwise."""
        ...

    async def abandon(self) -> None:
        """No append whose caller has given up is sent any more."""
        ...

    async def check(self) -> None:
        """Raise RetryableError when an append would fail now."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds. All of it together must be less than what callers wait for their answer."""

    direct: float = 1.0
    """An append that Kafka has not taken by then goes into the spool, and all that follow."""
    abandon: float = 1.0
    pause: float = 0.2
    """After Kafka has not taken what lies here; doubled each time."""
    longest_pause: float = 2.0


class Spool:
    """Use `open`; `run` must run while it is used."""

    def __init__(
        self,
        upstream: Upstream,
        store: SqliteLog,
        topic: str,
        *,
        metrics: Metrics,
        now: Callable[[], datetime],
        patience: Patience,
    ) -> None:
        self._upstream = upstream
        self._store = store
        self._topic = topic
        self._metrics = metrics
        self._now = now
        self._patience = patience
        self._direct: set[asyncio.Timeout] = set()
        self._writes: set[asyncio.Task[None]] = set()
        self._coming = 0
        self._begun = 0
        self._lying = 0
        self._spooling = False
        self._wanted = asyncio.Event()
        self._turned = asyncio.Event()
        self._stored = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        file: Path,
        upstream: Upstream,
        topic: str,
        partitions: int,
        now: Callable[[], datetime],
        *,
        metrics: Metrics,
        patience: Patience | None = None,
    ) -> AsyncIterator[Spool]:
        """Only records of `topic` are kept. Raises `FatalError` when another process has this file."""
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            lease = Lease(file, "spool")
        except FatalError as error:
            raise FatalError(f"SPOOL={file}: each process needs a file of its own: {error}") from error
        try:
            async with SqliteLog.open(file, [Topic(topic)], partitions, now) as store:
                spool = cls(upstream, store, topic, metrics=metrics, now=now, patience=patience or Patience())
                await spool._begin()
                yield spool
        finally:
            lease.release()

    async def append(self, messages: Sequence[Message]) -> None:
        """In Kafka or in the spool when it returns. RetryableError when neither takes it."""
        if not self._spooling and await self._taken(messages):
            return
        self._coming += 1
        self._begun += 1
        try:
            await self._turned.wait()
        finally:
            self._coming -= 1
        write = asyncio.get_running_loop().create_task(self._store.append(messages))
        self._writes.add(write)
        write.add_done_callback(self._written)
        await asyncio.shield(write)  # who gives up now leaves it to be forwarded all the same
        self._count(self._lying + len(messages))
        self._metrics.spooled.inc(len(messages))

    async def run(self) -> None:
        """Until cancelled: empties the spool whenever something lies in it."""
        while True:
            await self._wanted.wait()
            await self._turn()
            while not await self._empty():
                await self._forward()
            self._wanted.clear()
            self._turned.clear()
            self._spooling = False
            self._emptied.set()
            self._count(0)
            self._metrics.spooling.set(0)
            log.info("spool-empty")

    async def emptied(self) -> None:
        """Returns when nothing lies here, so that the process may leave."""
        while self._spooling:
            log.warning("spool-not-empty", extra={"records": self._lying})
            with suppress(TimeoutError):
                async with asyncio.timeout(10):
                    await self._emptied.wait()

    async def check(self) -> None:
        """Raise RetryableError when an append would fail now."""
        if not self._spooling:
            try:
                await self._upstream.check()
            except RetryableError as error:
                log.info("upstream-down", extra={"error": str(error)})
            else:
                return
        await self._store.check()

    async def _begin(self) -> None:
        self._count(await self._remaining())
        if self._lying:
            log.warning("spool-left-over", extra={"records": self._lying})
            self._switch("records of a former process lie here")

    async def _taken(self, messages: Sequence[Message]) -> bool:
        try:
            async with asyncio.timeout(self._patience.direct) as limit:
                self._direct.add(limit)
                try:
                    await self._upstream.append(messages)
                finally:
                    self._direct.discard(limit)
        except TimeoutError:
            self._switch(f"Kafka has not taken it within {self._patience.direct:g} s")
            return False
        except RetryableError as error:
            self._switch(str(error))
            return False
        return True

    def _switch(self, reason: str) -> None:
        """From now on everything goes through the spool; who still waits for Kafka gives up and comes too."""
        if self._spooling:
            return
        self._spooling = True
        self._emptied.clear()
        self._metrics.spooling.set(1)
        log.warning("spooling", extra={"reason": reason})
        now = asyncio.get_running_loop().time()
        self._wanted.set()
        for limit in self._direct:
            if not limit.expired():
                limit.reschedule(now)

    async def _turn(self) -> None:
        """Before the first record is kept here nothing of ours is on its way to Kafka: no ghost may land later."""
        while self._direct:  # noqa: ASYNC110 - they all end in the next turns of the loop
            await asyncio.sleep(0)
        try:
            async with asyncio.timeout(self._patience.abandon):
                await self._upstream.abandon()
        except TimeoutError:
            log.warning("producer-slow-to-leave")
        self._turned.set()

    def _written(self, write: asyncio.Task[None]) -> None:
        self._writes.discard(write)
        self._stored.set()
        if not write.cancelled():
            write.exception()  # told to the caller, if he is still there

    async def _empty(self) -> bool:
        """Nothing lies here and nothing comes; waits for what is being written."""
        begun = self._begun
        if await self._remaining():
            return False
        while self._writes:
            self._stored.clear()
            await self._stored.wait()
        return not self._coming and begun == self._begun and not await self._remaining()

    async def _remaining(self) -> int:
        count = 0
        for partition in range(self._store.partitions):
            first, end = await self._store.bounds(self._topic, partition)
            count += end - first
        return count

    async def _forward(self) -> None:
        """One batch, in order within each partition; removed here once Kafka has it."""
        records = await self._batch()
        self._count(await self._remaining())
        if not records:
            await asyncio.sleep(0)
            return
        oldest = min(record.timestamp for record in records)
        self._metrics.spool_oldest_seconds.set(max(0.0, (self._now() - oldest).total_seconds()))
        await self._delivered([record.message for record in records])
        for partition, end in {record.partition: record.offset + 1 for record in records}.items():
            await self._removed(partition, end)
        self._metrics.spool_forwarded.inc(len(records))
        self._metrics.spool_oldest_seconds.set(0)

    async def _batch(self) -> list[Record]:
        records: list[Record] = []
        size = 0
        for partition in range(self._store.partitions):
            first, end = await self._store.bounds(self._topic, partition)
            async for record in self._store.read(self._topic, partition, first, min(end, first + BATCH_RECORDS)):
                size += len(record.message.value or b"")
                if records and size > BATCH_BYTES:
                    return records
                records.append(record)
        return records

    async def _delivered(self, messages: Sequence[Message]) -> None:
        pause = self._patience.pause
        while True:
            try:
                return await self._upstream.append(messages)
            except RetryableError as error:
                log.info("spool-waits", extra={"records": self._lying, "error": str(error)})
            await self._upstream.abandon()
            await asyncio.sleep(random.uniform(pause / 2, pause))
            pause = min(pause * 2, self._patience.longest_pause)

    async def _removed(self, partition: int, end: int) -> None:
        """A disk that fails now must not end us: what is in Kafka twice has the same ids."""
        while True:
            try:
                return await self._store.remove(self._topic, partition, end)
            except RetryableError as error:
                log.warning("spool-not-trimmed", extra={"error": str(error)})
            await asyncio.sleep(self._patience.longest_pause)

    def _count(self, lying: int) -> None:
        self._lying = lying
        self._metrics.spool_records.set(lying)
