"""A Kafka log whose names are fresh outside and plain inside, so that tests written for any log run on one broker."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from processor.eventlog import EventLog, Message, OnAssign, OnRevoke, Record, Topic
from processor.eventlog.kafka import KafkaLog
from processor.eventlog.kafka_connection import Connection


@dataclass(frozen=True)
class Names:
    mark: str = field(default_factory=lambda: uuid.uuid4().hex[:10])

    def outside(self, name: str) -> str:
        return f"{self.mark}.{name}"

    def inside(self, name: str) -> str:
        return name.removeprefix(f"{self.mark}.")

    def out(self, messages: Sequence[Message]) -> list[Message]:
        return [message._replace(topic=self.outside(message.topic)) for message in messages]

    def back(self, records: Sequence[Record]) -> list[Record]:
        return [
            r._replace(topic=self.inside(r.topic), message=r.message._replace(topic=self.inside(r.topic)))
            for r in records
        ]


async def create_topics(bootstrap: str, topics: Sequence[Topic], partitions: int, replicas: int = 1, **configs: str):
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        wanted = [
            NewTopic(t.name, partitions, replicas, topic_configs={"cleanup.policy": "compact"} | configs)
            if t.compact
            else NewTopic(t.name, partitions, replicas, topic_configs=configs)
            for t in topics
        ]
        answer = await admin.create_topics(wanted)
        assert all(error[1] == 0 for error in answer.topic_errors), answer
        while any(about["error_code"] for about in await admin.describe_topics([t.name for t in topics])):  # noqa: ASYNC110 - the broker tells nobody
            await asyncio.sleep(0.02)
    finally:
        await admin.close()


class Inside(EventLog):
    """The log under its plain names."""

    def __init__(self, log: KafkaLog, names: Names) -> None:
        self.log = log
        self.names = names

    @property
    def partitions(self) -> int:
        return self.log.partitions

    async def append(self, messages: Sequence[Message]) -> None:
        await self.log.append(self.names.out(messages))

    @asynccontextmanager
    async def subscribe(
        self, topic: str, group: str, on_assign: OnAssign, on_revoke: OnRevoke, *, pure: bool = True
    ) -> AsyncIterator[Any]:
        out = self.names.outside
        async with self.log.subscribe(out(topic), out(group), on_assign, on_revoke, pure=pure) as subscription:
            yield InsideSubscription(subscription, self.names)

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[Record]:
        async for record in self.log.read(self.names.outside(topic), partition, start, end):
            yield self.names.back([record])[0]

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        return await self.log.bounds(self.names.outside(topic), partition)

    async def committed(self, group: str, topic: str) -> Mapping[int, int]:
        return await self.log.committed(self.names.outside(group), self.names.outside(topic))

    async def check(self) -> None:
        await self.log.check()


class InsideSubscription:
    def __init__(self, subscription: Any, names: Names) -> None:
        self.subscription = subscription
        self.names = names
        self.pause = subscription.pause
        self.resume = subscription.resume
        self.reached = subscription.reached
        self.holds = subscription.holds

    async def poll(self, limit: int, timeout: float) -> Sequence[Record]:
        return self.names.back(await self.subscription.poll(limit, timeout))

    async def append(self, partition: int, messages: Sequence[Message]) -> None:
        await self.subscription.append(partition, self.names.out(messages))

    async def commit(self, offsets: Mapping[int, int], messages: Sequence[Message] = ()) -> None:
        await self.subscription.commit(offsets, self.names.out(messages))


@asynccontextmanager
async def opened(
    bootstrap: str, topics: Sequence[Topic], partitions: int, names: Names, member: str | None = None, **options: Any
) -> AsyncIterator[Inside]:
    connection = Connection(bootstrap, member)
    async with KafkaLog.open(connection, topics, partitions, lambda: datetime.now(UTC), **options) as log:
        yield Inside(log, names)


DAY = timedelta(days=1)
