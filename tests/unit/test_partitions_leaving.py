"""What is forgotten of a partition that has left, so that nothing of it is told or passed over when it is back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from processor.deadletters import DEADLETTERS
from processor.errors import PoisonError, RetryableError
from processor.eventlog.partitions import partition_of
from processor.flight import Flight
from processor.member import Member
from processor.pace import Policy
from processor.progress import Progress
from processor.replays import replay
from processor.telemetry import Metrics
from tests.unit.adding import Sum
from tests.unit.engine import NOON, QUICK, Fact, fact, nothing, put, running, until
from tests.unit.memorylog import MemoryLog
from tests.unit.outside import Outside, neighbours


async def test_the_lag_of_what_left_is_not_told_any_more() -> None:
    log, progress = MemoryLog(), Progress("sum", Fact.topic)
    async with running(Sum().group(), log, progress=progress):
        await until(lambda: len(progress.lag) == 4)
        await log.take_away("sum", [0, 1])
        assert set(progress.lag) == {2, 3}


async def test_a_replay_that_was_not_done_when_its_partition_left_is_done_when_it_is_back() -> None:
    log, outside, metrics = MemoryLog(), Outside(), Metrics.build()

    def attempts() -> float | None:
        names = {"group": "outside", "error": "RetryableError"}
        return metrics.registry.get_sample_value("processor_failed_attempts_total", names)

    outside.trouble["s/0"] = PoisonError("unknown to WFM")
    await put(log, [fact("s/0", 1)])
    async with running(outside.group(), log, metrics=metrics):
        await until(lambda: len(log.all(DEADLETTERS)) == 1)
        outside.trouble["s/0"] = RetryableError("503")
        await replay(log, None)
        await until(attempts)
        home = [partition_of("s/0", log.partitions)]
        await log.take_away("outside", home)
        outside.trouble.clear()
        await log.give_back("outside", home)
        await until(lambda: outside.got["s/0"] == [1])


async def test_what_left_is_not_told_to_be_paused() -> None:
    log, outside, progress = MemoryLog(), Outside(), Progress("outside", Fact.topic)
    ill, well = neighbours()
    outside.held[ill] = asyncio.Event()
    await put(log, [fact(ill, 0), *(fact(well, number) for number in range(1, 9))])
    policy = replace(QUICK, behind=3, drain=timedelta(0))
    async with running(outside.group(), log, policy, progress=progress):
        await until(lambda: progress.paused)
        await log.take_away("outside", sorted(progress.paused))
        assert not progress.paused


async def test_when_something_of_it_was_committed_last_is_not_told_of_its_next_time() -> None:
    log, group = MemoryLog(), Sum().group()
    member = Member(group, log, Policy(), Metrics.build(), lambda: NOON, Progress(group.name, group.topic))
    async with asyncio.TaskGroup() as tasks:
        flight = Flight(member, tasks, nothing)
        flight.positions[0], flight.newest[0] = 5, NOON
        assert flight.forget(0) == 5
        assert flight.forget(0) is None
        assert not flight.newest
