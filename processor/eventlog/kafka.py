"""The event log in Apache Kafka: the same promises, kept by brokers, for as many processes as there are partitions.

Promises: `tests/contract/test_eventlog.py`. What the client does not do by itself stands in the
siblings: `producer.py` (appends), `kafka_seats.py` (taking partitions over), `kafka_transactions.py`
(records and offsets together), `kafka_reader.py` (ends, ranges, offsets), `kafka_asking.py` (one question).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from aiokafka import AIOKafkaConsumer

from processor.errors import FatalError, PoisonError
from processor.eventlog import EventLog, Message, OnAssign, OnRevoke, Record, Topic
from processor.eventlog.kafka_connection import BATCH_BYTES, Connection
from processor.eventlog.kafka_reader import Reader
from processor.eventlog.kafka_records import Rows, encode
from processor.eventlog.kafka_seats import Seats
from processor.eventlog.kafka_subscription import KafkaSubscription
from processor.eventlog.kafka_unrest import Unrest
from processor.eventlog.producer import Limits, Producer
from processor.telemetry import Metrics

CHECK_SECONDS = 3.0
JOIN_SECONDS = 5.0
"""Then the partitions come later; a stop must not wait for them."""
UNSEEN_BYTES = 64 * 1024 * 1024
"""For a topic whose settings we may not read: what it does not take its broker refuses, one record alone."""
LATE_SECONDS = 3.0
"""A batch that is under way for longer than this means that we are not ready."""


class KafkaLog(EventLog):
    """Use `open`."""

    def __init__(
        self,
        connection: Connection,
        reader: Reader,
        producer: Producer,
        partitions: int,
        *,
        settings: Mapping[str, Mapping[str, str]],
        metrics: Metrics | None,
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._producer = producer
        self._partitions = partitions
        self._largest = _taken(settings)
        self._fewest = {topic: int(about.get("min.insync.replicas", 1)) for topic, about in settings.items()}
        self._metrics = metrics
        self._committed: dict[tuple[str, str], Seats] = {}

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        connection: Connection,
        topics: Sequence[Topic],
        partitions: int,
        now: Callable[[], datetime],
        *,
        metrics: Metrics | None = None,
        limits: Limits | None = None,
    ) -> AsyncIterator[KafkaLog]:
        """The topics must be there. Raises `FatalError` naming one that is missing or has other partitions.

        Raises `RetryableError` when no broker answers.
        """
        names = [topic.name for topic in topics]
        reader = Reader(connection, names, partitions)
        try:
            await reader.start()
            settings = await reader.settings(("max.message.bytes", "min.insync.replicas"))
            for name in names:
                found = await reader.partitions_of(name)
                if found != partitions:
                    reason = f"Kafka's topic {name} has {found} partitions and PARTITIONS is {partitions}"
                    raise FatalError(f"{reason}: set PARTITIONS={found}")
            connection = replace(connection, batch_bytes=min([BATCH_BYTES, *_taken(settings).values()]))
            producer = Producer(connection.producer, now, metrics, limits, reader.forget)
            try:
                await producer.start()
                yield cls(connection, reader, producer, partitions, settings=settings, metrics=metrics)
            finally:
                await producer.stop()
        finally:
            await reader.stop()

    @property
    def partitions(self) -> int:
        """How many partitions every topic has."""
        return self._partitions

    @property
    def dense(self) -> bool:
        """The end of each transaction takes an offset."""
        return False

    def append(self, messages: Sequence[Message]) -> Awaitable[None]:
        """By all replicas in sync when it has been awaited; sent together with what others append at this moment."""
        try:
            rows = self._encode(messages)
        except (PoisonError, FatalError) as error:
            return _ended(error)
        return self._producer.append(rows) if rows else _ended()

    async def abandon(self) -> None:
        """No append whose caller has given up is sent any more; those that are waited for go on."""
        await self._producer.abandon()

    @asynccontextmanager
    async def subscribe(
        self, topic: str, group: str, on_assign: OnAssign, on_revoke: OnRevoke, *, pure: bool = True
    ) -> AsyncIterator[KafkaSubscription]:
        """Partitions come and go with the group's members; each is drained before it goes.

        Under our name where the group is pure: its former bearer is fenced. Nothing fences effects outside, so
        there each process is a member of its own, whom Kafka waits for before others get what it holds.
        """
        self._reader.check_topic(topic)

        def seats(consumer: AIOKafkaConsumer, tell: Callable[[BaseException | None], None]) -> Seats:
            made = Seats(
                consumer,
                self._connection,
                self._reader,
                topic=topic,
                group=group,
                pure=pure,
                on_assign=on_assign,
                on_revoke=on_revoke,
                tell=tell,
            )
            self._committed[group, topic] = made
            return made

        unrest = Unrest(group, named=pure)

        def rebalanced() -> None:
            unrest.rebalanced()
            if self._metrics:
                self._metrics.rebalances.labels(group).inc()

        subscription = KafkaSubscription(
            topic,
            group,
            make=lambda: self._connection.consumer(group, self._fetched(topic), named=pure),
            seats=seats,
            producer=self._producer,
            encode=self._encode,
            pure=pure,
            rebalanced=rebalanced,
        )
        try:
            await subscription.join(JOIN_SECONDS)
            yield subscription
        finally:
            await subscription.close()
            self._committed.pop((group, topic), None)

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[Record]:
        """Committed records only; a page at a time."""
        async for record in self._reader.read(topic, partition, start, end):
            yield record

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """As a reader of committed records sees it; what others appended is known within 20 ms."""
        return await self._reader.bounds(topic, partition)

    async def committed(self, group: str, topic: str) -> Mapping[int, int]:
        """As the coordinator has it, and what this process has committed in the last moment."""
        known = dict(await self._reader.committed(group, topic))
        seats = self._committed.get((group, topic))
        for number, seat in (seats.held if seats else {}).items():
            if seat.committed:
                known[number] = max(seat.committed, known.get(number, 0))
        return known

    async def check(self) -> None:
        """Leaders, replicas in sync, and that nothing hangs on its way."""
        self._producer.complain(LATE_SECONDS)
        await self._reader.check(self._fewest, CHECK_SECONDS)

    def _fetched(self, topic: str) -> int:
        """Bytes of a partition at once; a batch that is larger comes all the same, by itself."""
        largest = self._largest[topic]
        return BATCH_BYTES if largest == UNSEEN_BYTES else max(BATCH_BYTES, largest)

    def _encode(self, messages: Sequence[Message]) -> Rows:
        return encode(messages, self._partitions, self._largest)


def _taken(settings: Mapping[str, Mapping[str, str]]) -> dict[str, int]:
    """By topic: the bytes that its broker takes at once."""
    return {topic: int(about.get("max.message.bytes", UNSEEN_BYTES)) for topic, about in settings.items()}


async def _ended(error: Exception | None = None) -> None:
    """Before it has begun."""
    if error:
        raise error
