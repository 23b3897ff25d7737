"""The rules of `queue-routing` over the sandbox, and what the sandbox then shows of the queue."""

from __future__ import annotations

from typing import Any

import pytest

from handlers.configure_queues import ConfigureQueues
from handlers.requests.kinds import read
from handlers.requests.plans import Plan, Result
from handlers.requests.queue import QueueRequest
from sandbox.names import EMAIL, SKILLS
from tests.contract.jobsdesk import Desk

BOTH = pytest.mark.parametrize("dialect", ["platform", "guide"])
BILLING, ENGLISH = SKILLS["Billing"], SKILLS["English"]
QUEUE = f"/api/v2/routing/queues/{EMAIL.id}"
TIGHTER: dict[str, Any] = {"queueId": EMAIL.id, "slaPercent": 90, "slaTarget": 45}
HOOK = "https://gateway.example/sync"


def asked(**fields: Any) -> QueueRequest:
    request = read("queue-routing", {**TIGHTER, **fields})
    assert isinstance(request, QueueRequest)
    return request


def rules_of(there: Desk) -> ConfigureQueues:
    if there.dialect == "guide":
        there.sandbox.guide.queues.monotonic = lambda: there.clock.elapsed
    return ConfigureQueues(there.jobs, there.clock.now, there.clock.time())


async def plan(there: Desk, **fields: Any) -> Plan:
    return await rules_of(there).plan(asked(**fields))


async def deploy(there: Desk, *, started: bool = False, **fields: Any) -> Result:
    rules, request = rules_of(there), asked(**fields)
    return await rules.carry_out(request, await rules.plan(request), started=started)


def target(there: Desk) -> tuple[float, float]:
    level = there.sandbox.world.queues[EMAIL.id]["mediaSettings"]["email"]["serviceLevel"]
    return level["percentage"], level["durationMs"] / 1000


def puts(there: Desk) -> list[Any]:
    return [call for call in there.sandbox.guard.seen if call.method == "PUT"]


def a_person(there: Desk, seconds: int) -> None:
    there.sandbox.routing.by_a_person(EMAIL.id, "email", seconds)
