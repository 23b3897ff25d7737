"""From a spool's file to Kafka: in order, a batch at a time, each removed here once Kafka has it."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from processor.errors import ProcessorError, RetryableError
from processor.eventlog import Message, Record
from processor.eventlog.sqlite import SqliteLog
from processor.telemetry import Metrics

BATCH_BYTES = 4 * 1024 * 1024
BATCH_RECORDS = 500
"""Of one partition."""

log = logging.getLogger("processor.spool")


class Upstream(Protocol):
    """The log that everything shall be in."""

    def append(self, messages: Sequence[Message]) -> Awaitable[None]:
        """Durable when it has been awaited; RetryableError otherwise."""
        ...

    async def abandon(self) -> None:
        """No append whose caller has given up is sent any more."""
        ...

    async def check(self) -> None:
        """Raise RetryableError when an append would fail now."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds. `direct`, `abandon` and `last` together must be less than what callers wait for their answer."""

    direct: float = 1.0
    """An append that Kafka has not taken by then goes into the spool, and all that follow."""
    abandon: float = 1.0
    last: float = 0.3
    """Callers wait for Kafka to take the last that lies here; then they come in too."""
    pause: float = 0.2
    """After Kafka has not taken what lies here; doubled each time."""
    longest_pause: float = 2.0


class Forwarder:
    """Takes one topic's records out of a store. One at a time for each store."""

    def __init__(
        self,
        store: SqliteLog,
        topic: str,
        upstream: Upstream,
        *,
        metrics: Metrics,
        now: Callable[[], datetime],
        patience: Patience,
    ) -> None:
        self._store = store
        self._topic = topic
        self._upstream = upstream
        self._metrics = metrics
        self._now = now
        self._patience = patience
        self._oldest: datetime | None = None

    async def remaining(self) -> int:
        """Records that lie in the store."""
        count = 0
        for partition in range(self._store.partitions):
            first, end = await self._store.bounds(self._topic, partition)
            count += end - first
        return count

    def age(self) -> float:
        """Seconds since the oldest record came that Kafka shall take now; 0 when there is none."""
        return max(0.0, (self._now() - self._oldest).total_seconds()) if self._oldest else 0.0

    async def forward(self, until: float | None = None) -> Sequence[Record]:
        """The next batch, in Kafka and no longer here when it returns; tries for as long as that takes.

        Raises `TimeoutError` when Kafka has not taken it `until` then, on the loop's clock: all of it is still here.
        What Kafka has taken is removed first, however long that takes, or it would be sent once more.
        """
        records = await self._batch()
        if not records:
            return records
        self._oldest = min(record.timestamp for record in records)
        try:
            async with asyncio.timeout_at(until):
                await self._delivered([record.message for record in records])
            for partition, end in {record.partition: record.offset + 1 for record in records}.items():
                await self._removed(partition, end)
        finally:
            self._oldest = None
        self._metrics.spool_forwarded.inc(len(records))
        return records

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
                log.info("spool-waits", extra={"error": str(error)})
            except ProcessorError as error:  # it was acknowledged: a person mends the topic, nothing is thrown away
                log.error("spool-refused", extra={"error": str(error)})  # noqa: TRY400 - the error's words are all
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
