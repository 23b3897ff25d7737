"""`routing-profile`: what is refused or waited out; each common error of the profile guide."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from handlers.requests.profile import ProfileRequest
from handlers.requests.words import InvalidRequest
from processor.clients.api import Forbidden, NotFound
from processor.errors import ConflictError, FarSideDown, RefusedError, RetryableError
from sandbox.genesys.guard import Failure
from sandbox.names import ADMIN, EMAIL, SKILLS
from tests.contract.profilesdesk import (
    ANA,
    CODES,
    GUIDE_CHANGE,
    TIER,
    office,
)


async def test_five_conflicts_are_enough() -> None:
    async with office("guide") as there:
        there.sandbox.guide.profiles.interruptions += [{"name": f"N{number}"} for number in range(9)]
        with pytest.raises(ConflictError, match=rf"by {ADMIN} again and again .*5 attempts"):
            await there.make_so(**GUIDE_CHANGE)
        tried = there.sent("PATCH")
    assert len(tried) == 5


async def test_401_is_renewed_once_and_wrong_credentials_wait() -> None:
    async with office("guide") as there:
        await there.make_so(profileId=TIER, utilizationPercent=60)
        there.sandbox.guard.tokens.clear()
        assert (await there.make_so(profileId=TIER, utilizationPercent=61)).status == "done"
        assert there.sandbox.login.issued == 2
    async with office("guide", secret="wrong") as there:
        with pytest.raises(FarSideDown):
            await there.make_so(profileId=TIER, utilizationPercent=60)


async def test_403_names_the_scope() -> None:
    async with office("guide") as there:
        there.sandbox.guard.missing.add("routing:profile:write")
        with pytest.raises(Forbidden) as raised:
            await there.make_so(profileId=TIER, utilizationPercent=60)
    assert "routing:profile:write" in (raised.value.remedy or "")


async def test_422_for_ids_that_do_not_exist_is_told_before_anything_is_sent() -> None:
    async with office("guide") as there:
        skills = [{"skill": {"id": "nobody"}, "utilizationPercent": 90}]
        codes = [{"id": CODES[0], "default": True}, {"id": "none", "default": False}]
        with pytest.raises(InvalidRequest) as raised:
            await there.make_so(profileId=TIER, skillAssignments=skills, wrapUpCodes=codes)
        patches = there.sent("PATCH")
        there.sandbox.guard.failures.append(Failure("/api/v2/routing/profiles", "PATCH", 1, 422, "unprocessable"))
        with pytest.raises(RefusedError, match="422"):
            await there.make_so(profileId=TIER, utilizationPercent=60)
    places = [problem.place for problem in raised.value.problems]
    assert places == ["skillAssignments[0].skill.id", "wrapUpCodes[1].id"]
    assert not patches


async def test_the_sandbox_itself_says_422_as_the_guide_has_it() -> None:
    async with office("guide") as there:
        profiles = there.rules.jobs.profiles
        (place,) = profiles.places({"profileId": TIER})
        found = await profiles.read(place)
        for wrong in (
            {"wrapUpCodes": [{"id": "none", "default": True}]},
            {"utilizationPercent": 101},
            {"skillAssignments": [{"skill": {"id": SKILLS["English"]}, "utilizationPercent": 1}] * 51},
        ):
            (write,) = profiles.writes(place, found, profiles.aim(place, found, wrong))
            with pytest.raises(RefusedError, match="422"):
                await profiles.send(place, write)


async def test_429_is_waited_out_or_told() -> None:
    async with office("guide") as there:
        limit = Failure("/api/v2/routing/profiles", "PATCH", 1, 429, headers={"Retry-After": "1"})
        there.sandbox.guard.failures.append(limit)
        assert (await there.make_so(profileId=TIER, utilizationPercent=60)).status == "done"
        away = Failure("/api/v2/routing/profiles", "GET", 1, 429, headers={"Retry-After": "40"})
        there.sandbox.guard.failures.append(away)
        with pytest.raises(RetryableError) as raised:
            await there.make_so(profileId=TIER, utilizationPercent=61)
    assert raised.value.retry_after == timedelta(seconds=40)


@pytest.mark.parametrize(("too_fast", "taken"), [(4, True), (5, False)])
async def test_a_patch_that_comes_too_fast_is_tried_as_often_as_the_guide_tries_it(too_fast: int, taken: bool) -> None:
    async with office("guide") as there:
        slow = Failure("/api/v2/routing/profiles", "PATCH", too_fast, 429, headers={"Retry-After": "0.001"})
        there.sandbox.guard.failures.append(slow)
        if taken:
            assert (await there.make_so(profileId=TIER, utilizationPercent=60)).status == "done"
        else:
            with pytest.raises(RetryableError, match="429"):
                await there.make_so(profileId=TIER, utilizationPercent=60)
        assert len(there.sent("PATCH")) == taken


async def test_no_such_profile_and_no_such_queue() -> None:
    async with office("guide") as there:
        with pytest.raises(RefusedError, match="no routing profile gone"):
            await there.make_so(profileId="gone", utilizationPercent=60)
        with pytest.raises(InvalidRequest, match="queueId: there is no queue gone"):
            await there.make_so(profileId=TIER, queueId="gone")


async def test_the_quota_of_the_licence_refuses() -> None:
    async with office("guide") as there:
        for sessions in (20, 19):  # two skills are a tenth of the one, and more than that of the other
            there.sandbox.guide.organisation.max_concurrent_sessions = sessions
            if sessions == 20:
                assert (await there.plan(**GUIDE_CHANGE)).facts["quota"]["maxConcurrentSessions"] == sessions
            else:
                with pytest.raises(RefusedError, match="more than the licence allows"):
                    await there.plan(**GUIDE_CHANGE)
        there.sandbox.guide.organisation.max_concurrent_sessions = 10
        with pytest.raises(RefusedError, match="2 skills are more than the licence allows") as raised:
            await there.make_so(**GUIDE_CHANGE)
        patches = there.sent("PATCH")
    assert "at most 1 skills" in (raised.value.remedy or "")
    assert not patches


async def test_a_patch_without_a_name_is_judged_with_the_name_that_is_there() -> None:
    async with office("guide") as there:
        del there.sandbox.guide.profiles.table[TIER]["name"]
        with pytest.raises(InvalidRequest, match="name"):
            await there.make_so(profileId=TIER, utilizationPercent=60)
        assert (await there.make_so(profileId=TIER, utilizationPercent=60, name="Tier 1")).status == "done"


@pytest.mark.parametrize(
    ("dialect", "fields", "field"),
    [
        ("platform", {"profileId": TIER, "utilizationPercent": 1}, "profileId"),
        ("platform", {"userIds": [ANA], "overflowRoutingTargets": GUIDE_CHANGE["overflowRoutingTargets"]}, "overflow"),
        ("platform", {"userIds": [ANA], "queueId": EMAIL.id, "wrapUpCodes": GUIDE_CHANGE["wrapUpCodes"]}, "default"),
        ("platform", {"userIds": [ANA], "name": "x"}, "name"),
        ("guide", {"userIds": [ANA], "utilizationPercent": 1}, "userIds"),
        ("guide", {"userIds": [ANA], "maximumCapacities": {"email": 1}}, "maximumCapacities"),
    ],
)
async def test_what_a_dialect_lacks_is_refused_with_what_does_the_same(
    dialect: str, fields: dict[str, Any], field: str
) -> None:
    async with office(dialect) as there:
        with pytest.raises(InvalidRequest) as raised:
            await there.make_so(**fields)
        assert not there.sent("PUT", "PATCH", "POST", "DELETE")
    assert any(field in problem.place and problem.remedy for problem in raised.value.problems)


async def test_an_overflow_target_that_is_no_queue_is_told_before() -> None:
    async with office("guide") as there:
        targets = [{"target": {"id": one}, "overflowType": kind} for one, kind in (("q", "QUEUE"), ("x", "ELSEWHERE"))]
        with pytest.raises(InvalidRequest) as raised:
            await there.plan(profileId=TIER, overflowRoutingTargets=targets)
    assert [problem.place for problem in raised.value.problems] == ["overflowRoutingTargets[0].target.id"]


async def test_the_profile_as_it_would_be_is_judged_before_anything_is_sent_and_again_at_the_write() -> None:
    async with office("guide") as there:
        request = ProfileRequest.read({"profileId": TIER, "utilizationPercent": 60})
        plan = await there.rules.plan(request)
        there.sandbox.guide.profiles.table[TIER].update(wrapUpCodes=[{"id": CODES[0], "default": True}] * 21)
        with pytest.raises(InvalidRequest, match="wrapUpCodes: the profile as it would be"):
            await there.rules.carry_out(request, plan, started=False)
        with pytest.raises(InvalidRequest, match="wrapUpCodes: the profile as it would be"):
            await there.rules.plan(request)
        assert not there.sent("PATCH")


@pytest.mark.parametrize(("dialect", "field"), [("guide", "profileId"), ("platform", "userIds")])
async def test_what_is_not_there_is_told_at_the_field_that_names_it(dialect: str, field: str) -> None:
    who: dict[str, Any] = {"guide": {"profileId": "gone"}, "platform": {"userIds": [ANA, "gone"]}}[dialect]
    async with office(dialect) as there:
        with pytest.raises(NotFound) as raised:
            await there.plan(**who, utilizationPercent=60)
        if dialect == "platform":  # a queue of which analytics know, and which was deleted since
            codes = Failure(f"/api/v2/routing/queues/{EMAIL.id}/wrapupcodes", "GET", 1, 404, "not.found", "no queue")
            there.sandbox.guard.failures.append(codes)
            with pytest.raises(NotFound) as missing:
                await there.plan(userIds=[ANA], queueId=EMAIL.id, wrapUpCodes=[{"id": CODES[0], "default": False}])
            assert missing.value.places[0][0] == "queueId"
    assert raised.value.places[0][0] == field
    assert "gone" in raised.value.places[0][1]
    assert raised.value.remedy
