"""Periodic work of a group with effects."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from processor.audit import OUTCOMES, verify
from processor.errors import FatalError, RetryableError
from processor.eventlog.partitions import partition_of
from processor.progress import Progress
from processor.retry import Interrupted
from processor.routing import Tick
from processor.table import Table, last
from tests.unit.engine import Fact, Note, Told, fact, forever, note, put, running, told, until
from tests.unit.memorylog import MemoryLog
from tests.unit.outside import Outside


async def test_ticks_run_at_the_start_and_their_outputs_are_appended_and_chained() -> None:
    log, outside = MemoryLog(), Outside()
    ran = 0

    async def work() -> list[Told]:
        nonlocal ran
        ran += 1
        if ran == 2:
            raise RetryableError("503", timedelta(seconds=5))
        return [told(fact("s/1", ran))]

    async def soon(leaving: asyncio.Event, _: float) -> None:
        await asyncio.sleep(0.001)
        if leaving.is_set():
            raise Interrupted

    tick = Tick("hourly", "state", timedelta(hours=1), work)
    async with running(outside.group(ticks=(tick,)), log, pause=soon):
        await until(lambda: ran >= 4)
    assert len(log.all(OUTCOMES)) >= 2
    assert (await verify(log)).broken == []


async def test_a_tick_between_two_runs_is_no_record_that_waits() -> None:
    log, outside, progress, ran = MemoryLog(), Outside(), Progress("outside", Fact.topic), asyncio.Event()

    async def work() -> None:
        ran.set()

    tick = Tick("hourly", "state", timedelta(hours=1), work)
    asleep: list[int] = []

    async def pause(leaving: asyncio.Event, _: float) -> None:
        asleep.append(progress.waiting)
        await leaving.wait()
        raise Interrupted

    async with running(outside.group(ticks=(tick,)), log, progress=progress, pause=pause):
        await until(lambda: bool(asleep))
    assert ran.is_set()
    assert asleep == [0]


async def test_a_fatal_tick_stops_the_group() -> None:
    log, outside = MemoryLog(), Outside()

    async def work() -> None:
        raise FatalError("wrong credentials")

    with pytest.raises(FatalError, match="wrong credentials"):
        await forever(outside.group(ticks=(Tick("hourly", "state", timedelta(hours=1), work),)), log)


async def test_a_tick_sees_every_partition_whoever_owns_it() -> None:
    log, outside = MemoryLog(), Outside()
    table = Table(Note, fold=last)
    subjects = [f"s/{number}" for number in range(12)]
    await put(log, [note(fact(subject, 1), 7) for subject in subjects[:6]])
    seen: list[int] = []

    async def work() -> None:
        seen.append(len(list(table.items())))

    async def soon(leaving: asyncio.Event, _: float) -> None:
        await asyncio.sleep(0.001)
        if leaving.is_set():
            raise Interrupted

    tick = Tick("survey", "state", timedelta(seconds=1), work)
    mine = partition_of("state", 4)
    async with running(outside.group(ticks=(tick,), watches=(table,)), log, pause=soon):
        await until(lambda: bool(seen))
        await log.take_away("outside", [number for number in range(4) if number != mine])
        await put(log, [note(fact(subject, 2), 8) for subject in subjects[6:]])
        await until(lambda: seen[-1] == 12)
    assert seen[0] == 6
