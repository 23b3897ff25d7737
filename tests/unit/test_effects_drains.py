"""The way with effects: stops, partitions that leave, and bounds on what runs ahead."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from processor.audit import OUTCOMES
from processor.errors import RetryableError
from processor.eventlog import Record
from processor.eventlog.partitions import partition_of
from processor.progress import Progress
from processor.retry import Interrupted
from tests.unit.engine import QUICK, Fact, fact, put, running, until
from tests.unit.memorylog import MemoryLog, MemorySubscription
from tests.unit.outside import Outside, committed, neighbours


async def test_unfinished_work_comes_again_after_a_stop_and_the_stop_does_not_wait_for_it() -> None:
    log, outside = MemoryLog(), Outside()
    ill, well = neighbours()
    outside.trouble[ill] = RetryableError("503")
    await put(log, [fact(ill, 1), fact(ill, 2), fact(well, 3)])

    async def hours(leaving: asyncio.Event, _: float) -> None:
        await leaving.wait()
        raise Interrupted

    async with running(outside.group(), log, pause=hours):
        await until(lambda: outside.got[well] == [3])
    assert await committed(log) == 0
    outside.trouble.clear()
    async with running(outside.group(), log):
        await until(lambda: outside.got[ill] == [1, 2])
    assert await committed(log) == 3


async def test_a_drain_lets_begun_work_end_and_commits_it() -> None:
    log, outside = MemoryLog(), Outside()
    gate = outside.held["s/0"] = asyncio.Event()
    await put(log, [fact("s/0", 1), fact("s/0", 2)])
    async with running(outside.group(), log) as stop:
        await until(lambda: outside.busy == 1)
        stop.set()
        await asyncio.sleep(0.02)
        gate.set()
    assert outside.got["s/0"] == [1], "what had begun; the next in the lane had not"
    assert await committed(log) == 1
    assert len(log.all(OUTCOMES)) == 1


async def test_a_partition_that_leaves_is_drained_and_comes_again_from_its_commit() -> None:
    log, outside = MemoryLog(), Outside()
    ill, well = neighbours()
    leaving = partition_of(ill, 4)
    other = next(f"o/{n}" for n in range(99) if partition_of(f"o/{n}", 4) != leaving)
    outside.trouble[ill] = RetryableError("503")
    await put(log, [fact(well, 0), fact(ill, 1), fact(well, 2), fact(other, 3)])
    async with running(outside.group(), log):
        await until(lambda: outside.total() == 3)
        await log.take_away("outside", [leaving])
        assert (await log.committed("outside", Fact.topic))[leaving] == 1
        outside.trouble.clear()
        await put(log, [fact(other, 4), fact(well, 5)])
        await until(lambda: outside.got[other] == [3, 4])
        assert outside.got[well] == [0, 2], "not ours any more"
        await log.give_back("outside", [leaving])
        await until(lambda: outside.got[well] == [0, 2, 2, 5])
    assert outside.got[ill] == [1]
    assert await committed(log) == 6


async def test_a_drain_is_bounded() -> None:
    log, outside = MemoryLog(), Outside()
    outside.held["s/0"] = asyncio.Event()
    await put(log, [fact("s/0", 1)])
    async with running(outside.group(), log, replace(QUICK, drain=timedelta(milliseconds=20))):
        await until(lambda: outside.busy == 1)
    assert outside.busy == 0
    assert await committed(log) == 0


async def test_a_partition_too_far_ahead_is_paused_and_goes_on_later() -> None:
    log, outside = MemoryLog(), Outside()
    progress = Progress("outside", Fact.topic)
    ill, well = neighbours()
    outside.trouble[ill] = RetryableError("503")
    await put(log, [fact(ill, 0)])
    policy = replace(QUICK, behind=20, batch=10)
    async with running(outside.group(), log, policy, progress=progress):
        await put(log, [fact(well, n) for n in range(1, 200)])
        await until(lambda: progress.paused == {partition_of(ill, 4)})
        seen = len(outside.got[well])
        assert 20 <= seen <= 40
        outside.trouble.clear()
        await until(lambda: len(outside.got[well]) == 199)
        await until(lambda: not progress.paused)
    assert await committed(log) == 200


async def test_full_lanes_stop_the_polling_not_the_membership() -> None:
    log, outside = MemoryLog(), Outside()
    gate = asyncio.Event()
    for n in range(200):
        outside.held[f"s/{n}"] = gate
    await put(log, [fact(f"s/{n}", n) for n in range(200)])
    progress = Progress("outside", Fact.topic)
    async with running(outside.group(), log, replace(QUICK, load=30, width=200), progress=progress):
        await until(lambda: outside.busy == 30)
        await asyncio.sleep(0.05)
        assert outside.busy == 30
        gate.set()
        await until(lambda: outside.total() == 200)


@pytest.mark.parametrize(("lane_load", "most"), [(10, 5), (1, 1)])
async def test_no_poll_takes_more_than_half_of_what_a_partition_may_hold(
    monkeypatch: pytest.MonkeyPatch, lane_load: int, most: int
) -> None:
    """Else any backlog would pause a partition at once."""
    log, outside, limits = MemoryLog(), Outside(), set[int]()
    poll = MemorySubscription.poll

    async def told(self: MemorySubscription, limit: int, timeout: float) -> Sequence[Record]:
        limits.add(limit)
        return await poll(self, limit, timeout)

    monkeypatch.setattr(MemorySubscription, "poll", told)
    await put(log, [fact("s/0", n) for n in range(40)])
    async with running(outside.group(), log, replace(QUICK, batch=1_000, lane_load=lane_load)):
        await until(lambda: outside.total() == 40)
    assert max(limits) == most
