"""`routing-profile` in the official API: skills, capacity and wrap-up codes that together do the same."""

from __future__ import annotations

import copy
from datetime import timedelta
from pathlib import Path

import pytest

from handlers.requests.profile import ProfileRequest
from handlers.requests.utilization import LOOK_BACK
from processor.errors import ConflictError, RefusedError
from sandbox.genesys.guard import Failure
from sandbox.names import CHAT, EMAIL, SKILLS
from tests.contract.official import Official
from tests.contract.profilesdesk import (
    ANA,
    BEN,
    CODES,
    NOT_IN_THE_SUBSET,
    PLATFORM_CHANGE,
    office,
)
from tests.contract.swagger import Swagger


async def test_the_official_api_does_the_same_for_agents_and_a_queue() -> None:
    async with office("platform") as there:
        done = await there.make_so(**PLATFORM_CHANGE)
        sandbox = there.sandbox
        held = [sandbox.skills.held[user] for user in (ANA, BEN)]
        capacities = sandbox.capacity.own[ANA]["utilization"]
        codes = sandbox.wrap_up_codes.of_queue[EMAIL.id]
    assert held == [{SKILLS["Billing"]: 4.5}] * 2
    assert {medium: said["maximumCapacity"] for medium, said in capacities.items()} == {
        "call": 1,
        "callback": 1,
        "chat": 2,
        "email": 2,
        "message": 2,
    }
    assert capacities["email"]["interruptableMediaTypes"] == ["call", "callback"]
    assert codes == CODES[1:]
    assert done.after["users"][ANA]["maximumCapacities"]["email"] == 2
    assert done.before["users"][BEN]["maximumCapacities"]["email"] == 4
    assert done.facts["utilization"]["isSet"] is False


async def test_every_request_and_answer_of_the_platform_dialect_is_official(shared: Path) -> None:
    official, swagger = Official(shared / "genesys" / "publicapi-v2-subset.json"), Swagger(shared)
    async with office("platform") as there:
        await there.make_so(**PLATFORM_CHANGE)
        calls = list(there.sandbox.guard.seen)
        routes = {(route.method, route.path): route for route in there.sandbox.routes()}
        asked = {f"{call.method} {call.template}" for call in calls}
        assert len(asked) > 8
        for call in calls:
            if f"{call.method} {call.template}" in NOT_IN_THE_SUBSET:
                continue
            official.check(call.method, call.template, call.query, call.body)
            operation = swagger.operation(call.method, call.template)
            assert operation
            if call.method in ("GET", "PUT") and "utilization" in call.template + call.path + "routingskills":
                body = routes[call.method, call.template].work(call)
                assert swagger.wrong_answer(operation, 200, body) == []


async def test_platform_undo_is_exact_and_a_repeat_changes_nothing() -> None:
    async with office("platform") as there:
        sandbox = there.sandbox
        was = (copy.deepcopy(sandbox.skills.held), copy.deepcopy(sandbox.wrap_up_codes.of_queue))
        request = ProfileRequest.read(PLATFORM_CHANGE)
        done = await there.make_so(**PLATFORM_CHANGE)
        writes = len(there.sent("PUT", "POST", "DELETE"))
        await there.make_so(**PLATFORM_CHANGE)
        repeated = [one for one in there.sent("PUT", "POST", "DELETE")[writes:] if "query" not in one[1]]
        back = there.rules.reverse(request, done.before, done.after)
        await there.make_so(**back, expected=done.after, undoes="r-1")
        now = (sandbox.skills.held, sandbox.wrap_up_codes.of_queue)
        capacities = {m: said["maximumCapacity"] for m, said in sandbox.capacity.own[BEN]["utilization"].items()}
    assert repeated == []
    assert now == was
    assert capacities == {"call": 1, "callback": 1, "chat": 4, "email": 4, "message": 4}


async def test_agents_who_differed_before_are_not_undone_by_one_request() -> None:
    async with office("platform") as there:
        there.sandbox.skills.held[BEN] = {SKILLS["Returns"]: 2.0}
        request = ProfileRequest.read(PLATFORM_CHANGE)
        done = await there.make_so(**PLATFORM_CHANGE)
        with pytest.raises(RefusedError, match="different skills") as raised:
            there.rules.reverse(request, done.before, done.after)
    assert "each agent" in (raised.value.remedy or "")


