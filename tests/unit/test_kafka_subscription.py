"""How far a member has come when what it has fetched is not all handed out yet."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aiokafka.structs import TopicPartition

from processor.eventlog import Message, Record
from processor.eventlog.kafka_subscription import KafkaSubscription
from tests.unit.test_kafka_seats import hold, no_drain, seats

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FETCHED = 10
"""Behind what a transaction has left there."""


class Fetching:
    """A consumer, and a log that ends where it has come to."""

    async def position(self, _: TopicPartition) -> int:
        return FETCHED

    async def bounds(self, *_: Any) -> tuple[int, int]:
        return 0, FETCHED


def member() -> KafkaSubscription:
    """It holds partition 1, of which everything up to 5 was handed out."""
    nobody: Any = None
    made = KafkaSubscription(
        "things",
        "readers",
        make=nobody,
        seats=nobody,
        producer=nobody,
        encode=nobody,
        pure=True,
        rebalanced=nobody,
    )
    fetching = Fetching()
    made._seats = seats(no_drain, [], fetching, fetching)
    hold(made._seats, {1: 5})
    return made


def record(offset: int) -> Record:
    return Record("things", 1, offset, NOW, Message("things", "k", b""))


async def test_what_was_fetched_and_not_handed_out_is_not_passed() -> None:
    reader = member()
    reader._ahead.add(reader._seats.epoch, 1, [record(7), record(8)])
    assert await reader.reached({1: 5, 2: 3}) == {1: 5, 2: 3}
    assert [found.offset for found in await reader.poll(10, 0)] == [7, 8]
    assert await reader.reached({1: 5}) == {1: 5}, "handed out, and not finished"
    assert await reader.reached({1: 9}) == {1: FETCHED}, "nothing is left but what is no record"
