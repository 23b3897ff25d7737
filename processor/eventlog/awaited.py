"""A log that may be away when the process starts: what needs it is told to come again until it is there."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from processor.errors import RetryableError
from processor.eventlog import EventLog, Message, OnAssign, OnRevoke, Record, Subscription
from processor.eventlog.kafka import KafkaLog

LONGEST_PAUSE = 5.0

logger = logging.getLogger("processor.eventlog")


class AwaitedLog(EventLog):
    """Opens the log in `run`, which holds it until it is cancelled."""

    def __init__(self, open_log: Callable[[], AbstractAsyncContextManager[KafkaLog]], partitions: int) -> None:
        self._open = open_log
        self._partitions = partitions
        self._log: KafkaLog | None = None
        self._reason = "it was not asked yet"
        self._there = asyncio.Event()

    async def run(self) -> None:
        """Raises what `open_log` raises, but for `RetryableError`: then again after a pause."""
        pause = 0.2
        while True:
            try:
                async with self._open() as self._log:
                    self._there.set()
                    await asyncio.get_running_loop().create_future()
            except RetryableError as error:
                self._reason = str(error)
                logger.warning("no-log-yet", extra={"error": self._reason})
            finally:
                self._log = None
            await asyncio.sleep(random.uniform(pause / 2, pause))
            pause = min(pause * 2, LONGEST_PAUSE)

    async def opened(self) -> None:
        """Returns once it is there."""
        await self._there.wait()

    def _now(self) -> KafkaLog:
        if self._log is None:
            raise RetryableError(f"Kafka is not there yet: {self._reason}")
        return self._log

    @property
    def partitions(self) -> int:
        """As the settings say; the log is not opened with another number."""
        return self._partitions

    @property
    def dense(self) -> bool:
        """As Kafka's."""
        return False

    def append(self, messages: Sequence[Message]) -> Awaitable[None]:
        """Raises `RetryableError` while there is no log."""
        return self._log.append(messages) if self._log else self._refused()

    async def _refused(self) -> None:
        self._now()

    async def abandon(self) -> None:
        """Where there is no log nothing is on its way."""
        if self._log:
            await self._log.abandon()

    @asynccontextmanager
    async def subscribe(
        self, topic: str, group: str, on_assign: OnAssign, on_revoke: OnRevoke, *, pure: bool = True
    ) -> AsyncIterator[Subscription]:
        """Raises `RetryableError` while there is no log: wait for `opened` first."""
        async with self._now().subscribe(topic, group, on_assign, on_revoke, pure=pure) as subscription:
            yield subscription

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[Record]:
        """Raises `RetryableError` while there is no log."""
        async for record in self._now().read(topic, partition, start, end):
            yield record

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """Raises `RetryableError` while there is no log."""
        return await self._now().bounds(topic, partition)

    async def committed(self, group: str, topic: str) -> Mapping[int, int]:
        """Raises `RetryableError` while there is no log."""
        return await self._now().committed(group, topic)

    async def check(self) -> None:
        """Raises `RetryableError` while there is no log."""
        await self._now().check()
