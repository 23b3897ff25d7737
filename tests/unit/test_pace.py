"""One budget for all that is asked of an organisation: bulk never exceeds it, and never starves the loop."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web

from processor.clients.api import Api, ApiPolicy
from processor.clients.pace import Pace
from processor.clients.replies import Reply, allowance
from processor.errors import FarSideDown, RetryableError
from tests.unit.farside import Answer, Clock, api_to, said, script
from tests.unit.virtualtime import BEGIN, VirtualTime


class Wire:
    """Stands where aiohttp's session stands: answers at once, and remembers when it was asked."""

    def __init__(self, clock: VirtualTime) -> None:
        self.clock = clock
        self.left: list[float] = []

    def request(self, *_: Any, **__: Any) -> Answer:
        self.left.append(self.clock.elapsed)
        return Answer()


async def test_ten_thousand_requests_keep_to_300_a_minute_and_adjustments_go_out_within_two_seconds() -> None:
    clock = VirtualTime()
    wire = Wire(clock)
    api = Api("genesys", "https://api.example", wire, policy=ApiPolicy(per_minute=300), clocks=clock.time())  # type: ignore[arg-type]
    urgent = api.urgent()
    took: list[float] = []

    async def adjustments() -> None:
        for _ in range(40):  # a queue is read, written, members put in, and read again
            await clock.sleep(60)
            begun = clock.elapsed
            for _ in range(4):
                await urgent.request("PUT", "/queue", json={})
            took.append(clock.elapsed - begun)

    async def everything() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(adjustments())
            for _ in range(10_000):
                tasks.create_task(api.request("GET", "/thing"))

    await clock.run(everything())
    assert len(wire.left) == 10_160
    assert max(took) <= 2
    assert all(later - earlier > 60 for earlier, later in zip(wire.left, wire.left[300:], strict=False))
    assert clock.elapsed < 10_000 / 240 * 61 + 120  # and the budget is used


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"x-ratelimit-remaining": "60"}, (240, 300, 12)),
        ({"x-ratelimit-remaining": "0"}, (300, 300, 0.2)),
        ({"x-ratelimit-remaining": "999"}, (0, 300, 199.8)),
        (
            {"inin-ratelimit-count": "170", "inin-ratelimit-allowed": "180", "inin-ratelimit-reset": "61"},
            (170, 180, 61),
        ),
        ({"inin-ratelimit-count": "170", "inin-ratelimit-reset": "61"}, None),
    ],
)
def test_what_an_answer_tells_of_its_rate_limit(headers: dict[str, str], told: tuple[float, ...] | None) -> None:
    found = allowance(Reply(200, headers, b"", BEGIN))
    assert found == (None if told is None else pytest.approx(told))


async def test_what_is_urgent_beyond_its_share_uses_what_the_others_leave() -> None:
    clock = VirtualTime()
    pace = Pace("genesys", clock.time(), None, 5, per_minute=10)

    async def burst() -> list[float]:
        left = []
        for _ in range(12):
            await pace.turn(urgent=True)
            left.append(clock.elapsed)
        return left

    left = await clock.run(burst())
    assert left[:6] == [0.0] * 6
    assert all(later - earlier > 60 for earlier, later in zip(left, left[10:], strict=False))


async def test_after_half_the_budget_turns_are_spread() -> None:
    clock = VirtualTime()
    pace = Pace("genesys", clock.time(), None, 5, per_minute=100)

    async def turns() -> list[float]:
        return [(await pace.turn(), clock.elapsed)[1] for _ in range(80)]

    left = await clock.run(turns())
    assert left[40] == 0.0
    gaps = [round(later - earlier, 4) for earlier, later in pairwise(left[41:])]
    assert set(gaps) == {round(61 / 80, 4)}


async def test_who_waits_for_a_turn_hears_that_the_far_side_wants_us_away() -> None:
    clock = VirtualTime()
    pace = Pace("genesys", clock.time(), 1, 5)

    async def held() -> None:
        await pace.turn()
        waiting = asyncio.ensure_future(pace.turn())
        await clock.sleep(0.5)
        pace.hold(3)
        await waiting
        assert clock.elapsed == 3.5
        await pace.turn()
        assert clock.elapsed == 4.5
        waiting = asyncio.ensure_future(pace.turn())
        await clock.sleep(0.5)
        pace.hold(30)
        with pytest.raises(RetryableError) as raised:
            await waiting
        assert raised.value.retry_after == timedelta(seconds=30 - 0.5)

    await clock.run(held())


async def test_urgent_is_held_back_by_a_429_as_well() -> None:
    clock = Clock()
    async with api_to(script(said(429, {}, Retry_After="40"), said(200, {})), clock=clock) as (api, _):
        with pytest.raises(RetryableError):
            await api.request("GET", "/x")
        with pytest.raises(RetryableError, match="allows no request"):
            await api.urgent().request("GET", "/x")


async def test_a_429_that_does_not_say_how_long_holds_up_nobody_else() -> None:
    clock = Clock()
    async with api_to(script(said(429), said(200, {})), clock=clock) as (api, far):
        with pytest.raises(RetryableError):
            await api.request("GET", "/x")
        assert (await api.request("GET", "/y")).status == 200
    assert [one.path for one in far.asked] == ["/base/x", "/base/y"]
    assert (clock.elapsed, clock.slept) == (0, [])


async def test_urgent_does_not_wait_for_room_that_slow_requests_fill() -> None:
    gate = asyncio.Event()

    async def answer(asked: Any) -> web.Response:
        if asked.path.endswith("slow"):
            await gate.wait()
        return said(200, {})

    async with api_to(answer, policy=ApiPolicy(attempts=1, concurrency=2)) as (api, far):
        slow = [asyncio.ensure_future(api.request("GET", "/slow")) for _ in range(5)]
        await api.urgent().request("PUT", "/queue", json={})
        assert sum(one.path.endswith("slow") for one in far.asked) <= 2
        gate.set()
        await asyncio.gather(*slow)


async def test_an_open_breaker_takes_no_turn_of_the_budget() -> None:
    clock = Clock()
    policy = ApiPolicy(attempts=1, per_minute=100)
    async with api_to(script(said(502)), policy=policy, clock=clock) as (api, far):
        for _ in range(200):
            with pytest.raises(RetryableError):
                await api.request("GET", "/x")
        with pytest.raises(FarSideDown):
            await api.urgent().request("GET", "/x")
    assert clock.elapsed == 0
    assert len(far.asked) < 20
