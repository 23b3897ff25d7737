"""What a member begins with, and how its waiting shows."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from processor.member import Member
from processor.pace import Policy
from processor.progress import Progress
from processor.telemetry import Metrics
from tests.unit.adding import Sum
from tests.unit.engine import NOON, Fact
from tests.unit.memorylog import MemoryLog


@pytest.mark.parametrize(("committed", "begins"), [(0, 5), (4, 5), (7, 7)])
async def test_it_goes_on_where_something_is_kept(monkeypatch: pytest.MonkeyPatch, committed: int, begins: int) -> None:
    log, group = MemoryLog(), Sum().group()

    async def bounds(topic: str, _: int) -> tuple[int, int]:
        return (5, 9) if topic == Fact.topic else (0, 0)

    async def offsets(*_: str) -> dict[int, int]:
        return {0: committed} if committed else {}

    monkeypatch.setattr(log, "bounds", bounds)
    monkeypatch.setattr(log, "committed", offsets)
    member = Member(group, log, Policy(), Metrics.build(), lambda: NOON, Progress(group.name, group.topic))
    assert await member.take(0) == begins


async def test_waiting_is_a_sign_of_life() -> None:
    time, seen, group = NOON, [], Sum().group()
    metrics, progress = Metrics.build(), Progress(group.name, group.topic)

    def waiting() -> float | None:
        return metrics.registry.get_sample_value("processor_waiting_records", {"group": group.name})

    async def pause(_: asyncio.Event, seconds: float) -> None:
        nonlocal time
        seen.append((progress.beat, progress.waiting, waiting()))
        time += timedelta(seconds=seconds)

    member = Member(group, MemoryLog(), Policy(), metrics, lambda: time, progress, pause=pause)
    await member.sleep(asyncio.Event())(60)
    assert seen == [(NOON, 1, 1)]
    assert (progress.beat, progress.waiting, waiting()) == (NOON + timedelta(seconds=60), 0, 0)
