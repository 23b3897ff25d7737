from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web

from processor.clients.api import (
    Api,
    ApiPolicy,
    Forbidden,
    NotAllowed,
    NotFound,
    NotModified,
    PreconditionFailed,
    Redirected,
    Rejected,
    Unauthorised,
    Unreachable,
    open_session,
)
from processor.clients.authorise import Basic
from processor.clients.replies import Invalid
from processor.errors import ConflictError, FarSideDown, ProcessorError, RefusedError, RetryableError
from tests.unit.farside import Clock, api_to, far_side, said, script


async def test_a_good_answer_comes_back_with_headers_in_lower_case_and_json() -> None:
    async with api_to(script(said(200, {"a": 1}, ETag='"x"'))) as (api, far):
        reply = await api.request("PUT", "/things/1%2F2", json={"b": 2}, params={"id": ["x", "y"], "n": 3})
    assert (reply.status, reply.json(), reply.headers["etag"]) == (200, {"a": 1}, '"x"')
    assert (far.asked[0].method, far.asked[0].query, far.asked[0].body) == ("PUT", "id=x&id=y&n=3", b'{"b":2}')
    assert far.asked[0].headers["content-type"] == "application/json"


async def test_an_answer_that_is_no_json_is_worth_another_try() -> None:
    async with api_to(lambda _: web.Response(text="<html>proxy</html>")) as (api, _):
        reply = await api.request("GET", "/x")
    with pytest.raises(RetryableError):
        reply.json()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (304, NotModified),
        (307, Redirected),
        (400, Invalid),
        (403, Forbidden),
        (404, NotFound),
        (405, NotAllowed),
        (407, Unauthorised),
        (408, RetryableError),
        (409, ConflictError),
        (410, NotFound),
        (412, PreconditionFailed),
        (413, Rejected),
        (422, Invalid),
        (425, RetryableError),
        (429, RetryableError),
        (500, Unreachable),
        (503, Unreachable),
    ],
)
async def test_each_status_has_its_remedy(status: int, kind: type[ProcessorError]) -> None:
    async with api_to(script(said(status))) as (api, far):
        with pytest.raises(kind) as raised:
            await api.request("GET", "/x")
    assert type(raised.value) is kind
    assert len(far.asked) == 1


async def test_refused_credentials_are_the_far_sides_trouble_and_no_records() -> None:
    async with api_to(script(said(401)), auth=Basic("me", "geheim")) as (api, far):
        with pytest.raises(FarSideDown, match="credentials"):
            await api.request("GET", "/x")
    assert len(far.asked) == 2


async def test_a_missing_permission_is_named_however_the_body_names_it() -> None:
    bodies: list[Mapping[str, object]] = [
        {"missingPermissions": ["routing:queue:edit"]},
        {"message": "You are missing the following permission(s): routing:queue:edit"},
        {"message": "You must have at least one of the following permissions assigned: [routing:queue:edit]"},
        {"message": "No.", "messageParams": {"permissions": "routing:queue:edit"}},
        {"message": "Missing required scope: routing:queue:edit"},
        {
            "error": "insufficient_scope",
            "error_description": "routing:queue:edit is needed, see https://x.example:80/y",
        },
    ]
    for body in bodies:
        async with api_to(script(said(403, body))) as (api, _):
            with pytest.raises(Forbidden) as raised:
                await api.request("GET", "/x")
        assert str(raised.value.remedy).startswith("grant the permission routing:queue:edit to the client")
        assert "Genesys's administration, OAuth clients" in str(raised.value.remedy)


async def test_what_genesys_does_not_accept_is_told_field_by_field() -> None:
    body = {"message": "2 errors", "details": [{"fieldName": "slaTarget", "errorCode": "not.an.integer"}, {}, "x"]}
    async with api_to(script(said(422, body))) as (api, _):
        with pytest.raises(Invalid, match=r"2 errors; slaTarget: not\.an\.integer") as raised:
            await api.request("GET", "/x")
    assert raised.value.places == (("slaTarget", "not.an.integer"), ("", "not accepted"))


