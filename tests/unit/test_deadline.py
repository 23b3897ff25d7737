"""One timer for many: each ends on time where it stands, the others and outer cancellations are untouched."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable
from typing import Any

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


class Clock(asyncio.AbstractEventLoop):
    """A loop that only has timers, run by `reach`."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[asyncio.TimerHandle] = []

    def time(self) -> float:
        return self.now

    def get_debug(self) -> bool:
        return False

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any, **_: Any) -> asyncio.TimerHandle:
        self.timers.append(asyncio.TimerHandle(self.now + delay, callback, args, self))
        return self.timers[-1]

    def reach(self, when: float) -> None:
        while due := sorted(timer for timer in self.timers if timer.when() <= when):
            self.timers.remove(due[0])
            self.now = due[0].when()
            due[0]._run()
        self.now = when


async def test_nobody_is_told_late_and_one_timer_looks_at_most_twenty_times_in_a_deadline() -> None:
    clock, deadlines, told = Clock(), Deadlines(1.0), dict[int, float]()
    deadlines._loop = clock

    class Work(asyncio.Future[None]):
        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

        def cancel(self, msg: Any = None) -> bool:
            told[self.number] = clock.now
            return super().cancel(msg)

    looks = 0
    real = clock.call_later

    def counted(*arguments: Any, **more: Any) -> asyncio.TimerHandle:
        nonlocal looks
        looks += 1
        return real(*arguments, **more)

    clock.call_later = counted  # type: ignore[method-assign]
    works = [Work(number) for number in range(300)]
    for work in works:
        clock.reach(work.number / 100)
        deadlines.watch(work, lambda _: None)
    clock.reach(10.0)
    waited = [told[work.number] - work.number / 100 for work in works]
    assert max(waited) <= 1.0 + 1e-9
    assert min(waited) >= 0.95 - 1e-9
    assert looks <= 4 * 20
    assert not clock.timers
