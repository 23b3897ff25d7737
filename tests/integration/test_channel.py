"""One notification channel against the sandbox's: topics, signs of life, renewal, rejections, what is no event."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from processor.clients.api import Api, ApiPolicy, open_session
from processor.clients.genesys.channel import CHANNELS, MOST_CHANNELS, MOST_TOPICS, Channel, Patience
from processor.clients.genesys.channels import Channels, offered, topics_for
from processor.clients.genesys.token import ClientCredentials
from processor.errors import RefusedError
from sandbox.genesys.guard import Call, Failure
from sandbox.names import EMAIL
from sandbox.options import Options
from sandbox.run import Sandbox, running

OBSERVATIONS = f"v2.analytics.queues.{EMAIL.id}.observations"


@asynccontextmanager
async def centre(policy: ApiPolicy | None = None, **options: Any) -> AsyncIterator[tuple[Sandbox, Api]]:
    options = {"port": 0, "wfm_port": 0, "quiet": True, "rate_limit": 10_000, "speed": 0.001, **options}
    async with running(Options(**options)) as sandbox, open_session() as session:
        login = Api("login", sandbox.genesys_url, session)
        told = sandbox.options
        token = ClientCredentials(login, told.client_id, told.client_secret, asyncio.get_running_loop().time)
        yield sandbox, Api("genesys", sandbox.genesys_url, session, auth=token, policy=policy)


class Heard:
    """What came, and how often a socket opened."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.opened = 0
        self._more = asyncio.Condition()

    async def take(self, frame: bytes) -> None:
        self.frames.append(orjson.loads(frame))
        async with self._more:
            self._more.notify_all()

    async def note(self) -> None:
        self.opened += 1
        async with self._more:
            self._more.notify_all()

    async def until(self, enough: Callable[[], bool]) -> None:
        async with self._more:
            await self._more.wait_for(enough)


@asynccontextmanager
async def following(api: Api, heard: Heard, *topics: str, patience: Patience | None = None) -> AsyncIterator[Channel]:
    patience = patience or Patience(first_back_off=0.01)
    channel = Channel(api, topics, heard.take, heard.note, patience=patience)
    task = asyncio.create_task(channel.run())
    try:
        yield channel
    finally:
        task.cancel()
        await asyncio.wait([task])


def busy(sandbox: Sandbox) -> None:
    sandbox.life.quiet = False
    sandbox.clock.jump(timedelta(minutes=45))
    sandbox.life.step()
    sandbox.life.quiet = True


async def test_frames_of_the_topics_asked_for_come_and_no_others() -> None:
    heard = Heard()
    async with centre() as (sandbox, api), following(api, heard, OBSERVATIONS):
        await heard.until(lambda: heard.opened == 1)
        busy(sandbox)
        await heard.until(lambda: bool(heard.frames))
    assert {frame["topicName"] for frame in heard.frames} == {OBSERVATIONS}
    assert heard.frames[0].keys() == {"topicName", "version", "eventBody", "metadata"}


async def test_heartbeats_are_no_events_and_silence_is_asked_about() -> None:
    heard = Heard()
    patience = Patience(silence=0.05, sign=30, first_back_off=0.01)
    async with centre(heartbeat_seconds=0.02) as (sandbox, api), following(api, heard, OBSERVATIONS, patience=patience):
        await heard.until(lambda: heard.opened == 1)
        busy(sandbox)
        await heard.until(lambda: bool(heard.frames))
    assert (heard.opened, {frame["topicName"] for frame in heard.frames}) == (1, {OBSERVATIONS})


async def test_a_ping_that_is_answered_keeps_the_socket() -> None:
    heard, pings = Heard(), asyncio.Event()
    patience = Patience(silence=0.02, sign=30, first_back_off=0.01)
    async with centre(heartbeat_seconds=3600) as (sandbox, api):
        said = sandbox.notifications._said

        async def noting(*what: Any) -> None:
            await said(*what)
            pings.set()

        sandbox.notifications._said = noting  # type: ignore[method-assign]  # only to see that it came
        async with following(api, heard, OBSERVATIONS, patience=patience):
            for _ in range(3):
                pings.clear()
                await pings.wait()
    assert heard.opened == 1


