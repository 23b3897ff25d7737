"""What a member of a group with effects may still do outside when Kafka has not heard of it, on a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from processor.errors import RetryableError
from processor.eventlog import Message, kafka_connection, kafka_seats
from tests.contract.filelog import no_offsets, nothing
from tests.integration.test_kafka_consumer import PARTITIONS, everything, logs, put, take
from tests.kafkabroker import Broker

SESSION_MS = 6_000
"""The shortest that a broker takes."""


@pytest.mark.slow
async def test_trap_8_who_was_cut_off_acts_no_more_before_others_have_its_partitions(
    kafka: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_connection, "SESSION_MS", SESSION_MS)
    monkeypatch.setattr(kafka_seats, "SESSION_MS", SESSION_MS)
    still_acting: list[bool] = []

    async with logs(kafka, [None, None]) as (topic, (one, two)):
        group = kafka.fresh("group")
        await put(one, topic, 20)
        async with one.subscribe(topic, group, nothing, no_offsets, pure=False) as first:
            await take(first, 20)
            for _ in range(3 * SESSION_MS // 1000):  # longer than one proof lasts
                await first.poll(100, 0.5)
                await first.reached({})
                assert all(first.holds(number) for number in range(PARTITIONS))

            async def taken_over(_: Sequence[int]) -> None:
                still_acting.extend(first.holds(number) for number in range(PARTITIONS))

            client = first._consumer._client
            answered, client.send = client.send, unheard
            async with two.subscribe(topic, group, taken_over, no_offsets, pure=False) as second:
                while not any(second.holds(number) for number in range(PARTITIONS)):
                    await first.reached({})
                    await asyncio.sleep(0.05)
                assert still_acting == [False] * PARTITIONS
                with pytest.raises(RetryableError, match="may have lost"):
                    await first.append(0, [Message(f"{topic}.out", "k", b"of the past")])
                client.send = answered
        assert await everything(two, f"{topic}.out") == []


async def unheard(*_: Any, **__: Any) -> Any:
    """As if the way to Kafka were cut: no answer, and no error."""
    return await asyncio.get_running_loop().create_future()
