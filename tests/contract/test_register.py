"""Our receiver registered with Genesys, in both dialects: twice leaves one, and only what was asked for comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from handlers.normalise.envelopes import envelopes
from processor.app.log import open_log
from processor.app.registration.registering import TRIGGER_TOPICS, register
from processor.audit import verify
from processor.errors import RefusedError, RetryableError, UnknownEnd
from processor.settings import Settings, load
from processor.signatures import Verifier
from sandbox.genesys.guard import Failure
from sandbox.names import CHAT, EMAIL
from sandbox.options import Options
from sandbox.run import Sandbox, running
from tests.contract.official import Official
from tests.integration.door import Door, door

SCHEMA = Path(__file__).resolve().parents[2].parent / "shared/genesys/publicapi-v2-subset.json"
BASIC, KEY = "genesys:geheim-1", "X-Api-Key: geheim-2"
PATH = "/api/v2/webhooks"
PROMPT = {"late": 0.0, "twice": 0.0}


@asynccontextmanager
async def centre(dialect: str, **options: Any) -> AsyncIterator[Sandbox]:
    told = {"port": 0, "wfm_port": 0, "quiet": True, "most_on_page": 3, "rate_limit": 100_000, **PROMPT, **options}
    async with running(Options(dialect=dialect, **told)) as sandbox:
        yield sandbox


def settings(sandbox: Sandbox, public: str, **changes: Any) -> Settings:
    told = {
        "genesys_dialect": sandbox.options.dialect,
        "genesys_api_url": sandbox.genesys_url,
        "genesys_login_url": sandbox.genesys_url,
        "genesys_client_id": sandbox.options.client_id,
        "genesys_client_secret": sandbox.options.client_secret,
        "public_url": public,
        "webhook_basic": [BASIC],
        "webhook_api_key": [KEY],
        "loop_queues": [EMAIL.id],
    }
    return load({}, **{**told, **changes})


@asynccontextmanager
async def registered() -> AsyncIterator[tuple[Sandbox, Door]]:
    """A real receiver that takes both proofs, registered twice with a sandbox."""
    verifier = Verifier.build(basic=[BASIC], api_keys=[KEY])
    async with door(verifier=verifier, envelopes=envelopes) as there, centre("guide") as sandbox:
        sandbox.guide.queues.activation_seconds = 0
        told = settings(sandbox, there.url)
        assert [one.deed for one in await register(told, None)] == ["created", "created"]
        assert [one.deed for one in await register(told, None)] == ["updated", "updated"]
        yield sandbox, there


async def taken(sandbox: Sandbox, count: int) -> None:
    """Until so many calls were answered."""
    entries = sandbox.ledger.entries
    async with asyncio.timeout(20):
        while sum(bool(entry.acked or entry.refused) for entry in entries.values()) < count:  # noqa: ASYNC110  # the far side's own books have no event
            await asyncio.sleep(0)


def types(there: Door) -> list[str]:
    return sorted(message.headers["ce_type"] for message in there.log.messages)


async def test_twice_leaves_one_of_each() -> None:
    async with registered() as (sandbox, _):
        kept = list(sandbox.guide.webhooks.kept.values())
    assert [one["name"].partition(":")[0] for one in kept] == ["Event processor"] * 2
    assert [one["authentication"]["password"] for one in kept if "authentication" in one] == ["geheim-1"]


async def test_what_was_asked_for_is_called_and_answered_202() -> None:
    async with registered() as (sandbox, there):
        (group, schedule), *_ = sandbox.guide.schedules.items
        sandbox.guide.schedules.by_a_person(group, schedule, name="Longer")
        sandbox.guide.queues.by_a_person(EMAIL.id, slaTarget=30)
        user = next(iter(sandbox.world.agents))
        sandbox.life.quiet = False
        sandbox.floor.set_presence(sandbox.floor.desks[user], "Meeting")
        sandbox.life.step()
        await taken(sandbox, 3)
        assert all(entry.acked and entry.refused is None for entry in sandbox.ledger.entries.values())
    assert set(types(there)) == {"schedule:updated", "routingQueueUpdated", "presence:updated"}
    keys = {message.key for message in there.log.messages}
    assert {f"schedule-group/{group}", f"queue/{EMAIL.id}", f"agent/{user}"} <= keys
    ids = {message.headers["ce_id"] for message in there.log.messages}
    assert ids == set(sandbox.ledger.entries), "the calls' own ids"


async def test_nothing_else_is_called() -> None:
    async with registered() as (sandbox, there):
        sandbox.guide.queues.by_a_person(CHAT.id, slaTarget=25)  # no filter names it
        sandbox.guide.hub.announce("routing-profile", "p-1", {"id": "p-1"})  # nobody asked
        sandbox.guide.queues.by_a_person(EMAIL.id, slaTarget=30)
        await taken(sandbox, 1)
    assert [message.key for message in there.log.messages] == [f"queue/{EMAIL.id}"]
    assert orjson.loads(there.log.messages[0].value)["data"]["slaTarget"] == 30


async def test_the_agents_wall_time_arrives_as_utc() -> None:
    async with registered() as (sandbox, there):
        user = next(iter(sandbox.world.agents))
        sandbox.life.quiet = False
        sandbox.clock.jump(timedelta(seconds=5))
        sandbox.floor.set_presence(sandbox.floor.desks[user], "Training")
        since = sandbox.floor.moment(sandbox.floor.desks[user].presence_since)
        sandbox.life.step()
        await taken(sandbox, 1)
        told = [one for one in there.log.messages if one.key == f"agent/{user}"]
    body = orjson.loads(told[0].value)
    assert body["agentTimeZone"] == sandbox.world.agents[user].crew.zone
    assert told[0].headers["ce_time"][:23] == since.isoformat(timespec="milliseconds")[:23]


async def test_a_call_that_is_not_taken_is_made_again() -> None:
    async with registered() as (sandbox, there):
        there.log.error = OSError("no room")
        sandbox.guide.queues.by_a_person(EMAIL.id, slaTarget=30)
        await there.log.waiting.wait()
        there.log.error = None
        await taken(sandbox, 1)
        (entry,) = sandbox.ledger.entries.values()
    assert entry.acked
    assert entry.posts > 1
    assert len(there.log.messages) == 1


@asynccontextmanager
async def unlisted(folder: Path) -> AsyncIterator[tuple[Sandbox, Settings]]:
    """A Genesys that shows the POST alone, as the guides do, and a log to remember by."""
    async with centre("guide") as sandbox:
        sandbox.guide.webhooks.listing = False
        yield sandbox, settings(sandbox, "http://127.0.0.1:9", log=f"sqlite:///{folder}/events.db")


async def deeds(told: Settings, **how: Any) -> list[str]:
    return [one.deed for one in await register(told, None, **how)]


async def test_where_webhooks_are_not_listed_the_log_remembers_ours(tmp_path: Path) -> None:
    async with unlisted(tmp_path) as (sandbox, told):
        kept = sandbox.guide.webhooks.kept
        assert await deeds(told) == ["created", "created"]
        assert await deeds(told) == ["updated", "updated"]
        assert len(kept) == 2
        gone = next(iter(kept))
        del kept[gone]
        assert await deeds(told) == ["created", "updated"], "removed by hand: it is made again"
        assert await deeds(told) == ["updated", "updated"]
        async with open_log(told) as log:
            report = await verify(log)
    assert (report.broken, report.links) == ([], 6), "begun and made, three times"


async def test_a_try_that_broke_off_is_for_a_person_to_look_at(tmp_path: Path) -> None:
    async with unlisted(tmp_path) as (sandbox, told):
        sandbox.guard.failures.append(Failure(PATH, "POST", drop=True, after=True))
        with pytest.raises(RetryableError):
            await register(told, None)
        with pytest.raises(UnknownEnd, match="broke off") as caught:
            await register(told, None)
        assert "--anew" in str(caught.value.remedy)
        sandbox.guide.webhooks.kept.clear()  # the person has looked
        assert await deeds(told, anew=True) == ["created", "created"]
        assert await deeds(told) == ["updated", "updated"]
        assert len(sandbox.guide.webhooks.kept) == 2


async def test_a_try_that_was_refused_is_simply_made_again(tmp_path: Path) -> None:
    async with unlisted(tmp_path) as (sandbox, told):
        sandbox.guard.failures.append(Failure(PATH, "POST", times=1, status=400, message="no room"))
        with pytest.raises(RefusedError, match="no room"):
            await register(told, None)
        assert await deeds(told) == ["created", "created"]


async def test_where_they_are_not_replaced_either_it_says_what_to_do(tmp_path: Path) -> None:
    async with unlisted(tmp_path) as (sandbox, told):
        await register(told, None)
        sandbox.guard.failures.append(Failure(PATH, "PUT", times=9, status=405))
        with pytest.raises(RefusedError, match="neither lists nor replaces") as caught:
            await register(told, None)
        assert "--anew" in str(caught.value.remedy)
        assert len(sandbox.guide.webhooks.kept) == 2


async def thrice(sandbox: Sandbox) -> list[set[str]]:
    """Registered, registered again, and with another workflow."""
    told = settings(sandbox, "https://events.example.org")
    return [{one.deed for one in await register(told, workflow)} for workflow in ("w-1", "w-1", "w-2")]


async def test_triggers_are_made_once_and_changed_when_they_differ() -> None:
    async with centre("platform") as sandbox:
        assert await thrice(sandbox) == [{"created"}, {"unchanged"}, {"updated"}]
        kept = sandbox.triggers.kept.values()
        assert sorted(one["topicName"] for one in kept) == sorted(TRIGGER_TOPICS)
        assert {(one["target"]["id"], one["version"]) for one in kept} == {("w-2", 2)}


@pytest.mark.skipif(not SCHEMA.exists(), reason="the official schema is not beside this checkout")
async def test_every_call_about_triggers_is_official() -> None:
    official = Official(SCHEMA)
    async with centre("platform") as sandbox:
        await thrice(sandbox)
        calls = [call for call in sandbox.guard.seen if "processautomation" in call.path]
    for call in calls:
        official.check(call.method, call.template, call.query, call.body)
    assert {call.method for call in calls} == {"GET", "POST", "PUT"}


async def test_what_the_api_sets_and_the_floor_shows_is_told_once() -> None:
    async with registered() as (sandbox, _):
        user = next(iter(sandbox.world.agents))
        sandbox.life.quiet = False
        sandbox.floor.set_presence(sandbox.floor.desks[user], "Busy")
        sandbox.guide.hub.announce("presence:updated", user, sandbox.guide.presences.shown(user))
        sandbox.life.step()
        told = [entry for entry in sandbox.ledger.entries.values() if entry.subject == f"agent/{user}"]
        await taken(sandbox, 1)
    assert len(told) == 1
