"""`queue-routing` in both dialects: skills, shifts and capacity of those who serve the queue."""

from __future__ import annotations

import pytest

from handlers.requests.words import InvalidRequest
from processor.errors import RefusedError
from sandbox.genesys.guard import Failure
from sandbox.guide.queues import construction
from sandbox.names import EMAIL
from sandbox.roster import WORK, Part, Shift
from tests.contract.jobsdesk import desk
from tests.contract.queuedesk import BILLING, BOTH, ENGLISH, plan, puts, rules_of


@BOTH
async def test_a_queue_without_members_is_refused(dialect: str) -> None:
    async with desk(dialect) as there:
        there.sandbox.world.members[EMAIL.id].clear()
        with pytest.raises(RefusedError, match="no members"):
            await plan(there)


@BOTH
async def test_skills_that_do_not_exist_are_told_with_their_places(dialect: str) -> None:
    async with desk(dialect) as there:
        with pytest.raises(InvalidRequest) as raised:
            await plan(there, skillIds=[ENGLISH, "skill-id-1"])
        assert puts(there) == []
    assert [problem.place for problem in raised.value.problems] == ["skillIds[1]"]


async def test_skills_that_nobody_lists_are_named_as_unchecked_and_genesys_judges() -> None:
    for status in (403, 404, 405):
        async with desk("guide") as there:
            there.sandbox.guard.failures.append(Failure("/api/v2/routing/skills", status=status))
            assert (await plan(there, skillIds=[BILLING])).facts["unchecked"] == [BILLING]


async def test_skills_of_rules_are_asked_of_members_as_those_of_the_request_are() -> None:
    rules = [{"type": "default", "routingStrategy": {"type": "random", "skills": [BILLING]}}]
    async with desk("guide") as there:
        by_name = (await plan(there, skillIds=[BILLING])).facts["constraints"]
        by_rule = (await plan(there, routingRules=rules)).facts["constraints"]
        there.sandbox.guide.queues.by_a_person(EMAIL.id, routingRules=rules)
        as_it_is = (await plan(there)).facts["constraints"]
    assert "skill_mismatch" in {one["type"] for one in by_name}
    assert by_name == by_rule == as_it_is


@BOTH
async def test_constraints_block_when_they_are_to(dialect: str) -> None:
    async with desk(dialect) as there:
        with pytest.raises(RefusedError, match=r"skill_mismatch .*no_active_shift") as raised:
            await plan(there, skillIds=[BILLING], onConstraint="refuse")
        assert puts(there) == []
    assert raised.value.remedy


async def test_rules_without_a_default_leave_some_contacts_to_nobody() -> None:
    high = construction()[0]
    async with desk("guide") as there:
        assert {"type": "no_default_rule"} in (await plan(there, routingRules=[high])).facts["constraints"]
        assert {"type": "no_default_rule"} not in (await plan(there)).facts["constraints"]
        with pytest.raises(RefusedError, match=r"no_default_rule$"):
            await plan(there, routingRules=[high], onConstraint="refuse")


async def test_members_have_what_it_takes_one_by_one() -> None:
    found = {}
    for dialect in ("platform", "guide"):
        async with desk(dialect, most_on_page=3) as there:
            rules_of(there)
            members = there.sandbox.world.members[EMAIL.id]
            joined = {user for user, is_in in members.items() if is_in}
            found[dialect] = {
                (one["type"], one["agentId"])
                for one in (await plan(there, skillIds=[BILLING])).facts["constraints"]
                if one["agentId"] in joined
            }
            agents = there.sandbox.world.agents
            lacking = {user for user in joined if "billing" not in agents[user].skills}
            off = {user for user in joined if agents[user].crew.name != "Day Mail"}
    assert found["platform"] == found["guide"]
    assert {user for kind, user in found["guide"] if kind == "skill_mismatch"} == lacking
    assert {user for kind, user in found["guide"] if kind == "no_active_shift"} == off


async def test_an_agent_on_a_shift_without_capacity_guide() -> None:
    async with desk("guide") as there:
        user = next(iter(there.sandbox.world.members[EMAIL.id]))
        there.sandbox.guide.queues.capacity[user] = 0
        facts = (await plan(there)).facts
    assert {"type": "zero_capacity", "agentId": user, "capacity": 0} in facts["constraints"]


async def test_an_agent_whose_shift_is_all_time_off_has_no_capacity_platform() -> None:
    async with desk("platform") as there:
        world = there.sandbox.world
        agent = world.agents[next(iter(world.members[EMAIL.id]))]
        roster = world.roster
        shift = roster.shift(agent, roster.day(world.now()))
        assert shift is not None
        off = tuple(Part(part.start, part.minutes, "5") for part in shift.parts if part.code in (WORK, "1", "2"))
        roster._edited[shift.id] = Shift(shift.id, off, edited=True)
        facts = (await plan(there)).facts
    assert {"type": "zero_capacity", "agentId": agent.id, "capacity": 0} in facts["constraints"]
