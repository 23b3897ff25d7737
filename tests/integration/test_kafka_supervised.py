"""The supervised consumer on a real broker: one test for each way in which aiokafka's own would fall silent or leave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from processor.errors import RetryableError
from processor.eventlog import kafka_connection, kafka_subscription
from processor.eventlog.kafka_connection import Connection
from processor.eventlog.kafka_watchdog import Watchdog
from tests.contract.filelog import no_offsets, nothing
from tests.integration.test_kafka_consumer import logs, put, take, values
from tests.kafkabroker import Broker


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next consumer comes without a pause."""
    monkeypatch.setattr(kafka_subscription, "TAKE_AGAIN_SECONDS", 0)


@pytest.mark.usefixtures("at_once")
async def test_trap_13_a_consumer_that_gets_nothing_though_there_is_something_is_replaced(kafka: Broker) -> None:
    async with (
        logs(kafka) as (topic, (log,)),
        log.subscribe(topic, kafka.fresh("group"), nothing, no_offsets) as member,
    ):
        stuck = member._consumer

        async def silent(*_: Any, timeout_ms: int = 0, **__: Any) -> dict[Any, Any]:
            await asyncio.sleep(timeout_ms / 1000)
            return {}

        stuck.getmany = silent
        member._seats._watchdog = Watchdog(asyncio.get_running_loop().time, 0.5)
        for place in stuck.assignment():
            stuck.pause(place)  # nothing is fetched, so no position moves
        await put(log, topic, 20)
        records = []
        while len(records) < 20:
            await member.reached({})
            records += await member.poll(100, 0.1)
        assert values(records) == list(range(20))
        assert member._consumer is not stuck


@pytest.mark.usefixtures("at_once")
async def test_trap_14_a_start_that_never_ends_is_given_up_and_tried_again(
    kafka: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_subscription, "START_SECONDS", 0.5)
    made = hanging_first(monkeypatch)
    async with logs(kafka) as (topic, (log,)):
        await put(log, topic, 20)
        async with log.subscribe(topic, kafka.fresh("group"), nothing, no_offsets) as member:
            assert values(await take(member, 20)) == list(range(20))
    assert len(made) >= 2


def hanging_first(monkeypatch: pytest.MonkeyPatch) -> list[AIOKafkaConsumer]:
    """The first consumer that is made never starts."""
    make: Callable[..., AIOKafkaConsumer] = Connection.consumer
    made: list[AIOKafkaConsumer] = []

    def consumer(*arguments: Any, **options: Any) -> AIOKafkaConsumer:
        one = make(*arguments, **options)
        if not made:
            one.start = asyncio.Event().wait
        made.append(one)
        return one

    monkeypatch.setattr(Connection, "consumer", consumer)
    return made


async def test_trap_16_who_is_full_for_longer_than_kafka_waits_for_a_poll_stays_a_member(
    kafka: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_connection, "POLL_MS", 1_500)
    async with logs(kafka) as (topic, (log,)):
        await put(log, topic, 20)
        async with log.subscribe(topic, kafka.fresh("group"), nothing, no_offsets) as member:
            records = await take(member, 20)
            epoch = member._seats.epoch
            for _ in range(10):
                assert not await member.poll(0, 0.5)
            assert member._seats.epoch == epoch
            await put(log, topic, 20, len(records))
            assert values(await take(member, 20)) == list(range(20, 40)), "none of the first comes again"


@pytest.mark.usefixtures("at_once")
async def test_trap_18_a_consumer_that_raises_is_replaced(kafka: Broker) -> None:
    async with logs(kafka) as (topic, (log,)):
        await put(log, topic, 20)
        async with log.subscribe(topic, kafka.fresh("group"), nothing, no_offsets) as member:
            await member._end_fetch()
            broken = member._consumer

            async def raises(*_: Any, **__: Any) -> dict[Any, Any]:
                raise KafkaError("the coordination has ended")

            broken.getmany = raises
            with pytest.raises(RetryableError, match="coordination has ended"):
                await member.poll(100, 1)
            records = []
            while len(records) < 20:
                records += await later(member)
            assert values(records) == list(range(20))
            assert member._consumer is not broken


async def later(member: Any) -> Any:
    """The broken one may be asked once more before it is gone."""
    try:
        return await member.poll(100, 0.1)
    except RetryableError:
        return ()
