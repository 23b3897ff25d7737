from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from aiohttp import web

from processor.clients.api import (
    ApiPolicy,
    Unreachable,
)
from processor.clients.breaker import BreakerPolicy
from processor.errors import FarSideDown, ProcessorError, RetryableError
from tests.unit.farside import Clock, api_to, said, script


async def test_the_pace_slows_before_the_allowance_is_spent() -> None:
    clock = Clock()
    answer = said(200, {}, inin_ratelimit_count="290", inin_ratelimit_allowed="300", inin_ratelimit_reset="20")
    async with api_to(script(answer), clock=clock) as (api, _):
        for _ in range(4):
            await api.request("GET", "/x")
    assert clock.slept == [2.0, 2.0]  # the first learns it, the second goes at once, the rest 20 s / 10 apart


async def test_a_spent_allowance_is_waited_for() -> None:
    answer = said(200, {}, inin_ratelimit_count="300", inin_ratelimit_allowed="300", inin_ratelimit_reset="20")
    async with api_to(script(answer)) as (api, far):
        await api.request("GET", "/x")
        with pytest.raises(RetryableError) as raised:
            await api.request("GET", "/x")
    assert raised.value.retry_after == timedelta(seconds=20)
    assert len(far.asked) == 1


async def test_a_rate_of_our_own_is_kept() -> None:
    clock = Clock()
    async with api_to(script(said(200, {})), policy=ApiPolicy(per_second=4), clock=clock) as (api, _):
        for _ in range(5):
            await api.request("GET", "/x")
    assert clock.elapsed == pytest.approx(1.0)


async def test_the_breaker_opens_probes_and_closes() -> None:
    clock = Clock()
    healthy = False

    def answer(_: object) -> web.Response:
        return said(200, {}) if healthy else said(502)

    policy = ApiPolicy(attempts=1, breaker=BreakerPolicy(failures=3, pause=10, longest=15))
    async with api_to(answer, policy=policy, clock=clock) as (api, far):
        for _ in range(2):
            with pytest.raises(Unreachable):
                await api.request("GET", "/x")
        with pytest.raises(FarSideDown):
            await api.request("GET", "/x")
        with pytest.raises(FarSideDown) as held:
            await api.request("GET", "/x")
        assert (len(far.asked), api.is_down, held.value.retry_after) == (3, True, timedelta(seconds=10))
        clock.pass_by(10)
        with pytest.raises(FarSideDown) as held:
            await api.request("GET", "/x")
        assert (len(far.asked), held.value.retry_after) == (4, timedelta(seconds=15))
        clock.pass_by(15)
        healthy = True
        await api.request("GET", "/x")
        assert not api.is_down
        await api.request("GET", "/x")


async def test_half_open_lets_one_through() -> None:
    clock, release, arrived = Clock(), asyncio.Event(), asyncio.Event()
    broken = True

    async def answer(_: object) -> web.Response:
        if broken:
            return said(502)
        arrived.set()
        await release.wait()
        return said(200, {})

    policy = ApiPolicy(attempts=1, breaker=BreakerPolicy(failures=1, pause=1))
    async with api_to(answer, policy=policy, clock=clock) as (api, far):
        with pytest.raises(FarSideDown):
            await api.request("GET", "/x")
        clock.pass_by(2)
        broken = False
        async with asyncio.TaskGroup() as tasks:
            probe = tasks.create_task(api.request("GET", "/x"))
            await arrived.wait()
            with pytest.raises(FarSideDown):
                await api.request("GET", "/x")
            release.set()
        assert probe.result().status == 200
    assert len(far.asked) == 2


async def test_a_cancelled_probe_leaves_the_way_free_for_the_next() -> None:
    clock, arrived, never = Clock(), asyncio.Event(), asyncio.Event()
    answers = [said(502), None, said(200, {})]

    async def answer(_: object) -> web.Response:
        now = answers.pop(0)
        if now is None:
            arrived.set()
            await never.wait()
        return now or said(500)

    policy = ApiPolicy(attempts=1, breaker=BreakerPolicy(failures=1, pause=1))
    async with api_to(answer, policy=policy, clock=clock) as (api, _):
        with pytest.raises(FarSideDown):
            await api.request("GET", "/x")
        clock.pass_by(2)
        probe = asyncio.create_task(api.request("GET", "/x"))
        await arrived.wait()
        probe.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probe
        never.set()
        assert (await api.request("GET", "/x")).status == 200


async def test_what_one_request_is_told_does_not_open_the_breaker() -> None:
    policy = ApiPolicy(attempts=1, breaker=BreakerPolicy(failures=1))
    for status in (400, 404, 409, 429):
        async with api_to(script(said(status, None, Retry_After="0")), policy=policy) as (api, _):
            with pytest.raises(ProcessorError):
                await api.request("GET", "/x")
            assert not api.is_down
