"""Topics that somebody alters while the product runs: told at once and once, and when it is mended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry

from processor.app import upkeep
from processor.errors import RetryableError
from processor.eventlog.kafka_connection import connection
from processor.eventlog.kafka_promises import Finding
from processor.eventlog.kafka_topics import check, prepare
from processor.settings import Settings
from processor.telemetry import Metrics
from tests.integration.test_kafka_topics import alter, order
from tests.kafkabroker import Broker

SETTING = "unclean.leader.election.enable"


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - a broker tells nobody when it has taken a setting
            await asyncio.sleep(0.02)


def broken(metrics: Metrics) -> float:
    return next(iter(metrics.topics_broken.collect())).samples[0].value


async def test_a_setting_that_breaks_a_promise_is_told_once_and_again_when_it_is_mended(
    kafka: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    wanted, where, metrics = order(kafka), connection(kafka.bootstrap), Metrics.build()
    name = wanted.topics[0].name
    await prepare(where, wanted)
    looks = 0

    async def look() -> Sequence[Finding]:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise RetryableError("Kafka is away for a moment")
        return await check(where, wanted)

    def said(event: str) -> list[logging.LogRecord]:
        return [record for record in caplog.records if record.getMessage() == event and name in str(vars(record))]

    async def to(value: str) -> None:
        entry = ConfigEntry(SETTING, value, incremental_operation=AlterConfigOpType.SET)
        await asyncio.to_thread(alter, kafka, name, entry)

    watching = asyncio.create_task(upkeep.watch_promises(look, metrics, 0.01))
    try:
        await until(lambda: looks > 2)
        assert broken(metrics) == 0
        assert not said("promise-broken")
        await to("true")
        await until(lambda: broken(metrics) == 1)
        seen = looks
        await until(lambda: looks > seen + 2)
        (line,) = said("promise-broken")
        assert line.levelno == logging.ERROR
        assert f"{SETTING}=false" in vars(line)["finding"], "how to mend it"
        await to("false")
        await until(lambda: broken(metrics) == 0)
        assert [vars(line)["setting"] for line in said("promise-kept-again")] == [SETTING]
    finally:
        watching.cancel()
        await asyncio.wait({watching})


async def test_the_product_looks_at_all_its_topics(kafka: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a Kafka that has none of them: each is missing."""
    asked = []

    async def looked(*words: object) -> Sequence[Finding]:
        asked.append(words)
        return [Finding(topic.name, "the topic", "missing", "x", "y") for topic in words[1].topics]

    monkeypatch.setattr(upkeep, "check", looked)
    monkeypatch.setattr(upkeep, "LOOK_EVERY", 0.01)
    metrics = Metrics.build()
    settings = Settings(log=f"kafka://{kafka.bootstrap}", partitions=3)
    caring = asyncio.create_task(upkeep.upkeep(None, settings, metrics))
    try:
        await until(lambda: broken(metrics) == len(upkeep.order_of(settings).topics))
    finally:
        caring.cancel()
        await asyncio.wait({caring})
    (where, wanted), *_ = asked
    assert where.bootstrap == kafka.bootstrap
    assert wanted.partitions == 3