async def test_what_a_missing_thing_said_stands_apart_from_its_address() -> None:
    async with api_to(script(said(404, {"message": "no such queue"}))) as (api, _):
        with pytest.raises(NotFound) as raised:
            await api.request("GET", "/queues/1")
    assert raised.value.said == "no such queue"


async def test_an_error_names_the_correlation_id_and_never_a_secret() -> None:
    def echo(asked: object) -> web.Response:
        proof = asked.headers["authorization"]  # type: ignore[attr-defined]  # an Asked
        return said(400, {"code": "bad", "message": f"you sent {proof}"}, ININ_Correlation_Id="c-17")

    async with api_to(echo, auth=Basic("me", "geheim")) as (api, far):
        with pytest.raises(Rejected) as raised:
            await api.request("GET", "/x", params={"token": "geheim"})
    text = str(raised.value)
    assert "c-17" in text
    assert "GET /base/x answered 400: bad" in text
    assert far.asked[0].headers["authorization"].partition(" ")[2] not in text
    assert "geheim" not in text


@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        (said(429, None, Retry_After="17"), 17),
        (said(429, {"message": "Retry the request in [23] seconds"}), 23),
        (said(429, None, inin_ratelimit_reset="42"), 42),
        (said(429, None, Retry_After="86400"), 900),
        (said(429, None, Date="Mon, 09 Mar 2026 12:00:00 GMT", Retry_After="Mon, 09 Mar 2026 12:00:30 GMT"), 30),
        (said(429, None, Retry_After="soon"), None),
        (said(429), None),
    ],
)
async def test_how_long_to_stay_away(answer: web.Response, wait: int | None) -> None:
    async with api_to(script(answer)) as (api, _):
        with pytest.raises(RetryableError) as raised:
            await api.request("GET", "/x")
    assert raised.value.retry_after == (None if wait is None else timedelta(seconds=wait))


async def test_short_troubles_are_waited_out_within_one_request() -> None:
    clock = Clock()
    answers = script(said(429, None, Retry_After="2"), said(503), said(200, {}))
    async with api_to(answers, policy=ApiPolicy(attempts=3), clock=clock) as (api, far):
        await api.request("GET", "/x")
    assert len(far.asked) == 3
    assert 2 <= clock.elapsed < 5


async def test_a_long_wait_is_the_callers_not_ours() -> None:
    clock = Clock()
    async with api_to(script(said(429, None, Retry_After="17")), policy=ApiPolicy(attempts=3), clock=clock) as (
        api,
        far,
    ):
        with pytest.raises(RetryableError):
            await api.request("GET", "/x")
        with pytest.raises(RetryableError) as held:
            await api.request("GET", "/y")
        assert held.value.retry_after == timedelta(seconds=17)
        assert len(far.asked) == 1
        clock.pass_by(17)
        with pytest.raises(RetryableError):
            await api.request("GET", "/z")
    assert len(far.asked) == 2


async def test_a_limit_of_one_call_keeps_the_others_away_for_a_minute_at_most() -> None:
    clock = Clock()
    async with api_to(script(said(429, None, Retry_After="600"), said(200, {})), clock=clock) as (api, _):
        with pytest.raises(RetryableError):
            await api.request("GET", "/x")
        clock.pass_by(54)  # the last five seconds are waited for
        with pytest.raises(RetryableError):
            await api.request("GET", "/y")
        clock.pass_by(1)
        assert (await api.request("GET", "/y")).status == 200
    assert clock.elapsed == 60


