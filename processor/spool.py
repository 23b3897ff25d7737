"""When Kafka does not take it: keep it here, in order, until it does.

The embedded log of one process stands before Kafka. While anything lies in it everything goes
through it, so that a later event never overtakes an earlier one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from processor.errors import FatalError, RetryableError
from processor.eventlog import Message, Topic
from processor.eventlog.lease import Lease
from processor.eventlog.sqlite import SqliteLog
from processor.spool_direct import Direct
from processor.spool_forward import BATCH_RECORDS, Forwarder, Patience, Upstream
from processor.telemetry import Metrics

log = logging.getLogger("processor.spool")


def _size(message: Message) -> int:
    """About what it takes on the disk."""
    headers = sum(len(name) + len(value) for name, value in message.headers.items())
    return len(message.key) + len(message.value or b"") + headers


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
        most_bytes: int,
    ) -> None:
        self._upstream = upstream
        self._store = store
        self._metrics = metrics
        self._patience = patience
        self._most_bytes = most_bytes
        self._bytes = 0
        self._forwarder = Forwarder(store, topic, upstream, metrics=metrics, now=now, patience=patience)
        metrics.spool_oldest_seconds.set_function(self._forwarder.age)
        self._direct = Direct(upstream, patience.direct, self._otherwise)
        self._writes: set[asyncio.Task[None]] = set()
        self._lying = 0
        self._spooling = False
        self._wanted = asyncio.Event()
        self._open = asyncio.Event()
        self._waiting: set[asyncio.Task[Any] | None] = set()
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
        most_bytes: int = 0,
    ) -> AsyncIterator[Spool]:
        """Only records of `topic` are kept, `most_bytes` of them at one time (0: what the disk holds).

        Raises `FatalError` when another process has this file.
        """
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            lease = Lease(file, "spool")
        except FatalError as error:
            raise FatalError(f"SPOOL={file}: each process needs a file of its own: {error}") from error
        try:
            async with SqliteLog.open(file, [Topic(topic)], partitions, now) as store:
                spool = cls(
                    upstream,
                    store,
                    topic,
                    metrics=metrics,
                    now=now,
                    patience=patience or Patience(),
                    most_bytes=most_bytes,
                )
                await spool._begin()
                yield spool
        finally:
            lease.release()

    def append(self, messages: Sequence[Message]) -> asyncio.Future[None]:
        """In Kafka or in the spool when it is done. RetryableError when neither takes it."""
        if not self._spooling:
            return self._direct.append(messages)
        if not self._open.is_set():
            later = asyncio.get_running_loop().create_task(self._later(messages))
            self._waiting.add(later)
            later.add_done_callback(self._waiting.discard)
            return later
        write = asyncio.get_running_loop().create_task(self._keep(messages))
        self._writes.add(write)
        write.add_done_callback(self._kept)
        return asyncio.shield(write)  # who gives up now leaves it to be forwarded all the same

    async def run(self) -> None:
        """Until cancelled: empties the spool whenever something lies in it."""
        while True:
            await self._wanted.wait()
            await self._turn()
            while not await self._over():
                await self._forward()
            self._wanted.clear()
            self._spooling = False
            self._open.set()  # who waited goes to Kafka
            self._emptied.set()
            self._count(0)
            self._weigh(-self._bytes)
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
        self._room(1)
        await self._store.check()

    async def _begin(self) -> None:
        self._count(await self._forwarder.remaining())
        if self._lying:
            self._weigh(await self._store.used())
            log.warning("spool-left-over", extra={"records": self._lying})
            self._switch("records of a former process lie here")

    def _otherwise(self, messages: Sequence[Message], reason: str) -> asyncio.Future[None]:
        self._switch(reason)
        return self.append(messages)

    def _switch(self, reason: str) -> None:
        """From now on everything goes through the spool; who still waits for Kafka gives up and comes too."""
        if self._spooling:
            return
        self._spooling = True
        self._open.clear()
        self._emptied.clear()
        self._metrics.spooling.set(1)
        log.warning("spooling", extra={"reason": reason})
        self._wanted.set()
        self._direct.end()

    async def _turn(self) -> None:
        """Before the first record is kept here nothing of ours is on its way to Kafka: no ghost may land later."""
        while self._direct.busy:  # noqa: ASYNC110 - they all end in the next turns of the loop
            await asyncio.sleep(0)
        await self._abandon()
        self._open.set()

    async def _abandon(self) -> None:
        try:
            async with asyncio.timeout(self._patience.abandon):
                await self._upstream.abandon()
        except TimeoutError:
            log.warning("producer-slow-to-leave")

    async def _later(self, messages: Sequence[Message]) -> None:
        await self._open.wait()
        self._waiting.discard(asyncio.current_task())
        await self.append(messages)

    async def _keep(self, messages: Sequence[Message]) -> None:
        size = sum(map(_size, messages))
        self._room(size)
        self._weigh(size)
        try:
            await self._store.append(messages)
        except BaseException:
            self._weigh(-size)
            raise
        self._count(self._lying + len(messages))
        self._metrics.spooled.inc(len(messages))

    def _room(self, size: int) -> None:
        if self._most_bytes and self._bytes + size > self._most_bytes:
            raise RetryableError(f"the spool is full: {self._bytes} of {self._most_bytes} bytes wait for Kafka")

    def _kept(self, write: asyncio.Task[None]) -> None:
        self._writes.discard(write)
        self._stored.set()
        if not write.cancelled():
            write.exception()  # told to the caller, if he is still there

    async def _over(self) -> bool:
        """Callers wait a moment while the last batch goes: under steady load it would not be the last for hours."""
        if self._waiting or await self._forwarder.remaining() > BATCH_RECORDS:
            return False
        self._open.clear()
        until = asyncio.get_running_loop().time() + self._patience.last
        try:
            async with asyncio.timeout_at(until):
                while self._writes:
                    self._stored.clear()
                    await self._stored.wait()
            while await self._forwarder.remaining():
                await self._forward(until)
        except TimeoutError:  # they come in here too
            await self._abandon()
            self._open.set()
            return False
        return True

    async def _forward(self, until: float | None = None) -> None:
        self._count(await self._forwarder.remaining())
        sent = await self._forwarder.forward(until)
        self._weigh(-sum(_size(record.message) for record in sent))
        await asyncio.sleep(0)

    def _count(self, lying: int) -> None:
        self._lying = lying
        self._metrics.spool_records.set(lying)

    def _weigh(self, more: int) -> None:
        self._bytes = max(0, self._bytes + more)
        self._metrics.spool_bytes.set(self._bytes)
