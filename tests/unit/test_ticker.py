"""Periodic work: at once, then every so often, by the owner of its partition only; failures wait longer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from processor.errors import FatalError, PoisonError, RetryableError
from processor.eventlog import Message
from processor.eventlog.partitions import partition_of
from processor.retry import Interrupted
from processor.routing import Tick
from processor.telemetry import Metrics
from processor.ticker import Ticker, back_off
from tests.unit.engine import NOON, fact, note, until


class Scene:
    """A clock that the ticker's sleeps move, until as many were slept as the test wants."""

    def __init__(self, sleeps: int) -> None:
        self.time = NOON
        self.left = sleeps
        self.slept: list[float] = []
        self.appended: list[tuple[int, int]] = []
        self.metrics = Metrics.build()
        self.caught_up = 0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)
        if len(self.slept) >= self.left:
            raise Interrupted

    async def append(self, partition: int, messages: Sequence[Message]) -> None:
        await asyncio.sleep(0)
        self.appended.append((partition, len(messages)))

    async def catch_up(self) -> None:
        await asyncio.sleep(0)
        self.caught_up += 1

    def ticker(self, tasks: asyncio.TaskGroup, *ticks: Tick) -> Ticker:
        return Ticker(
            ticks,
            tasks,
            self.append,
            self.sleep,
            self.catch_up,
            partitions=4,
            now=lambda: self.time,
            metrics=self.metrics,
            redact=str,
        )


async def test_what_a_tick_reads_is_brought_up_to_date_each_time() -> None:
    scene = Scene(3)
    seen: list[int] = []

    async def work() -> None:
        seen.append(scene.caught_up)

    async with asyncio.TaskGroup() as tasks:
        scene.ticker(tasks, Tick("t", "key", timedelta(seconds=10), work)).start(partition_of("key", 4))
    assert seen == [1, 2, 3]


async def test_at_once_and_then_from_start_to_start() -> None:
    scene = Scene(3)

    async def work() -> list:
        scene.time += timedelta(seconds=4)
        return [note(fact("s/1", n), n) for n in range(1200)]

    async with asyncio.TaskGroup() as tasks:
        scene.ticker(tasks, Tick("t", "key", timedelta(seconds=10), work)).start(partition_of("key", 4))
    assert scene.slept == [6, 6, 6]
    assert scene.appended == [(partition_of("key", 4), size) for size in (500, 500, 200)] * 3


async def test_a_clock_that_is_set_back_in_its_midst_makes_no_rest_longer() -> None:
    scene = Scene(2)

    async def work() -> None:
        scene.time -= timedelta(hours=1)

    async with asyncio.TaskGroup() as tasks:
        scene.ticker(tasks, Tick("t", "key", timedelta(seconds=10), work)).start(partition_of("key", 4))
    assert scene.slept == [10, 10]


async def test_only_where_its_key_falls_and_not_after_the_partition_has_left() -> None:
    scene = Scene(10**6)
    ran = 0

    async def work() -> None:
        nonlocal ran
        ran += 1

    async with asyncio.TaskGroup() as tasks:
        ticker = scene.ticker(tasks, Tick("t", "key", timedelta(seconds=10), work))
        mine = partition_of("key", 4)
        for partition in {0, 1, 2, 3} - {mine}:
            ticker.start(partition)
        await asyncio.sleep(0.01)
        assert ran == 0
        ticker.start(mine)
        await until(lambda: ran > 2)
        await ticker.stop(mine)
        after = ran
        await asyncio.sleep(0.01)
        assert ran == after


@pytest.mark.parametrize("error", [RetryableError("503"), PoisonError("odd"), KeyError("bug")])
async def test_a_failure_is_tried_again_with_back_off(error: Exception) -> None:
    scene = Scene(12)
    failures = 0

    async def work() -> None:
        nonlocal failures
        failures += 1
        if failures <= 10:
            raise error

    async with asyncio.TaskGroup() as tasks:
        scene.ticker(tasks, Tick("t", "key", timedelta(hours=1), work)).start(partition_of("key", 4))
    bounds = [min(2**n, 60) for n in range(10)]
    assert all(bound / 2 <= slept <= bound for slept, bound in zip(scene.slept, bounds, strict=False))
    assert scene.slept[10:] == [3600, 3600]
    assert scene.metrics.registry.get_sample_value("processor_ticks_total", {"tick": "t", "result": "failed"}) == 10


def test_the_far_side_may_ask_for_longer() -> None:
    assert back_off(1, RetryableError("429", timedelta(minutes=7))) == timedelta(minutes=7)


async def test_a_fatal_error_ends_the_task_group() -> None:
    scene = Scene(5)

    async def work() -> None:
        raise FatalError("wrong settings")

    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as tasks:
            scene.ticker(tasks, Tick("t", "key", timedelta(hours=1), work)).start(partition_of("key", 4))
    assert caught.group_contains(FatalError)
