"""One question to Kafka's brokers, asked again until one of them has answered, for a bounded time.

It speaks the protocol through aiokafka's client itself, since a consumer object can neither read
a range nor ask for many ends at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from aiokafka import errors
from aiokafka.structs import TopicPartition

from processor.errors import FatalError
from processor.eventlog.kafka_connection import START_SECONDS, Connection, translated
from processor.eventlog.kafka_discard import cut

logger = logging.getLogger("processor.eventlog")
T = TypeVar("T")

ASK_SECONDS = 10.0
PAUSE_SECONDS = 0.02
LONGEST_PAUSE = 0.5


class Asking:
    """Every question is asked again for `ASK_SECONDS`, then `RetryableError` says why."""

    def __init__(self, connection: Connection, topics: Sequence[str]) -> None:
        self._client = connection.client()
        self._topics = frozenset(topics)

    async def start(self) -> None:
        """Raises `RetryableError` when Kafka is not there."""
        with translated("no connection"):
            async with asyncio.timeout(START_SECONDS):
                await self._client.bootstrap()
                await self._client.set_topics(self._topics)

    async def stop(self) -> None:
        """Closes the connections; over TLS a broker that hangs would be waited for until it closes them too."""
        cut(self._client)
        await self._client.close()

    def check_topic(self, topic: str) -> None:
        """Raises `FatalError` naming a topic that this log was not opened with."""
        if topic not in self._topics:
            raise FatalError(f"this event log has no topic {topic!r}")

    def _leader(self, topic: str, partition: int) -> int:
        leader = self._client.cluster.leader_for_partition(TopicPartition(topic, partition))
        if leader is None or leader == -1:
            raise errors.LeaderNotAvailableError(f"{topic} {partition} has no leader")
        return int(leader)

    def _node(self) -> int:
        node = self._client.get_random_node()
        if node is None:
            raise errors.KafkaConnectionError("no broker is known")
        return int(node)

    async def _insist(self, what: str, call: Callable[[], Awaitable[T]], seconds: float = ASK_SECONDS) -> T:
        reason: BaseException = TimeoutError(f"no answer within {seconds:g} s")
        with translated(what):
            try:
                async with asyncio.timeout(seconds):
                    pause = PAUSE_SECONDS
                    while True:
                        try:
                            return await call()
                        except errors.KafkaError as error:
                            if not error.retriable:
                                raise
                            reason = error
                            logger.debug("kafka-again", extra={"what": what, "error": repr(error)})
                            self._client.force_metadata_update()
                        await asyncio.sleep(pause)
                        pause = min(pause * 2, LONGEST_PAUSE)
            except TimeoutError:
                raise reason from None


def check_code(code: int) -> None:
    """Raises the error that it stands for."""
    error: Any = errors.for_code(code)
    if error is not errors.NoError:
        raise error
