from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from processor.clients.api import Api, ApiPolicy, Forbidden, open_session
from processor.clients.genesys import Answer, Genesys, QueueChange
from processor.clients.genesys.platform import Platform
from processor.clients.genesys.token import ClientCredentials
from processor.errors import ConflictError, FarSideDown, RefusedError, RetryableError
from sandbox.genesys.guard import Failure
from sandbox.names import BUSINESS_UNIT, EMAIL, ORGANISATION, QUEUES, pool
from sandbox.options import Options
from sandbox.run import Sandbox, running
from tests.contract.official import Official

QUIET = {"port": 0, "wfm_port": 0, "quiet": True, "most_on_page": 2}


@dataclass
class Office:
    genesys: Genesys
    sandbox: Sandbox


@asynccontextmanager
async def office(secret: str = "", **options: Any) -> AsyncIterator[Office]:
    async with running(Options(**{**QUIET, "rate_limit": 100_000, **options})) as sandbox, open_session() as session:
        url, known = sandbox.genesys_url, sandbox.options
        login = Api("login", url, session)
        auth = ClientCredentials(login, known.client_id, secret or known.client_secret, monotonic)
        api = Api("genesys", url, session, auth=auth, policy=ApiPolicy(patience=2))
        yield Office(Platform(api, horizon=timedelta(weeks=8)), sandbox)


async def look(there: Office, what: str, subject: str) -> Answer:
    (answer,) = await there.genesys.look(what, subject, there.genesys.now(), None, {})
    return answer


async def ask_everything(there: Office) -> dict[str, list[Answer]]:
    """All that the product ever asks, once."""
    genesys, found = there.genesys, dict[str, list[Answer]]()
    await genesys.organisation_id()
    looks = {"schedule-group": ["schedule-group"], "queue": ["queue"], "agent": ["presence", "shifts"]}
    pairs = [
        (what, subject)
        for subject in await genesys.subjects()
        for what in looks.get(subject.partition("/")[0], ["campaign"])
    ]
    async with asyncio.TaskGroup() as tasks:
        answers = [tasks.create_task(look(there, *pair)) for pair in pairs]
    for (what, _), task in zip(pairs, answers, strict=True):
        found.setdefault(what, []).append(task.result())
    found["volume"] = list(await genesys.volume({EMAIL.id: {"email": 60.0}}, [queue.id for queue in QUEUES]))
    return found


async def test_a_new_installation_fills_itself_from_nothing() -> None:
    async with office() as there:
        found = await ask_everything(there)
        world = there.sandbox.world
        counts = there.sandbox.guard.counts
    assert {what: len(answers) for what, answers in found.items()} == {
        "schedule-group": len(world.groups),
        "queue": len(world.queues),
        "presence": len(world.agents),
        "shifts": len(world.agents),
        "campaign": len(world.campaigns),
        "volume": len(QUEUES),
    }
    bodies = [answer.body for answers in found.values() for answer in answers]
    assert not [body for body in bodies if body.get("deleted")]
    assert all(body["group"]["timeZone"] and body["schedules"] for body in (a.body for a in found["schedule-group"]))
    assert all(
        body["presence"]["modifiedDate"] and body["routingStatus"] for body in (a.body for a in found["presence"])
    )
    assert any(body["shifts"] for body in (a.body for a in found["shifts"]))
    assert {body["queueId"] for body in (a.body for a in found["volume"])} == {queue.id for queue in QUEUES}
    assert counts["GET /api/v2/organizations/me 200"] == 1


