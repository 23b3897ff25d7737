"""`queue-routing` in both dialects: waiting until Genesys shows a change, and the ways in which it never does."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from sandbox.names import EMAIL
from tests.contract.jobsdesk import desk
from tests.contract.queuedesk import BOTH, HOOK, a_person, asked, deploy, rules_of, target


async def test_activation_is_waited_for_with_the_guides_pauses() -> None:
    async with desk("guide") as there:
        there.sandbox.guide.queues.activation_seconds = 7
        done = await deploy(there)
        waits = there.clock.slept
    assert done.status == "done"
    assert done.facts["activation"]["polls"] in (4, 5)
    assert all(2 <= wait <= 3 for wait in waits)
    assert len(set(waits)) > 1


async def test_an_activation_that_does_not_come_is_a_failure_that_says_what_stands() -> None:
    async with desk("guide") as there:
        there.sandbox.guide.queues.activation_seconds = math.inf
        done = await deploy(there, webhookUrl=HOOK)
        assert target(there) == (0.9, 45)
        assert len(there.sandbox.guide.webhooks.kept) == 1
        looked = there.sandbox.guard.counts["GET /api/v2/routing/queues/{queueId} 200"]
        assert looked == 2 + 10, "for the plan, before the write, and ten times after it"
    assert (done.status, done.facts["activation"]["state"], done.facts["activation"]["polls"]) == (
        "failed",
        "timeout",
        10,
    )
    assert "not active" in (done.error or "")
    assert len(there.clock.slept) == 10 - 1


async def test_a_queue_that_is_deleted_while_its_change_is_on_its_way_is_another_end() -> None:
    async with desk("guide") as there:
        rules, world = rules_of(there), there.sandbox.world
        there.sandbox.guide.queues.activation_seconds = 60
        sleep = there.clock.sleep

        async def deleted_meanwhile(seconds: float) -> None:
            world.queues.pop(EMAIL.id, None)
            await sleep(seconds)

        there.clock.sleep = deleted_meanwhile  # type: ignore[method-assign]
        there.jobs.queues._clocks = there.clock.time()  # type: ignore[attr-defined]
        request = asked(webhookUrl=HOOK)
        done = await rules.carry_out(request, await rules.plan(request), started=False)
        assert there.sandbox.guide.webhooks.kept == {}
    assert (done.status, done.facts["activation"]["state"]) == ("failed", "gone")
    assert "deleted" in (done.error or "")


async def test_the_official_api_is_looked_at_until_it_shows_the_content_under_no_older_date() -> None:
    async with desk("platform") as there:
        get, send, shown = there.jobs.queues.get, there.jobs.queues.send, list[Any]()
        times = 1

        async def slow(queue_id: str) -> Any:
            return shown.pop(0) if shown else await get(queue_id)

        async def taken(write: Any) -> Any:
            before, after = await get(EMAIL.id), await send(write)
            shown.extend([before, replace(after, guard="2000-01-01T00:00:00.000Z"), before] * times)
            return after

        there.jobs.queues.get, there.jobs.queues.send = slow, taken  # type: ignore[method-assign]
        done = await deploy(there)
        times = 9
        late = await deploy(there, slaTarget=30)
        assert target(there) == (0.9, 30)
    assert (done.status, done.facts["activation"]["state"], done.facts["activation"]["polls"]) == ("done", "active", 4)
    assert (late.status, late.facts["activation"]["state"], late.facts["activation"]["polls"]) == (
        "failed",
        "timeout",
        10,
    )


async def test_a_later_version_that_still_has_all_that_was_written_counts_as_active() -> None:
    async with desk("guide") as there:
        send = there.jobs.queues.send

        async def then_touched(write: Any) -> Any:
            taken = await send(write)
            there.sandbox.guide.queues.by_a_person(EMAIL.id)
            return taken

        there.jobs.queues.send = then_touched  # type: ignore[method-assign]
        done = await deploy(there)
    assert (done.status, done.facts["activation"]["state"], done.facts["activation"]["version"]) == (
        "done",
        "active",
        "v-3",
    )


@BOTH
async def test_somebody_who_writes_before_it_is_active_is_seen(dialect: str) -> None:
    async with desk(dialect) as there:
        send = there.jobs.queues.send

        async def overtaken(write: Any) -> Any:
            taken = await send(write)
            a_person(there, 300)
            if there.dialect == "guide":
                there.sandbox.guide.queues.activation_seconds = 0
                there.sandbox.guide.queues._former.clear()
            return taken

        there.jobs.queues.send = overtaken  # type: ignore[method-assign]
        done = await deploy(there)
    assert (done.status, done.facts["activation"]["state"]) == ("failed", "overtaken")
