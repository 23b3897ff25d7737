"""What a WFM system sees of our pushes: signed, in batches, as often as needed, none lost, none held back by another."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import orjson
import pytest
from aiohttp import web
from standardwebhooks import Webhook

from handlers.events import CampaignUpdated, Presence, PresenceUpdated
from handlers.sync_wfm import SyncCampaignsToWfm, SyncToWfm
from processor.clients.api import Api, ApiPolicy, open_session
from processor.clients.breaker import BreakerPolicy
from processor.clients.wfm import PushEvent, Wfm
from processor.errors import FarSideDown, FatalError, PoisonError, RetryableError
from tests.unit.farside import Asked, Clock, FarSide, far_side, said

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = datetime(2026, 3, 9, 14, tzinfo=UTC)


def now() -> datetime:
    """The oracle compares the time of signing with its own clock."""
    return datetime.now(UTC)


def event(number: int) -> PushEvent:
    data = orjson.dumps({"userId": f"u{number}"})
    return PushEvent(f"e{number}", "genesys.presence.updated", f"agent/u{number}", NOW, f"3-{number}", data)


def ids(asked: Asked) -> list[str]:
    return [one["id"] for one in orjson.loads(asked.body)["events"]]


class Far:
    """Answers what `script` says next, then 200."""

    def __init__(self) -> None:
        self.script: list[web.Response] = []
        self.poison: set[str] = set()
        self.steps: Iterator[int] = count()

    def __call__(self, asked: Asked) -> web.Response:
        if self.script:
            return self.script.pop(0)
        if asked.path == "/events" and self.poison & set(ids(asked)):
            return said(422, {"message": "no such agent"})
        return said(200)


async def push_all(wfm: Wfm, *events: PushEvent) -> list[BaseException | None]:
    return await asyncio.gather(*(wfm.push(one) for one in events), return_exceptions=True)


class Stage:
    """A far side and our sender, without in-client repeats unless asked for."""

    def __init__(self, attempts: int = 1, failures: int = 100, secret: str | None = SECRET) -> None:
        self.far = Far()
        self.clock = Clock(NOW)
        self.policy = ApiPolicy(attempts=attempts, breaker=BreakerPolicy(failures=failures))
        self.secret = secret

    async def __aenter__(self) -> tuple[Wfm, FarSide, Far]:
        self.side = far_side(self.far)
        self.session = open_session()
        side = await self.side.__aenter__()
        api = Api("wfm", side.url, await self.session.__aenter__(), policy=self.policy, clocks=self.clock.time())
        return Wfm(api, self.secret, now, most=10, sleep=self.clock.sleep), side, self.far

    async def __aexit__(self, *error: object) -> None:
        await self.session.close()
        await self.side.__aexit__(None, None, None)


async def test_events_that_come_together_go_as_one_signed_batch():
    async with Stage() as (wfm, side, _):
        assert await push_all(wfm, *map(event, range(5))) == [None] * 5
        (asked,) = side.asked
        assert (asked.method, asked.path) == ("POST", "/events")
        body = Webhook(SECRET).verify(asked.body, dict(asked.headers))
        assert [one["id"] for one in body["events"]] == ["e0", "e1", "e2", "e3", "e4"]
        assert body["events"][0] == {
            "id": "e0",
            "type": "genesys.presence.updated",
            "subject": "agent/u0",
            "time": body["events"][0]["time"],
            "sequence": "3-0",
            "data": {"userId": "u0"},
        }
        assert body["events"][0]["time"].endswith("Z")


async def test_a_trace_goes_along_and_as_a_header_where_a_batch_has_one():
    mine, other = (f"00-{letter * 32}-{letter * 16}-01" for letter in "ab")
    async with Stage() as (wfm, side, _):
        await push_all(wfm, replace(event(1), trace=mine), replace(event(2), trace=mine))
        await push_all(wfm, replace(event(3), trace=mine), replace(event(4), trace=other), event(5))
        await push_all(wfm, event(6))
        traces = [[one.get("traceparent") for one in orjson.loads(asked.body)["events"]] for asked in side.asked]
        assert traces == [[mine, mine], [mine, other, None], [None]]
        assert [asked.headers.get("traceparent") for asked in side.asked] == [mine, None, None]


async def test_a_batch_has_a_limit():
    async with Stage() as (wfm, side, _):
        await push_all(wfm, *map(event, range(25)))
        assert sorted(len(ids(asked)) for asked in side.asked) == [5, 10, 10]


async def test_a_batch_that_failed_comes_again_as_it_was():
    async with Stage() as (wfm, side, far):
        events = list(map(event, range(3)))
        for status in (500, 503):
            far.script = [said(status)]
            assert all(isinstance(one, RetryableError) for one in await push_all(wfm, *events))
        assert await push_all(wfm, event(99), *reversed(events)) == [None] * 4
        batches = [asked for asked in side.asked if ids(asked) == ["e0", "e1", "e2"]]
        assert len(batches) == 3
        assert len(side.asked) == 4
        assert len({(asked.body, asked.headers["webhook-id"]) for asked in batches}) == 1


async def test_one_failure_is_one_request_for_all_who_wait_and_brings_its_retry_after():
    async with Stage() as (wfm, side, far):
        far.script = [said(503, Retry_After="70")]
        failures = await push_all(wfm, *map(event, range(10)))
        assert len(side.asked) == 1
        assert {one.retry_after for one in failures if isinstance(one, RetryableError)} == {timedelta(seconds=70)}
        assert len(failures) == 10


async def test_the_client_repeats_the_same_bytes_by_itself():
    async with Stage(attempts=3) as (wfm, side, far):
        far.script = [said(502), said(429, Retry_After="1")]
        await wfm.push(event(1))
        assert len(side.asked) == 3
        assert len({(asked.body, asked.headers["webhook-id"]) for asked in side.asked}) == 1


async def test_one_bad_event_does_not_hold_back_the_others():
    async with Stage() as (wfm, side, far):
        far.poison = {"e2"}
        results = await push_all(wfm, *map(event, range(5)))
        assert [type(one) for one in results] == [type(None), type(None), PoisonError, type(None), type(None)]
        assert "no such agent" in str(results[2])
        assert sorted(len(ids(asked)) for asked in side.asked) == [1, 1, 1, 1, 1, 5]
        far.poison = set()
        assert await push_all(wfm, event(2)) == [None], "a replay after the mending goes through"


@pytest.mark.parametrize("status", [401, 403, 404, 405, 409, 410])
async def test_a_wrong_address_or_credential_is_no_events_fault(status):
    async with Stage() as (wfm, _, far):
        far.script = [said(status)]
        (failure,) = await push_all(wfm, event(1))
        assert isinstance(failure, RetryableError)
        assert SECRET not in str(failure)
        assert await push_all(wfm, event(1)) == [None]


async def test_a_far_side_that_is_down_is_told_apart():
    async with Stage(failures=2) as (wfm, _, far):
        far.script = [said(500) for _ in range(2)]
        for _ in range(2):
            failures = await push_all(wfm, event(1), event(2))
        assert all(isinstance(one, FarSideDown) for one in failures)


async def test_who_sends_for_all_may_be_stopped_and_another_takes_over():
    gate = asyncio.Event()

    async def linger(_: float) -> None:
        await gate.wait()

    async with Stage() as (wfm, side, _):
        wfm._sleep = linger
        first, second = (asyncio.create_task(wfm.push(event(number))) for number in (1, 2))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        first.cancel()
        gate.set()
        await second
        with pytest.raises(asyncio.CancelledError):
            await first
        assert [ids(asked) for asked in side.asked] == [["e1", "e2"]]
        await wfm.push(event(1))
        assert len(side.asked) == 1, "it was taken with the others"


async def test_without_a_secret_nothing_is_signed():
    async with Stage(secret=None) as (wfm, side, _):
        await wfm.push(event(1))
        assert "webhook-signature" not in side.asked[0].headers
        assert side.asked[0].headers["webhook-id"].startswith("msg_")


async def test_a_secret_that_is_none_stops_the_start():
    async with open_session() as session:
        with pytest.raises(FatalError) as caught:
            Wfm(Api("wfm", "http://127.0.0.1:9", session), "hunter2!", now)
        assert "hunter2" not in str(caught.value)


async def test_the_handler_pushes_the_record_and_leaves_an_outcome():
    async with Stage() as (wfm, side, _):
        made = PresenceUpdated(
            id="p1", time=NOW, subject="agent/u1", user_id="u1", presence=Presence.MEAL, cause="r1", sequence="4-17"
        )
        (outcome,) = await SyncToWfm(wfm, lambda: NOW)(made)
        (pushed,) = orjson.loads(side.asked[0].body)["events"]
        assert pushed["data"] == orjson.loads(made.data())
        assert (pushed["type"], pushed["sequence"]) == ("genesys.presence.updated", "4-17")
        assert (outcome.id, outcome.kind, outcome.status, outcome.cause) == ("p1/wfm-push", "wfm-push", "done", "r1")


async def test_a_created_schedule_is_told_in_the_guides_words():
    async with Stage() as (wfm, side, _):
        made = CampaignUpdated(id="c1", time=NOW, subject="campaign/k", campaign_id="k", created="s9", sequence="0-1")
        await SyncCampaignsToWfm(wfm, lambda: NOW)(made)
        told, pushed = side.asked
        assert told.path == "/schedules/sync"
        body = Webhook(SECRET).verify(told.body, dict(told.headers))
        assert {name: body[name] for name in ("scheduleId", "campaignId", "event", "source")} == {
            "scheduleId": "s9",
            "campaignId": "k",
            "event": "SCHEDULE_CREATED",
            "source": "genesys-outbound-automation",
        }
        assert ids(pushed) == ["c1"]


async def test_people_get_the_shape_of_events_at_their_own_address():
    async with Stage() as (_, side, __), open_session() as session:
        people = Wfm(Api("people", f"{side.url}/hook", session), None, now, events_path="")
        made = CampaignUpdated(id="c1", time=NOW, subject="campaign/k", campaign_id="k")
        await people.push(PushEvent.of(made, {"headline": "look"}))
        assert side.asked[0].path == "/hook"
        assert orjson.loads(side.asked[0].body)["events"][0]["data"] == {"headline": "look"}