async def test_agents_who_are_looked_at_together_share_their_requests() -> None:
    async with office(most_on_page=1000) as there:
        agents, platform = list(there.sandbox.world.agents), there.genesys
        assert isinstance(platform, Platform)

        async def all_have_asked(_: float) -> None:
            """The moment for which the first who asks waits, however long the others take to come."""
            while len(platform._presences._gather._waiting) < len(agents):  # noqa: ASYNC110 - they tell no Event of ours
                await asyncio.sleep(0)

        platform._presences._gather._sleep = all_have_asked
        async with asyncio.TaskGroup() as tasks:
            for agent in agents:
                tasks.create_task(look(there, "presence", f"agent/{agent}"))
        counts = there.sandbox.guard.counts
    asked = {name: count for name, count in counts.items() if name.startswith("GET /api/v2/users")}
    assert asked == {"GET /api/v2/users 200": 1}


async def test_every_request_is_one_that_the_official_api_knows(shared: Path) -> None:
    official = Official(shared / "genesys" / "publicapi-v2-subset.json")
    async with office() as there:
        await ask_everything(there)
        schedule, unit = next(iter(there.sandbox.world.schedules)), next(iter(there.sandbox.world.agents.values())).unit
        await there.genesys.spread("schedule-group", f"schedule/{schedule}", {})
        await there.genesys.spread("agents-of", f"management-unit/{unit}", {})
        members = tuple(pool())
        stranger = next(a for a in there.sandbox.world.agents if a not in there.sandbox.world.members[EMAIL.id])
        await there.genesys.change_queue(QueueChange(EMAIL.id, "email", 45, (60,), join=(*members, stranger)))
        calls = list(there.sandbox.guard.seen)
    asked = {f"{call.method} {call.template}" for call in calls}
    assert len(asked) > 15
    for call in calls:
        official.check(call.method, call.template, call.query, call.body)


async def test_the_step_of_the_loop_and_the_way_back() -> None:
    async with office() as there:
        members, key = tuple(pool()), EMAIL.id
        world = there.sandbox.world
        untouched = {name: dict(queue) for name, queue in world.queues.items()}
        await there.genesys.change_queue(QueueChange(key, "email", 45, (60,), join=members))
        there.sandbox.routing.settle(key, dict.fromkeys(members, True), "test")
        assert all(world.members[key][user] for user in members)
        state = await there.genesys.queue(key)
        assert (state.name, state.service_level_seconds["email"]) == (EMAIL.name, 45)
        _, after = await there.genesys.change_queue(QueueChange(key, "email", 60, (45,), leave=members))
        there.sandbox.routing.settle(key, dict.fromkeys(members, False), "test")
        told = {"dateModified", "modifiedBy"}
        now = {name: {f: v for f, v in queue.items() if f not in told} for name, queue in world.queues.items()}
        was = {name: {f: v for f, v in queue.items() if f not in told} for name, queue in untouched.items()}
    assert after.service_level_seconds["email"] == 60
    assert now == was


async def test_a_person_was_here() -> None:
    async with office() as there:
        there.sandbox.routing.by_a_person(EMAIL.id, "email", 90)
        with pytest.raises(ConflictError) as raised:
            await there.genesys.change_queue(QueueChange(EMAIL.id, "email", 45, (60,)))
        state = await there.genesys.queue(EMAIL.id)
    assert raised.value.found == state


async def test_expired_tokens_are_renewed_in_passing() -> None:
    async with office() as there:
        await there.genesys.organisation_id()
        there.sandbox.guard.tokens.clear()
        await there.genesys.queue(EMAIL.id)
        assert there.sandbox.login.issued == 2


async def test_wrong_credentials_make_work_wait() -> None:
    async with office(secret="wrong") as there:
        with pytest.raises(FarSideDown, match="client id"):
            await there.genesys.queue(EMAIL.id)


async def test_a_permission_that_is_missing_is_named() -> None:
    async with office() as there:
        there.sandbox.guard.missing.add("routing:queue:edit")
        with pytest.raises(Forbidden) as raised:
            await there.genesys.change_queue(QueueChange(EMAIL.id, "email", 45, (60,)))
        there.sandbox.guard.missing.add("routing:queue:view")
        assert not [subject for subject in await there.genesys.subjects() if subject.startswith("queue/")]
    assert "routing:queue:edit" in (raised.value.remedy or "")