async def test_a_refusal_half_way_says_which_part_stands() -> None:
    async with office("platform") as there:
        path = f"/api/v2/routing/users/{BEN}/utilization"
        there.sandbox.guard.failures.append(Failure(path, "PUT", 1, 400, "invalid.value", "too much"))
        done = await there.make_so(**PLATFORM_CHANGE)
    assert done.status == "failed"
    assert f"utilization of agent {BEN}" in (done.error or "")
    assert f"what stands: wrap-up codes of queue {EMAIL.id}" in (done.error or "")
    assert done.after["users"][ANA]["maximumCapacities"]["email"] == 2


async def test_409_of_the_official_api_is_read_again() -> None:
    async with office("platform") as there:
        path = f"/api/v2/routing/users/{ANA}/utilization"
        message = "Another update took place at the same time. Please try again."
        there.sandbox.guard.failures.append(Failure(path, "PUT", 1, 409, "conflict", message))
        done = await there.make_so(userIds=[ANA], utilizationPercent=50)
    assert (done.status, done.conflict_retries) == ("done", 1)


async def test_a_queues_history_in_the_official_api() -> None:
    async with office("platform") as there:
        nobody = await there.rules.jobs.profiles.load("no-such-queue", LOOK_BACK)
        there.sandbox.clock.jump(timedelta(hours=2))
        there.sandbox.life.step()
        load = await there.rules.jobs.profiles.load(CHAT.id, LOOK_BACK)
    assert nobody is None
    assert load
    assert load.handled > 10
    assert load.average_wait_seconds >= 0


async def test_a_queue_that_is_named_for_its_codes_changes_no_capacity() -> None:
    async with office("platform") as there:
        done = await there.make_so(userIds=[ANA], queueId=EMAIL.id, wrapUpCodes=PLATFORM_CHANGE["wrapUpCodes"])
        assert there.sandbox.capacity.own == {}
    assert done.facts["utilization"]["isSet"] is False


async def test_a_refusal_at_the_first_place_is_a_refusal() -> None:
    async with office("platform") as there:
        path = f"/api/v2/routing/users/{ANA}/utilization"
        there.sandbox.guard.failures.append(Failure(path, "PUT", 1, 400, "invalid.value", "too much"))
        with pytest.raises(RefusedError, match="too much"):
            await there.make_so(userIds=[ANA, BEN], utilizationPercent=50)
        assert there.sandbox.capacity.own == {}


async def test_who_is_gone_meanwhile_is_a_conflict_and_no_wrong_request() -> None:
    async with office("platform") as there:
        request = ProfileRequest.read({"userIds": [ANA], "utilizationPercent": 50})
        plan = await there.rules.plan(request)
        path = f"/api/v2/routing/users/{ANA}/utilization"
        there.sandbox.guard.failures.append(Failure(path, "PUT", 9, 404, "not.found", "no such user"))
        with pytest.raises(ConflictError, match="gone meanwhile"):
            await there.rules.carry_out(request, plan, started=False)


async def test_no_overflow_targets_are_none_to_refuse() -> None:
    async with office("platform") as there:
        done = await there.make_so(userIds=[ANA], utilizationPercent=50, overflowRoutingTargets=[])
    assert done.status == "done"


async def test_a_place_that_was_written_before_its_answer_was_lost_keeps_its_before() -> None:
    async with office("platform") as there:
        request = ProfileRequest.read({"userIds": [ANA], "utilizationPercent": 50})
        plan = await there.rules.plan(request)
        await there.rules.carry_out(request, plan, started=False)  # and nobody hears of it
        again = await there.rules.carry_out(request, plan, started=False)
    assert again.before["users"][ANA]["maximumCapacities"]["email"] == 4
    assert again.after["users"][ANA]["maximumCapacities"]["email"] == 2
    assert again.look == ()


async def test_ids_that_we_may_not_look_up_are_not_taken_for_known() -> None:
    async with office("platform") as there:
        there.sandbox.guard.missing.add("routing:skill:view")
        plan = await there.plan(**PLATFORM_CHANGE)
    assert plan.facts["unchecked"] == ["skillAssignments"]
