"""A producer whose brokers hang is gone at once, and nothing of it lands that they had not received."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from aiokafka import AIOKafkaProducer

from processor.eventlog import Message
from processor.eventlog.kafka import KafkaLog
from processor.eventlog.kafka_discard import _tasks
from processor.eventlog.producer import Limits
from tests.integration.test_kafka_producer import a_log, content, until_taken
from tests.kafkabroker import Brokers

KEYS = [f"k{n}" for n in range(12)]
"""In both partitions."""
LARGE = b"x" * 200_000
"""A few of these are more than a broker that hangs receives: its buffer has 100 kB."""


async def given_up_on_the_way(log: KafkaLog, messages: Sequence[Message], request: str) -> None:
    """All brokers hang; the client has written what it could of such a request; nobody waits for it any more."""
    sending = asyncio.ensure_future(log.append(messages))
    client = log._producer._client
    assert client is not None
    while not any(request in name for name in under_way(client)):  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.01)
    assert not sending.done()
    sending.cancel()
    await asyncio.wait({sending})


def under_way(client: AIOKafkaProducer) -> list[str]:
    """The requests that brokers have not answered."""
    return [type(one).__name__ for connection in client.client._conns.values() for _, one, _ in connection._requests]


async def test_it_waits_for_no_broker_and_leaves_no_task_behind(
    kafka3: Brokers, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_log(kafka3) as (log, topic):
        await log.append([Message(topic, key, b"before") for key in KEYS])
        client = log._producer._client
        assert client is not None
        for node in kafka3.own.nodes:
            await kafka3.call(kafka3.own.pause, node)
        await given_up_on_the_way(log, [Message(topic, key, b"flying") for key in KEYS], "Produce")
        assert len(_tasks(client._sender)) > 1
        await log.abandon()
        assert not _tasks(client._sender)
        assert not any(connection.connected() for connection in client.client._conns.values())
        assert "sender-left-behind" not in caplog.messages


async def test_what_a_broker_had_not_received_whole_never_lands(kafka3: Brokers) -> None:
    """Neither this process nor the kernel keeps it for the time when the broker goes on."""
    async with a_log(kafka3) as (log, topic):
        await log.append([Message(topic, key, b"before") for key in KEYS])
        for node in kafka3.own.nodes:
            await kafka3.call(kafka3.own.pause, node)
        await given_up_on_the_way(log, [Message(topic, key, LARGE) for key in KEYS], "Produce")
        await log.abandon()
        for node in kafka3.own.nodes:
            await kafka3.call(kafka3.own.resume, node)
        await until_taken(log, topic)
        assert LARGE not in {value.encode() for value in await content(log, topic)}


async def test_the_next_client_does_not_wait_until_the_last_one_is_answered(kafka3: Brokers) -> None:
    """The first append of all asks where its topic is: brokers that hang before that answer nothing."""
    async with a_log(kafka3, Limits(deadline=1_000)) as (log, topic):
        client = log._producer._client
        assert client is not None
        await client.client.force_metadata_update()  # what it asks at its start may bring all topics, at any moment
        client.client.cluster._partitions.pop(topic, None)
        for node in kafka3.own.nodes:
            await kafka3.call(kafka3.own.pause, node)
        await given_up_on_the_way(log, [Message(topic, "k", b"flying")], "Metadata")
        await log.abandon()
        for node in kafka3.own.nodes:
            await kafka3.call(kafka3.own.resume, node)
        async with asyncio.timeout(60):
            await log.append([Message(topic, "k", b"after")])
        assert await content(log, topic) == ["after"]