async def test_what_may_have_happened_is_not_repeated_unless_that_is_harmless() -> None:
    answers = script(said(503), said(200, {}))
    async with api_to(answers, policy=ApiPolicy(attempts=3)) as (api, far):
        with pytest.raises(Unreachable):
            await api.request("POST", "/x", json={})
    assert len(far.asked) == 1
    async with api_to(script(said(503), said(200, {})), policy=ApiPolicy(attempts=3)) as (api, far):
        await api.request("POST", "/x", json={}, repeatable=True)
    assert len(far.asked) == 2


async def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    clock = Clock()
    async with open_session() as session:
        api = Api("wfm", url, session, clocks=clock.time(), policy=ApiPolicy(attempts=3))
        with pytest.raises(Unreachable, match=r"wfm: POST 127\.0\.0\.1:\d+: connection refused$"):
            await api.request("POST", "/events", json={})
    assert len(clock.slept) == 2  # it never left, so even a POST may be repeated


async def test_a_name_that_nobody_has_is_told_as_such() -> None:
    async with open_session() as session:
        api = Api("genesys", "http://api.nowhere.invalid", session, policy=ApiPolicy(attempts=1))
        with pytest.raises(Unreachable, match=r"genesys: GET api\.nowhere\.invalid:80: no such host$"):
            await api.request("GET", "/x")


async def test_a_call_that_is_broken_off_is_told_as_such() -> None:
    async def hang_up(asked: web.Request) -> web.Response:
        assert asked.transport is not None
        asked.transport.close()
        return web.Response()

    server = web.Application()
    server.router.add_get("/x", hang_up)
    runner = web.AppRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with open_session() as session:
            api = Api("genesys", f"http://127.0.0.1:{runner.addresses[0][1]}", session, policy=ApiPolicy(attempts=1))
            with pytest.raises(Unreachable, match=r"127\.0\.0\.1:\d+: it closed the connection without an answer$"):
                await api.request("GET", "/x")
    finally:
        await runner.cleanup()


async def test_no_answer_in_time() -> None:
    never = asyncio.Event()

    async def answer(_: object) -> web.Response:
        await never.wait()
        return said(500)

    async with api_to(answer) as (api, _):
        with pytest.raises(Unreachable, match="in time"):
            await api.request("GET", "/x", timeout=0.05)
        never.set()


async def test_an_endless_answer_is_cut() -> None:
    async with api_to(lambda _: web.Response(body=b"x" * 5000), policy=ApiPolicy(attempts=1, most_bytes=1000)) as (
        api,
        _,
    ):
        with pytest.raises(Rejected, match="larger than 1000"):
            await api.request("GET", "/x")


async def test_only_configured_hosts_are_called_and_only_one_gets_our_credentials() -> None:
    async with (
        far_side(script(said(200, {}))) as home,
        far_side(script(said(200, {}))) as store,
        open_session() as session,
    ):
        api = Api("genesys", home.url, session, auth=Basic("me", "geheim"), also=[store.url])
        await api.request("GET", f"{home.url}/a")
        await api.request("GET", f"{store.url}/b")
        with pytest.raises(RefusedError, match="not a configured host"):
            await api.request("GET", "http://elsewhere.invalid/c")
    assert "authorization" in home.asked[0].headers
    assert "authorization" not in store.asked[0].headers


@pytest.mark.parametrize(("apart", "corrected"), [(1, 0), (-1, 0), (3600, 3600), (-86400, -86400)])
async def test_the_far_sides_clock_counts_where_it_differs(apart: int, corrected: int) -> None:
    clock = Clock(datetime(2026, 3, 9, 12, 0, 0, 500_000, tzinfo=UTC))
    theirs = datetime(2026, 3, 9, 12, tzinfo=UTC) + timedelta(seconds=apart)
    async with api_to(script(said(200, {}, Date=format_datetime(theirs, usegmt=True))), clock=clock) as (api, _):
        assert api.now() == clock.now()
        reply = await api.request("GET", "/x")
        wanted = theirs if corrected else clock.now()
        assert (reply.asked, api.now()) == (wanted, wanted)
