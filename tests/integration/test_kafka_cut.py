"""A topic that is not what it was when we began: nothing that it holds is passed over, and nobody ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import NewPartitions
from aiokafka.structs import TopicPartition

from processor.eventlog import Topic, kafka_subscription
from processor.eventlog.kafka import KafkaLog
from tests.contract.filelog import no_offsets, nothing
from tests.integration.test_kafka_consumer import PARTITIONS, after, logs, put, take, values
from tests.kafkabroker import Broker, admin
from tests.kafkalog import create_topics


async def commit_for(broker: Broker, group: str, offsets: Mapping[TopicPartition, int]) -> None:
    """As another tool does to a group whose members are away."""
    tool = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap, group_id=group, enable_auto_commit=False)
    await tool.start()
    try:
        tool.assign(list(offsets))
        await tool.commit(dict(offsets))
    finally:
        await tool.stop()


async def made_anew(broker: Broker, topic: str) -> None:
    async with admin(broker) as client:
        await client.delete_topics([topic])
        while topic in await client.list_topics():  # noqa: ASYNC110 - the broker tells nobody
            await asyncio.sleep(0.05)
    await create_topics(broker.bootstrap, [Topic(topic)], PARTITIONS)


async def appended(log: KafkaLog, topic: str, count: int) -> None:
    """All of it, though each partition's first append may end with the client that had written to the former topic."""
    async with asyncio.timeout(30):
        await put(log, topic, count)


@pytest.mark.parametrize("pure", [True, False])
async def test_kafka_offsets_beyond_the_end_pass_over_nothing(
    kafka: Broker, caplog: pytest.LogCaptureFixture, pure: bool
) -> None:
    group = kafka.fresh("group")
    async with logs(kafka) as (topic, (log,)):
        await put(log, topic, 20)
        await commit_for(kafka, group, {TopicPartition(topic, n): 10_000 for n in range(PARTITIONS)})
        async with log.subscribe(topic, group, nothing, no_offsets, pure=pure) as member:
            records = await take(member, 20)
            assert values(records) == list(range(20))
            assert await log.committed(group, topic) == {}, "who asks where to go on is not sent behind all of it"
            await member.commit(after(records))
            assert await log.committed(group, topic) == after(records)
    told = [line for line in caplog.records if line.message == "topic-cut"]
    assert {(vars(line)["partition"], vars(line)["committed"]) for line in told} == {
        (n, 10_000) for n in range(PARTITIONS)
    }
    assert all(line.levelno == logging.ERROR for line in told)


@pytest.mark.parametrize("empty_for_a_while", [True, False])
async def test_kafka_a_topic_made_anew_is_read_from_its_beginning_by_who_runs(
    kafka: Broker, monkeypatch: pytest.MonkeyPatch, empty_for_a_while: bool
) -> None:
    monkeypatch.setattr(kafka_subscription, "TAKE_AGAIN_SECONDS", 0)
    group, begun = kafka.fresh("group"), []

    async def assigned(partitions: Any) -> None:
        begun.append(await log.committed(group, topic))

    async with (
        logs(kafka) as (topic, (log,)),
        log.subscribe(topic, group, assigned, no_offsets) as member,
    ):
        await put(log, topic, 200)
        records = await take(member, 200)
        await member.commit(after(records))
        await made_anew(kafka, topic)
        if not empty_for_a_while:
            await appended(log, topic, 20)
        found = []
        while len(begun) < 2:  # joined anew
            found += await member.poll(100, 0.1)
            await member.reached({})
        if empty_for_a_while:
            await appended(log, topic, 20)
        found += await take(member, 20 - len(found))
        assert values(found) == list(range(20))
        assert begun[-1] == {}
        await member.commit(after(found))
        assert await log.committed(group, topic) == after(found)


async def test_kafka_partitions_that_are_added_stop_nobody_who_runs(
    kafka: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    held: list[int] = []

    async def assigned(partitions: Sequence[int]) -> None:
        held.extend(partitions)

    async with logs(kafka) as (topic, (log,)):
        await put(log, topic, 20)
        async with admin(kafka) as client:
            await client.create_partitions({topic: NewPartitions(PARTITIONS + 2)})
            while len((await client.describe_topics([topic]))[0]["partitions"]) == PARTITIONS:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.05)
        async with log.subscribe(topic, kafka.fresh("group"), assigned, no_offsets) as member:
            records = await take(member, 20)
            assert values(records) == list(range(20))
            await member.commit(after(records))
    assert held == list(range(PARTITIONS))
    (told,) = [line for line in caplog.records if line.message == "partitions-added"]
    assert (told.levelno, vars(told)["topic"], vars(told)["partitions"]) == (logging.ERROR, topic, PARTITIONS)