async def test_a_far_side_that_says_nothing_at_all_is_left(caplog: pytest.LogCaptureFixture) -> None:
    heard = Heard()
    patience = Patience(silence=0.02, sign=0.02, first_back_off=0.01)
    async with centre(heartbeat_seconds=3600) as (sandbox, api):

        async def deaf(*_: Any) -> None:
            return

        sandbox.notifications._said = deaf  # type: ignore[method-assign]  # its pongs are lost
        async with following(api, heard, OBSERVATIONS, patience=patience):
            await heard.until(lambda: heard.opened == 3)
    assert "no sign of life" in " ".join(str(getattr(record, "error", "")) for record in caplog.records)


async def test_the_subscription_is_renewed_and_changed_without_a_new_socket() -> None:
    heard = Heard()
    patience = Patience(renew=0.02, first_back_off=0.01)
    async with centre() as (sandbox, api), following(api, heard, OBSERVATIONS, patience=patience) as channel:
        await heard.until(lambda: heard.opened == 1)
        (theirs,) = sandbox.notifications.channels.values()
        first = theirs.expires
        while theirs.expires == first:  # noqa: ASYNC110  # the other side tells nobody
            await asyncio.sleep(0)
        channel.change([OBSERVATIONS, f"v2.routing.queues.{EMAIL.id}.users"])
        while len(theirs.topics) != 2:  # noqa: ASYNC110  # the other side tells nobody
            await asyncio.sleep(0)
    assert heard.opened == 1


def test_limits_and_patience_are_those_that_genesys_tells_of() -> None:
    patience = Patience()
    assert (MOST_TOPICS, MOST_CHANNELS) == (1000, 20)
    assert patience.renew < timedelta(days=1).total_seconds(), "a channel's life"
    assert 30 < patience.silence < 60, "a heartbeat comes about every 30 s: one may be late, two may not"
    assert patience.sign + patience.silence < 60


async def test_a_socket_that_will_be_closed_is_left_for_a_new_one_at_once() -> None:
    heard = Heard()
    async with centre() as (sandbox, api), following(api, heard, OBSERVATIONS):
        await heard.until(lambda: heard.opened == 1)
        (theirs,) = sandbox.notifications.channels.values()
        await sandbox.notifications.announce_closing(theirs)
        await heard.until(lambda: heard.opened == 2)
        busy(sandbox)
        await heard.until(lambda: bool(heard.frames))
        assert list(sandbox.notifications.channels.values()) == [theirs], "the channel itself is kept"
    assert {frame["topicName"] for frame in heard.frames} == {OBSERVATIONS}


async def test_a_channel_that_is_gone_when_its_socket_opens_is_made_anew() -> None:
    heard = Heard()
    async with centre() as (sandbox, api):
        channels = sandbox.notifications.channels

        def gone(call: Call) -> None:
            if call.method == "PUT":
                sandbox.guard.watchers.clear()
                channels.clear()

        sandbox.guard.watchers.append(gone)
        async with following(api, heard, OBSERVATIONS):
            while not any(one.socket for one in channels.values()):  # noqa: ASYNC110  # the other side tells nobody
                await asyncio.sleep(0)
            busy(sandbox)
            await heard.until(lambda: len(heard.frames) > 0)
    assert {frame.get("topicName") for frame in heard.frames} == {OBSERVATIONS}, "what says 404 is no event"


async def test_cut_after_any_frame_a_new_socket_opens_and_what_was_missed_is_asked_for() -> None:
    heard = Heard()
    async with centre() as (sandbox, api):
        topics = [OBSERVATIONS, *(f"v2.users.{user}.activity" for user in sandbox.world.agents)]
        async with following(api, heard, *topics):
            for number in range(10):
                await heard.until(lambda opened=number + 1: heard.opened == opened)  # type: ignore[misc]
                (theirs,) = sandbox.notifications.channels.values()
                missed, theirs.cut_after = len(sandbox.notifications.missed), number
                while len(sandbox.notifications.missed) == missed:  # some hours are quiet
                    busy(sandbox)
            await heard.until(lambda: heard.opened == 11)
            came = len(heard.frames)
            busy(sandbox)
            await heard.until(lambda: len(heard.frames) > came)


