from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import pytest
from aiohttp import web

from processor.clients.api import Api, ApiPolicy, open_session
from processor.clients.genesys.token import ClientCredentials
from processor.errors import FarSideDown
from tests.unit.farside import Answerer, Asked, Clock, FarSide, far_side, said

ONCE = ApiPolicy(attempts=1)


def issuing(life: float) -> Answerer:
    """`t1`, `t2`, …, each for `life` seconds."""
    numbers = count(1)
    return lambda _: said(200, {"access_token": f"t{next(numbers)}", "token_type": "bearer", "expires_in": life})


@asynccontextmanager
async def credentials(answer: Answerer, clock: Clock) -> AsyncIterator[tuple[ClientCredentials, FarSide]]:
    async with far_side(answer) as login, open_session() as session:
        api = Api("login", login.url, session, policy=ONCE, clocks=clock.time())
        yield ClientCredentials(api, "client", "geheim", clock.time().monotonic), login


async def test_it_is_asked_for_as_the_login_host_wants_it() -> None:
    async with credentials(issuing(3600), Clock()) as (auth, login):
        assert await auth.headers() == {"Authorization": "Bearer t1"}
    asked = login.asked[0]
    assert (asked.method, asked.path, asked.body) == ("POST", "/oauth/token", b"grant_type=client_credentials")
    assert asked.headers["authorization"] == "Basic " + b64encode(b"client:geheim").decode()
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize(("life", "kept"), [(3600, 3540), (120, 60), (10, 5)])
async def test_it_is_used_until_shortly_before_its_end(life: float, kept: float) -> None:
    clock = Clock()
    async with credentials(issuing(life), clock) as (auth, _):
        await auth.headers()
        clock.pass_by(kept - 0.1)
        assert await auth.headers() == {"Authorization": "Bearer t1"}
        clock.pass_by(0.2)
        assert await auth.headers() == {"Authorization": "Bearer t2"}


async def test_many_who_need_it_cause_one_request() -> None:
    async with credentials(issuing(3600), Clock()) as (auth, login), asyncio.TaskGroup() as tasks:
        for _ in range(20):
            tasks.create_task(auth.headers())
    assert len(login.asked) == 1


async def test_a_refused_token_is_replaced_once_whoever_was_refused() -> None:
    async with credentials(issuing(3600), Clock()) as (auth, login):
        old = await auth.headers()
        auth.refused(old)
        new = await auth.headers()
        auth.refused(old)  # a slower request, refused with the token before
        assert await auth.headers() == new == {"Authorization": "Bearer t2"}
    assert len(login.asked) == 2


async def test_a_request_with_an_expired_token_succeeds_with_a_new_one() -> None:
    def answer(asked: Asked) -> web.Response:
        return said(200, {}) if asked.headers["authorization"] == "Bearer t2" else said(401)

    clock = Clock()
    async with credentials(issuing(3600), clock) as (auth, login), far_side(answer) as far, open_session() as session:
        api = Api("genesys", far.url, session, auth=auth, policy=ONCE, clocks=clock.time())
        assert (await api.request("GET", "/x")).status == 200
    assert (len(login.asked), len(far.asked)) == (2, 2)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_wrong_credentials_keep_records_waiting_and_name_no_secret(status: int) -> None:
    def echo(asked: Asked) -> web.Response:
        return said(status, {"error": "invalid_client", "error_description": asked.headers["authorization"]})

    async with credentials(echo, Clock()) as (auth, _):
        with pytest.raises(FarSideDown) as raised:
            await auth.headers()
    assert "geheim" not in str(raised.value)
    assert b64encode(b"client:geheim").decode() not in str(raised.value)
