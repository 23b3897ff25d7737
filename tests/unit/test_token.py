from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import pytest
from aiohttp import web

from processor.clients.api import Api, ApiPolicy, open_session
from processor.clients.genesys.token import GUIDE_FORMS, ClientCredentials
from processor.errors import FarSideDown, RetryableError
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


async def test_while_the_login_host_is_away_the_old_token_is_used_as_long_as_it_lives() -> None:
    clock, away = Clock(), []

    def answer(asked: Asked) -> web.StreamResponse:
        return said(503) if away else issue(asked)

    issue = issuing(3600)
    async with credentials(answer, clock) as (auth, _):
        await auth.headers()
        away.append(True)
        clock.pass_by(3590)
        assert await auth.headers() == {"Authorization": "Bearer t1"}
        clock.pass_by(11)
        with pytest.raises(RetryableError):
            await auth.headers()
        away.clear()
        assert await auth.headers() == {"Authorization": "Bearer t2"}


async def test_a_token_that_was_refused_is_not_used_again_however_long_it_lives() -> None:
    answers = [said(200, {"access_token": "t1", "expires_in": 3600}), said(503)]
    async with credentials(lambda _: answers.pop(0), Clock()) as (auth, _):
        auth.refused(await auth.headers())
        with pytest.raises(RetryableError):
            await auth.headers()


@pytest.mark.parametrize("absent", [404, 405])
async def test_the_first_form_that_is_there_is_kept(absent: int) -> None:
    def answer(asked: Asked) -> web.StreamResponse:
        return said(absent) if asked.path == "/oauth/token" else issue(asked)

    issue, clock = issuing(120), Clock()
    async with far_side(answer) as login, open_session() as session:
        api = Api("login", login.url, session, policy=ONCE, clocks=clock.time())
        auth = ClientCredentials(api, "client", "geheim", clock.time().monotonic, GUIDE_FORMS)
        await auth.headers()
        clock.pass_by(61)
        await auth.headers()
    assert [asked.path for asked in login.asked] == ["/oauth/token", *["/api/v2/oauth/token"] * 2]
    assert (login.asked[1].query, login.asked[1].body) == ("grant_type=client_credentials", b"")


async def test_what_the_token_may_do_is_known_where_it_says_so() -> None:
    body = {"access_token": "t1", "expires_in": 60, "scope": "schedule:read webhook:write"}
    async with credentials(lambda _: said(200, body), Clock()) as (auth, _):
        assert auth.scopes is None
        await auth.headers()
        assert auth.scopes == {"schedule:read", "webhook:write"}
