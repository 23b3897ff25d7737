"""`queue-routing`: the webhook of `webhookUrl`, made once and called."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from processor.errors import UnknownEnd
from sandbox.genesys.guard import Failure
from sandbox.names import EMAIL, VOICE
from tests.contract.jobsdesk import desk
from tests.contract.queuedesk import HOOK, a_person, deploy, plan, target
from tests.unit.farside import far_side, said


async def test_the_webhook_is_made_once_whatever_happens() -> None:
    async with desk("guide") as there:
        other = there.jobs.queues.register(VOICE.id, HOOK)
        others = await there.jobs.queues.registered(other)  # the same address, for another queue
        first = await plan(there, webhookUrl=HOOK)
        done = await deploy(there, webhookUrl=HOOK)
        kept = dict(there.sandbox.guide.webhooks.kept)
        second = await plan(there, webhookUrl=HOOK)
        again = await deploy(there, webhookUrl=HOOK, started=True)
        assert there.sandbox.guide.webhooks.kept == kept
    del kept[others]
    (made,) = kept.values()
    assert first.creates
    assert not second.creates
    assert first.calls[-1].body.items() <= made.items()
    assert made["eventFilters"] == [{"type": "routingQueueUpdated", "entityFilters": [{"id": EMAIL.id}]}]
    assert made["headers"]["X-Genesys-Event"] == "routing-sync"
    assert done.facts["webhookId"] == again.facts["webhookId"] == made["id"]


async def test_whoever_the_request_named_is_called_with_the_next_change_of_that_queue_only() -> None:
    called = asyncio.Event()

    def gateway(_: Any) -> Any:
        called.set()
        return said(202)

    async with desk("guide") as there, far_side(gateway) as far:
        done = await deploy(there, webhookUrl=f"{far.url}/sync")
        there.sandbox.routing.by_a_person(VOICE.id, "call", 33)
        a_person(there, 75)
        await asyncio.wait_for(called.wait(), 10)
    (asked_,) = far.asked
    assert done.status == "done"
    assert (asked_.path, asked_.headers["x-genesys-event"]) == ("/sync", "routing-sync")
    assert b'"slaTarget": 75' in asked_.body or b'"slaTarget":75' in asked_.body
    assert EMAIL.id.encode() in asked_.body


async def test_a_webhook_that_may_be_there_and_cannot_be_searched_for_is_for_a_person() -> None:
    async with desk("guide") as there:
        there.sandbox.guide.webhooks.listing = False
        with pytest.raises(UnknownEnd):
            await deploy(there, webhookUrl=HOOK, started=True)
        assert there.sandbox.guide.webhooks.kept == {}
        done = await deploy(there, webhookUrl=HOOK)
        assert list(there.sandbox.guide.webhooks.kept) == [done.facts["webhookId"]]


async def test_a_webhook_that_is_refused_leaves_the_queue_changed_and_says_so() -> None:
    async with desk("guide") as there:
        there.sandbox.guard.failures.append(Failure("/api/v2/webhooks", "POST", status=400, message="no room"))
        done = await deploy(there, webhookUrl=HOOK)
        assert target(there) == (0.9, 45)
    assert done.status == "failed"
    assert "the queue is changed, the webhook is not made" in (done.error or "")
