"""What the owner of a partition writes: records and offsets in one transaction, and nobody else under its name.

The transactional id is group and partition, so starting one's own producer fences whoever had the
partition before, even one that was only paused. A transaction whose end is not known is looked up
before the same is written again.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer, errors
from aiokafka.structs import TopicPartition

from processor.errors import RetryableError, Revoked
from processor.eventlog.kafka_connection import START_SECONDS, told
from processor.eventlog.kafka_discard import discard
from processor.eventlog.kafka_reader import Reader
from processor.eventlog.kafka_records import Rows, fill
from processor.eventlog.producer import TOO_LARGE

logger = logging.getLogger("processor.eventlog")

WRITE_SECONDS = 8.0
"""Shorter than the broker's time-out of a transaction."""
FAILURES = (errors.KafkaError, errors.IllegalOperation, OSError, TimeoutError, AssertionError)
"""AssertionError, IllegalOperation: aiokafka's transaction is not in the right state, since a part of it has failed."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A transaction that may have been committed: what it held, and where its first record would be."""

    rows: Rows
    offsets: Mapping[int, int]
    place: TopicPartition | None
    offset: int


class Transactions:
    """One partition of one group. Writes one after another."""

    def __init__(
        self,
        make: Callable[[str], AIOKafkaProducer],
        reader: Reader,
        group: str,
        place: TopicPartition,
        *,
        still_ours: Callable[[], Awaitable[None]],
    ) -> None:
        """`still_ours` raises `Revoked` when the group has given the partition to somebody else."""
        self._make = make
        self._reader = reader
        self._group = group
        self._topic, self._partition = place
        self._still_ours = still_ours
        self._turn = asyncio.Lock()
        self._client: AIOKafkaProducer | None = None
        self._doubt: Doubt | None = None
        self._discards: set[asyncio.Task[None]] = set()
        self._written: dict[TopicPartition, int] = {}
        """By the present transaction: where each partition ends then."""
        self._most = sys.maxsize
        """Records of one batch: half as many each time that a broker takes less than we were told, or could see."""
        self.fenced = False
        """Somebody has started a producer of this name after us: we write nothing more."""

    async def take(self) -> None:
        """Fence whoever was before. What he had not committed is gone, what he had is visible when this returns."""
        client = self._make(f"{self._group}.{self._topic}.{self._partition}")
        try:
            async with asyncio.timeout(START_SECONDS):
                await client.start()
        except FAILURES as error:
            await discard(client)
            raise RetryableError(
                f"Kafka: no transactions for {self._topic} {self._partition}: {told(error)}"
            ) from error
        except BaseException:
            await discard(client)
            raise
        self._client = client

    async def write(self, rows: Rows, offsets: Mapping[int, int]) -> None:
        """All of it or nothing. Raises `Revoked` when fenced, else `RetryableError`: then write the very same again."""
        async with self._turn:
            if self.fenced:
                raise self._revoked()
            client = self._client
            if client is None:
                if await self._resume(rows, offsets):
                    return
                client = self._client
            try:
                async with asyncio.timeout(WRITE_SECONDS):
                    await self._transaction(client, rows, offsets)
            except FAILURES as error:
                self._drop()
                if isinstance(error, TOO_LARGE):
                    self._most = max(1, min(self._most, max(map(len, rows.values()))) // 2)
                if isinstance(error, errors.ProducerFenced):
                    self.fenced = True
                    raise self._revoked() from error
                raise RetryableError(f"Kafka: transaction of {self._group} failed: {told(error)}") from error
            except BaseException:
                self._drop()
                raise
            self._doubt = None
            for place, end in self._written.items():
                self._reader.expect(place, end)

    async def close(self) -> None:
        """Leave; a transaction under way is aborted by the broker or by the next owner."""
        self._drop()
        if self._discards:
            await asyncio.wait(self._discards)

    def _revoked(self) -> Revoked:
        return Revoked(f"{self._group} no longer holds partition {self._partition} of {self._topic}")

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            self._discards.add(task := asyncio.get_running_loop().create_task(discard(client)))
            task.add_done_callback(self._discards.discard)

    async def _resume(self, rows: Rows, offsets: Mapping[int, int]) -> bool:
        """A new producer under our name; True when what is to be written turns out to be written."""
        try:
            await self._still_ours()
        except Revoked:
            self.fenced = True
            raise
        await self.take()
        doubt = self._doubt
        if doubt is None:
            return False
        landed = await self._landed(doubt)
        self._doubt = None
        logger.info("transaction-looked-up", extra={"group": self._group, "landed": landed})
        return landed and doubt.rows == rows and doubt.offsets == offsets

    async def _landed(self, doubt: Doubt) -> bool:
        """Starting the producer has ended the transaction one way or the other, so the log tells."""
        self._reader.forget()
        if doubt.place is None and not doubt.offsets:
            return False  # nothing tells: what comes twice has the same ids
        if doubt.place is None:
            committed = await self._reader.committed(self._group, self._topic)
            return all(committed.get(partition, -1) >= offset for partition, offset in doubt.offsets.items())
        place = doubt.place
        async for record in self._reader.read(place.topic, place.partition, doubt.offset, doubt.offset + 1):
            return record.offset == doubt.offset
        return False

    async def _transaction(self, client: AIOKafkaProducer, rows: Rows, offsets: Mapping[int, int]) -> None:
        await client.begin_transaction()
        ends: list[Awaitable[Any]] = []
        sizes: list[tuple[TopicPartition, int]] = []
        for place, part in rows.items():
            position = 0
            while position < len(part):
                batch, first = client.create_batch(), position
                position = fill(batch, part[: first + self._most], first, None)
                ends.append(await client.send_batch(batch, place.topic, partition=place.partition))
                sizes.append((place, position - first))
        if offsets:
            moved = {TopicPartition(self._topic, partition): offset for partition, offset in offsets.items()}
            ends.append(client.send_offsets_to_transaction(moved, self._group))
        answers = await asyncio.gather(*ends)
        self._written = {}
        for (place, size), answer in zip(sizes, answers, strict=False):  # the last answer is that for the offsets
            self._written[place] = answer.offset + size
        known = next(((p, a.offset) for (p, _), a in zip(sizes, answers, strict=False) if a.offset >= 0), (None, -1))
        self._doubt = Doubt(rows, offsets, *known)  # -1: the broker had a batch already and has forgotten where
        await client.commit_transaction()
