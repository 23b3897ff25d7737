"""One timer for many: each ends on time where it stands, the others and outer cancellations are untouched."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from processor.deadline import Deadlines


async def test_work_in_time_is_left_alone_and_nothing_is_kept() -> None:
    deadlines = Deadlines(60)
    for _ in range(1000):
        async with deadlines.one():
            pass
    assert len(deadlines._turns) == 1


async def test_each_that_is_late_gets_a_timeout_and_the_others_go_on() -> None:
    deadlines, gate = Deadlines(0.02), asyncio.Event()

    async def late() -> str:
        try:
            async with deadlines.one():
                await gate.wait()
        except TimeoutError:
            task = asyncio.current_task()
            assert task
            assert not task.cancelling()
            return "late"
        return "in time"

    assert await asyncio.gather(*(late() for _ in range(5))) == ["late"] * 5
    gate.set()
    assert await late() == "in time"


async def test_another_s_cancellation_stays_one() -> None:
    deadlines = Deadlines(60)

    async def work() -> None:
        async with deadlines.one():
            await asyncio.Event().wait()

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_of_the_work_passes() -> None:
    with pytest.raises(KeyError):
        async with Deadlines(60).one():
            raise KeyError


async def test_what_is_finished_is_let_go_while_an_older_one_still_waits() -> None:
    deadlines, loop = Deadlines(60), asyncio.get_running_loop()
    stuck, quick = loop.create_future(), loop.create_future()
    heard: list[BaseException | None] = []
    deadlines.watch(stuck, heard.append)

    def done(error: BaseException | None) -> None:
        heard.append(error)

    kept = weakref.ref(done)
    deadlines.watch(quick, done)
    del done
    quick.set_result(None)
    await asyncio.sleep(0)
    assert heard == [None]
    gc.collect()
    assert kept() is None
    stuck.cancel()
    await asyncio.sleep(0)
    assert isinstance(heard[1], TimeoutError)
