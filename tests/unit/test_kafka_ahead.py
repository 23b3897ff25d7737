"""What was fetched of Kafka is handed out in its order, once, and not across a rebalance."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from aiokafka.structs import TopicPartition

from processor.eventlog import Message, Record
from processor.eventlog.kafka_ahead import Ahead
from processor.eventlog.kafka_seats import Seat


def records(number: int, first: int, end: int) -> list[Record]:
    moment = datetime(2026, 3, 9, tzinfo=UTC)
    return [Record("things", number, offset, moment, Message("things", "k", b"")) for offset in range(first, end)]


def seats(*numbers: int) -> Any:
    """What `take` asks of a consumer's seats."""
    held = {n: Seat(TopicPartition("things", n), SimpleNamespace(), 0, 0, None) for n in numbers}  # type: ignore[arg-type]  # no consumer is asked
    return SimpleNamespace(epoch=1, held=held)


def places(found: list[Record]) -> list[tuple[int, int]]:
    return [(record.partition, record.offset) for record in found]


def test_pages_come_in_their_order_and_what_is_over_the_limit_next_time() -> None:
    ahead, ours = Ahead(), seats(0, 1)
    ahead.add(1, 0, records(0, 5, 8))
    ahead.add(1, 1, records(1, 0, 2))
    ahead.add(1, 0, records(0, 8, 9))
    assert places(ahead.take(2, ours)) == [(0, 5), (0, 6)]
    assert ours.held[0].delivered == 7
    assert places(ahead.take(100, ours)) == [(0, 7), (1, 0), (1, 1), (0, 8)]
    assert (ours.held[0].delivered, ours.held[1].delivered) == (9, 2)
    assert not ahead
    assert ahead.take(100, ours) == []


def test_an_empty_page_is_none() -> None:
    ahead = Ahead()
    ahead.add(1, 0, [])
    assert not ahead
    assert ahead.numbers == set()


def test_a_paused_partition_keeps_its_place_and_the_others_pass() -> None:
    ahead, ours = Ahead(), seats(0, 1)
    ours.held[0].paused = True
    ahead.add(1, 0, records(0, 0, 2))
    ahead.add(1, 0, records(0, 2, 3))
    ahead.add(1, 1, records(1, 0, 3))
    assert places(ahead.take(2, ours)) == [(1, 0), (1, 1)]
    assert ours.held[0].delivered == 0
    assert ahead.numbers == {0, 1}
    ours.held[0].paused = False
    assert places(ahead.take(100, ours)) == [(0, 0), (0, 1), (0, 2), (1, 2)]


def test_what_was_fetched_before_a_rebalance_or_is_not_ours_any_more_is_dropped() -> None:
    ahead, ours = Ahead(), seats(0)
    ahead.add(0, 0, records(0, 0, 2))
    ahead.add(1, 1, records(1, 0, 2))
    ahead.add(1, 0, records(0, 7, 8))
    assert places(ahead.take(100, ours)) == [(0, 7)]
    assert not ahead
