"""A batch is no larger than its topic takes, on a real broker: what is refused once would be refused for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from processor.errors import RetryableError
from processor.eventlog import Message, Record
from processor.eventlog.kafka_connection import Connection
from processor.telemetry import Metrics
from tests.contract.filelog import no_offsets, nothing
from tests.integration.test_kafka_consumer import after, everything, logs, put, take
from tests.integration.test_kafka_producer import a_log, content
from tests.kafkabroker import Broker

TAKEN = 4_000
"""Bytes, of which a record with its key is some 100."""


def in_order(records: Sequence[Record]) -> list[int]:
    return [int(record.message.value or b"") for record in records]


async def test_appends_of_one_moment_are_more_than_their_topic_takes_at_once(kafka: Broker) -> None:
    metrics = Metrics.build()
    async with a_log(kafka, metrics=metrics, **{"max.message.bytes": str(TAKEN)}) as (log, topic):
        texts = [f"{n:090}" for n in range(300)]
        await asyncio.gather(*(log.append([Message(topic, "k", text.encode())]) for text in texts))
        assert await content(log, topic) == texts
        assert not [s for m in metrics.producer_rebuilds.collect() for s in m.samples], "no client was refused one"


async def test_what_one_transaction_writes_is_more_than_its_topic_takes_at_once(kafka: Broker) -> None:
    async with logs(kafka, settings={"max.message.bytes": str(TAKEN)}) as (topic, (log,)):
        await put(log, topic, 20)
        async with log.subscribe(topic, kafka.fresh("group"), nothing, no_offsets) as member:
            records = await take(member, 20)
            await member.commit(after(records), [Message(f"{topic}.out", "k", b"%090d" % n) for n in range(300)])
        assert in_order(await everything(log, f"{topic}.out")) == list(range(300))


async def test_where_nobody_could_see_what_a_topic_takes_a_transaction_is_cut_until_it_is_taken(kafka: Broker) -> None:
    async with logs(kafka, settings={"max.message.bytes": str(TAKEN)}) as (topic, (log,)):
        log._connection = Connection(kafka.bootstrap)  # batches as for a topic whose settings are hidden
        await put(log, topic, 20)
        async with log.subscribe(topic, kafka.fresh("group"), nothing, no_offsets) as member:
            records = await take(member, 20)
            outputs = [Message(f"{topic}.out", "k", b"%090d" % n) for n in range(300)]
            with pytest.raises(RetryableError, match="TooLarge"):
                await member.commit(after(records), outputs)
            await until_written(member.commit, after(records), outputs)
            assert in_order(await everything(log, f"{topic}.out")) == list(range(300)), "each once"


async def until_written(commit: Callable[..., Awaitable[None]], *what: object) -> None:
    """As the consumer does: the very same again."""
    while True:
        try:
            return await commit(*what)
        except RetryableError:
            await asyncio.sleep(0)