@pytest.mark.parametrize("after", [False, True], ids=["before it was done", "after it was done"])
async def test_cut_off_while_it_connects_it_begins_again(after: bool) -> None:
    heard, once = Heard(), ApiPolicy(attempts=1)
    async with centre(once) as (sandbox, api):
        cuts = [Failure(CHANNELS, method, drop=True, after=after) for method in ("POST", "PUT")]
        sandbox.guard.failures += [replace(cut) for cut in cuts]
        async with following(api, heard, OBSERVATIONS):
            await heard.until(lambda: heard.opened == 1)
            sandbox.guard.failures.append(cuts[1])
            (theirs,) = [one for one in sandbox.notifications.channels.values() if one.socket]
            sandbox.notifications.cut(theirs)
            await heard.until(lambda: heard.opened == 2)
            assert sandbox.guard.failures == []
            busy(sandbox)
            await heard.until(lambda: bool(heard.frames))
    assert heard.opened == 2


async def test_topics_that_we_may_not_have_are_named_with_the_permission(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "processor.channel")
    heard = Heard()
    async with centre() as (sandbox, api):
        sandbox.notifications.rejected.add(OBSERVATIONS)
        async with following(api, heard, OBSERVATIONS, "v2.no.such.topic"):
            await heard.until(lambda: heard.opened == 1)
    (line,) = [record for record in caplog.records if record.message == "topics-rejected"]
    assert line.first == OBSERVATIONS
    assert "presence:userPresence:view" in line.remedy


async def test_only_hosts_of_ours_are_connected_to() -> None:
    async with centre() as (_, api):
        with pytest.raises(RefusedError, match="not a configured host"):
            await api.socket("wss://elsewhere.invalid/channels/x", 5)


async def test_what_goes_over_sockets_is_asked_for() -> None:
    async with centre() as (_, api):
        templates = await offered(api)
    assert templates is not None
    assert "v2.users.{id}.activity" in templates
    assert "v2.audits.entitytype.{id}.entityid.{id}" not in templates
    topics = topics_for(["queue/q", "agent/b", "agent/a", "schedule-group/g"], templates)
    assert topics[:3] == ["v2.users.a.activity", "v2.users.b.activity", "v2.analytics.queues.q.observations"]
    assert topics_for(["agent/a"], frozenset()) == []


class Standing:
    """Stands for a channel whose socket nobody needs."""

    def __init__(self, topics: list[str]) -> None:
        self.topics = list(topics)

    def change(self, topics: list[str]) -> None:
        self.topics = list(topics)

    async def run(self) -> None:
        await asyncio.Event().wait()


async def test_topics_keep_their_channel_and_what_is_beyond_all_is_said(caplog: pytest.LogCaptureFixture) -> None:
    made: list[Standing] = []

    def make(topics: Any) -> Any:
        made.append(Standing(topics))
        return made[-1]

    def names(*numbers: int) -> list[str]:
        return [f"t{number}" for number in numbers]

    channels = Channels(make)
    async with asyncio.TaskGroup() as tasks:
        channels._cover(names(*range(1500)), tasks)
        assert [len(one.topics) for one in made] == [MOST_TOPICS, 500]
        first = list(made[0].topics)
        channels._cover(names(*range(10, 1600)), tasks)
        assert made[0].topics[: MOST_TOPICS - 10] == first[10:]
        assert sorted(made[0].topics + made[1].topics) == sorted(names(*range(10, 1600)))
        channels._cover(names(*range(10, 30_000)), tasks)
        assert len(made) == MOST_CHANNELS
        assert sum(len(one.topics) for one in made) == MOST_TOPICS * MOST_CHANNELS
        for task in channels._running:
            task.cancel()
    (line,) = [record for record in caplog.records if record.message == "too-many-topics"]
    assert line.left_out == 30_000 - 10 - MOST_TOPICS * MOST_CHANNELS
