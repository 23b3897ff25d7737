"""A request whose process was killed after a call, and that may not go on afterwards: told with what stands, undone."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from typing import Any

import pytest

from handlers.events import Requested
from handlers.requests.operating_hours import Hours
from processor.app.requests.handing_in import undoing
from sandbox.genesys.guard import Failure
from sandbox.names import EMAIL, uid
from tests.contract.mortal import Mortal, asked, mortal, there_is

AGGREGATES = "/api/v2/analytics/conversations/aggregates/query"
QUEUE = f"/api/v2/routing/queues/{EMAIL.id}"
CAMPAIGN = "/api/v2/outbound/schedules/campaigns"
REFUSED: dict[tuple[str, str], tuple[str, str]] = {
    ("schedule", "platform"): ("GET", "/api/v2/architect/schedulegroups"),
    ("schedule", "guide"): ("POST", "/api/v2/analytics/conversations/details/query"),
    ("routing-profile", "platform"): ("POST", AGGREGATES),
    ("routing-profile", "guide"): ("POST", "/api/v2/analytics/queues/details/query"),
    ("queue-routing", "platform"): ("GET", f"{QUEUE}/members"),
    ("queue-routing", "guide"): ("GET", f"{QUEUE}/members"),
    ("campaign-schedule", "platform"): ("GET", CAMPAIGN),
    ("presence", "platform"): ("", ""),
    ("presence", "guide"): ("", ""),
}
"""What is forbidden after the kill. Of an agent's presence the operating hours are over instead."""


async def broken_off(there: Mortal, kind: str) -> dict[str, Any]:
    """The outcome of an example that was killed after its first call and refused when it came again."""
    request = asked(there, kind)
    if kind == "presence":
        fields = {name: value for name, value in request.fields.items() if name != "skillOverrides"}
        request = request.model_copy(update={"fields": {**fields, "presenceId": "Meeting"}})
    method, path = REFUSED[kind, there.dialect]
    failure = Failure(path, method, times=9, status=403, code="forbidden")

    def forbid() -> None:
        there.policy = replace(there.policy, operating_hours=Hours(time(3), time(3, 0, 1)))
        if path:
            there.sandbox.guard.failures.append(failure)

    there.fate.on_death = forbid
    await there.log.append([request.to_message()])
    assert await there.until_handled(1) == 1
    there.sandbox.guard.failures.clear()
    there.policy = replace(there.policy, operating_hours=Hours(time(0), time(23, 59, 59)))
    return there.outcomes()[-1]


async def taken_back(there: Mortal, outcome: dict[str, Any]) -> dict[str, Any]:
    """How its undo ended."""
    request = undoing(outcome, lambda kind: there.rules()[kind])
    back = Requested(
        id="r-2", time=there.clock.now(), subject=request.subject(), kind=request.kind, fields=request.fields()
    )
    await there.log.append([back.to_message()])
    await there.until_handled(2)
    return there.outcomes()[-1]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "dialect"), list(REFUSED))
async def test_what_stands_is_told_and_can_be_taken_back(kind: str, dialect: str) -> None:
    async with mortal(dialect, at=2) as there:
        before = there_is(there)
        outcome = await broken_off(there, kind)
        assert outcome["status"] == "failed", outcome["error"]
        assert "an earlier try broke off" in outcome["error"]
        assert there_is(there) != before
        on_its_way = (kind, dialect) == ("queue-routing", "guide")
        unseen = kind == "campaign-schedule"  # only its list could tell, and that is what was forbidden
        assert (outcome["after"] == {}) == unseen
        assert (outcome["after"] == outcome["before"]) == (on_its_way or unseen)
        there.clock.pass_by(10)
        undone = await taken_back(there, outcome)
        assert undone["status"] == "done", undone["error"]
        assert there_is(there) == before


@pytest.mark.parametrize("dialect", ["platform", "guide"])
async def test_it_is_not_taken_back_over_what_another_did_since(dialect: str) -> None:
    async with mortal(dialect, at=2) as there:
        outcome = await broken_off(there, "schedule")
        group, schedule = uid("schedule-group", "New York Support"), uid("schedule", "Support Hours")
        if dialect == "guide":
            there.sandbox.guide.schedules.by_a_person(group, schedule, name="Spring")
        else:
            found = there.sandbox.world.schedules[schedule]
            there.sandbox.world.put(there.sandbox.world.schedules, schedule, {**found, "name": "Spring"}, "ada")
        stands = there_is(there)
        undone = await taken_back(there, outcome)
        assert (undone["status"], undone["before"]["name"]) == ("conflict", "Spring")
        assert there_is(there) == stands