async def test_the_rate_limit_is_waited_out_or_told() -> None:
    async with office() as there:
        await there.genesys.queue(EMAIL.id)
        there.sandbox.guard.failures.append(
            Failure("/api/v2/routing", status=429, code="too.many.requests", headers={"Retry-After": "1"})
        )
        await there.genesys.queue(EMAIL.id)
        there.sandbox.guard.failures.append(
            Failure("/api/v2/routing", status=429, message="Retry the request in [17] seconds")
        )
        with pytest.raises(RetryableError) as raised:
            await there.genesys.queue(EMAIL.id)
    assert raised.value.retry_after == timedelta(seconds=17)


async def test_a_broken_connection_is_another_try_and_an_outage_is_told() -> None:
    async with office() as there:
        there.sandbox.guard.failures.append(Failure("/api/v2/routing", drop=True, times=1))
        await there.genesys.queue(EMAIL.id)
        there.sandbox.guard.down = True
        with pytest.raises(RetryableError):
            await there.genesys.queue(EMAIL.id)
        with pytest.raises(FarSideDown):
            await there.genesys.queue(EMAIL.id)


async def test_an_adjustment_whose_answer_was_lost_is_not_done_twice() -> None:
    async with office() as there:
        await there.genesys.queue(EMAIL.id)
        there.sandbox.guard.failures.append(Failure("/api/v2/routing", "PUT", drop=True, after=True))
        _, after = await there.genesys.change_queue(QueueChange(EMAIL.id, "email", 45, (60,)))
    assert after.service_level_seconds["email"] == 45


async def test_searches_that_are_processed_or_downloaded_come_out_the_same() -> None:
    async with office(queued_answers=0) as there:
        agent = next(iter(there.sandbox.world.agents))
        plain = await look(there, "shifts", f"agent/{agent}")
    async with office(queued_answers=1) as there:
        roundabout = await look(there, "shifts", f"agent/{agent}")
        assert there.sandbox.workforce.downloads
    assert plain.body["shifts"]
    assert roundabout.body["activityCodes"] == plain.body["activityCodes"]
    assert len(roundabout.body["shifts"]) == len(plain.body["shifts"])


async def test_what_was_removed_is_answered_as_deleted() -> None:
    async with office() as there:
        world = there.sandbox.world
        agent, group = next(iter(world.agents)), next(iter(world.groups))
        world.gone.add(agent)
        del world.groups[group]
        assert (await look(there, "presence", f"agent/{agent}")).body["deleted"]
        assert (await look(there, "shifts", f"agent/{agent}")).body["deleted"]
        assert (await look(there, "schedule-group", f"schedule-group/{group}")).body["deleted"]
        with pytest.raises(RefusedError):
            await there.genesys.queue("no-such-queue")


async def test_spreading() -> None:
    async with office() as there:
        world = there.sandbox.world
        group = next(iter(world.groups.values()))
        schedule = group["openSchedules"][0]["id"]
        groups = await there.genesys.spread("schedule-group", f"schedule/{schedule}", {})
        agents = await there.genesys.spread("agents-of", f"business-unit/{BUSINESS_UNIT}", {})
    assert ("schedule-group", f"schedule-group/{group['id']}") in groups
    assert sorted(agents) == sorted(("shifts", f"agent/{agent}") for agent in world.agents)


async def test_the_sandboxs_clock_is_the_one_that_counts() -> None:
    async with office(speed=600.0) as there:
        assert await there.genesys.organisation_id() == ORGANISATION
        apart = abs(there.genesys.now() - there.sandbox.clock.now())
        (answer,) = await there.genesys.volume({}, [EMAIL.id])
        asked = abs(answer.asked - there.sandbox.clock.now())
    assert apart < timedelta(minutes=5)
    assert asked < timedelta(minutes=5)
