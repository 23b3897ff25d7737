"""Offsets that finish in any order, and lanes that keep the order of each key: by property."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.lanes import Lanes
from processor.offsets import Offsets
from processor.retry import Interrupted
from tests.unit.engine import until

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@given(st.sets(st.integers(10, 60), min_size=1).flatmap(lambda begun: st.permutations(sorted(begun))))
def test_next_is_one_past_the_finished_prefix_whatever_the_order_and_the_gaps(order: list[int]) -> None:
    offsets = Offsets(7)
    begun = sorted(order)
    for offset in begun:
        assert offsets.begin(offset, NOW)
    finished: set[int] = set()
    for offset in order:
        before = offsets.next
        finished.add(offset)
        moved = offsets.finish(offset)
        prefix = [o for i, o in enumerate(begun) if set(begun[: i + 1]) <= finished]
        assert offsets.next == (prefix[-1] + 1 if prefix else 7)
        assert moved is (offsets.next > before)
        assert offsets.behind == len(finished) - len(prefix)
        assert offsets.unfinished == len(begun) - len(finished)
    assert offsets.next == begun[-1] + 1
    assert offsets.oldest is None


def test_a_second_delivery_of_the_same_record_is_not_begun() -> None:
    offsets = Offsets(5)
    assert not offsets.begin(4, NOW)
    assert offsets.begin(5, NOW)
    assert not offsets.begin(5, NOW)
    assert offsets.begin(6, NOW)


@pytest.mark.parametrize("seed", range(5))
async def test_order_within_a_key_holds_whoever_is_slow(seed: int) -> None:
    done: dict[str, list[int]] = {}
    side_by_side = 0
    active: set[str] = set()

    def work(key: str, number: int):
        async def do() -> None:
            nonlocal side_by_side
            assert key not in active
            active.add(key)
            side_by_side = max(side_by_side, len(active))
            for _ in range((number * 7 + seed) % 5):
                await asyncio.sleep(0)
            active.remove(key)
            done.setdefault(key, []).append(number)

        return do

    async with asyncio.TaskGroup() as tasks:
        lanes = Lanes(tasks)
        for number in range(200):
            lanes.add(0, f"k{number % 9}", work(f"k{number % 9}", number))
            if number % 11 == seed:
                await asyncio.sleep(0)
    assert sum(map(len, done.values())) == 200
    assert all(numbers == sorted(numbers) for numbers in done.values())
    assert side_by_side > 4
    assert lanes.load == 0


async def test_an_interrupted_lane_drops_its_rest_and_the_key_can_come_again() -> None:
    done: list[int] = []

    async def stops() -> None:
        raise Interrupted

    async def goes() -> None:
        done.append(1)

    async with asyncio.TaskGroup() as tasks:
        lanes = Lanes(tasks)
        for work in (goes, stops, goes, goes):
            lanes.add(3, "k", work)
        await until(lambda: lanes.load_of(3) == 0)
        assert done == [1]
        lanes.add(3, "k", goes)
    assert done == [1, 1]


async def test_a_drain_ends_what_has_begun_drops_the_rest_and_leaves_other_partitions_alone() -> None:
    gate, never = asyncio.Event(), asyncio.Event()
    done: list[str] = []

    def waits(name: str, event: asyncio.Event):
        async def work() -> None:
            await event.wait()
            done.append(name)

        return work

    async with asyncio.TaskGroup() as tasks:
        lanes = Lanes(tasks)
        for name in ("first", "second"):
            lanes.add(0, "k", waits(name, gate))
        lanes.add(0, "stuck", waits("stuck", never))
        lanes.add(1, "k", waits("other", gate))
        await asyncio.sleep(0)
        gate.set()
        assert await lanes.drain([0], 0.02) == 1
        assert (lanes.load_of(0), set(done)) == (0, {"first", "other"})
    assert lanes.load == 0


async def test_other_errors_end_the_task_group() -> None:
    async def fails() -> None:
        raise KeyError("bug of the engine")

    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as tasks:
            Lanes(tasks).add(0, "k", fails)
    assert caught.group_contains(KeyError)
