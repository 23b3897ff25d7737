"""What waits for one partition: the order, what a batch takes, and what nobody waits for any more."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import pytest

from processor.errors import PoisonError, RetryableError
from processor.eventlog import Message
from processor.eventlog.kafka_lane import Lane, Part, Pending, Post
from processor.eventlog.kafka_records import Row


@dataclass
class Batch:
    """As aiokafka's: says None to what it has no room for."""

    room: int = 100
    rows: list[bytes] = field(default_factory=list)

    def append(self, *, timestamp: int, key: bytes, value: bytes, headers: Any) -> object | None:
        assert timestamp == 7
        assert key == b"k"
        assert headers == []
        if len(self.rows) == self.room:
            return None
        self.rows.append(value)
        return self


def part(*values: bytes, ends: float = 10.0) -> Part:
    post = Post(asyncio.get_running_loop().create_future(), 1, ends)
    return Part(post, [Row(Message("t", "k", value), 10) for value in values], 10 * len(values))


def lane(*parts: Part) -> Lane:
    return Lane(Pending(sum(one.size for one in parts)), deque(parts))


def launched(on: Lane, room: int = 100) -> list[bytes]:
    batch = Batch(room)
    on.flying = on.fill(batch, 7) or None
    return batch.rows


def landed(on: Lane) -> tuple[int, int]:
    assert on.flying is not None
    return on.landed(on.flying)


async def test_a_batch_takes_what_it_can_and_the_next_the_rest() -> None:
    first, second = part(b"1", b"2", b"3"), part(b"4")
    on = lane(first, second)
    assert launched(on, room=2) == [b"1", b"2"]
    assert landed(on) == (2, 0)
    assert not first.post.done.done(), "its third is not there yet"
    assert launched(on) == [b"3", b"4"]
    assert landed(on) == (2, 0)
    assert first.post.done.done()
    assert second.post.done.done()
    assert on.pending.size == 0


async def test_what_came_back_goes_first_as_it_was() -> None:
    on = lane(part(b"1", b"2", b"3"), part(b"4"))
    launched(on, room=2)
    on.take_back()
    assert on.flying is None
    assert launched(on) == [b"1", b"2", b"3", b"4"]
    on.take_back()
    assert launched(on) == [b"1", b"2", b"3", b"4"]


async def test_what_nobody_waits_for_any_more_is_not_sent() -> None:
    one, gone, two = part(b"1"), part(b"2"), part(b"3")
    on = lane(one, gone, two)
    gone.post.done.cancel()
    assert launched(on) == [b"1", b"3"]
    assert on.pending.size == 20
    assert landed(on) == (2, 0)
    assert on.pending.size == 0


async def test_what_lands_after_its_caller_has_gone_is_a_ghost() -> None:
    one, gone = part(b"1"), part(b"2", b"3")
    on = lane(one, gone)
    launched(on)
    gone.post.done.cancel()
    on.sweep()
    assert on.pending.size == 30, "it is under way"
    assert landed(on) == (3, 2)
    assert on.pending.size == 0


async def test_those_whose_time_is_up_hear_it_and_the_others_go_on() -> None:
    flying, old, young = part(b"1", ends=1), part(b"2", ends=2), part(b"3", ends=3)
    on = lane(flying)
    launched(on)
    on.waiting.extend((old, young))
    on.pending.size += old.size + young.size
    on.expire(2, lambda: RetryableError("too late"))
    on.sweep()
    assert [type(one.post.done.exception()) for one in (flying, old)] == [RetryableError, RetryableError]
    assert not young.post.done.done()
    assert landed(on) == (1, 1)
    assert launched(on) == [b"3"]


async def test_the_rest_of_what_is_under_way_in_part_stays_until_that_has_come_to_its_end() -> None:
    long, behind = part(b"1", b"2"), part(b"3")
    on = lane(long, behind)
    launched(on, room=1)
    long.post.done.cancel()
    on.sweep()
    assert list(on.waiting) == [long, behind]
    assert landed(on) == (1, 1)
    on.sweep()
    assert list(on.waiting) == [behind], "the second is not sent for nobody"
    assert on.pending.size == behind.size


async def test_one_that_is_refused_takes_no_other_with_it() -> None:
    large, small = part(b"1"), part(b"2")
    on = lane(large, small)
    on.alone = 1
    assert launched(on) == [b"1"]
    assert on.flying is not None
    on.refuse(on.flying, PoisonError("too large"))
    with pytest.raises(PoisonError):
        large.post.done.result()
    assert launched(on) == [b"2"]
    assert on.pending.size == small.size
