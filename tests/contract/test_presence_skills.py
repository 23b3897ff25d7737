"""`presence` in both dialects: the statuses of single skills."""

from __future__ import annotations

import pytest

from handlers.requests.plans import Story
from handlers.requests.presence import PresenceRequest
from handlers.requests.stories import finished
from processor.errors import ConflictError, NotValid, RefusedError
from sandbox.genesys.guard import Failure
from tests.contract.jobsdesk import desk
from tests.contract.presencedesk import (
    AGENT,
    BILLING,
    ENGLISH,
    RETURNS,
    both,
    by_a_person,
    carry_out,
    request,
    rules,
    sits,
)


async def test_a_word_makes_a_skill_active_or_not_and_a_number_is_the_proficiency() -> None:
    async with desk("platform") as there:
        held, inactive = there.sandbox.skills.held[AGENT], there.sandbox.skills.inactive
        by_a_person(there, "Meeting")
        asked = request(
            skillOverrides=[
                {"skillId": BILLING, "statusId": "Busy"},
                {"skillId": ENGLISH, "statusId": 3},
                {"skillId": RETURNS, "statusId": "1.5"},
            ]
        )
        plan, result = await carry_out(there, asked)
        assert [(call.method, call.path.rpartition("/")[2]) for call in there.calls()] == [
            ("PUT", BILLING),
            ("PATCH", "bulk"),
            ("PATCH", "bulk"),
        ]
        assert (held[ENGLISH], held[RETURNS], inactive) == (3.0, 1.5, {(AGENT, BILLING)})
        again, _ = await carry_out(there, asked)
        assert len(there.calls()) == 3
        with pytest.raises(RefusedError, match=RETURNS):
            rules(there).reverse(asked, result.before, result.after)
        some = request(skillOverrides=[one.fields() for one in asked.skill_overrides[:2]])
        before = {**result.before, "skillOverrides": plan.before["skillOverrides"]}
        back = rules(there).reverse(some, before, {"skillOverrides": again.after["skillOverrides"][:2]})
        _, undone = await carry_out(there, PresenceRequest.read(back))
        assert (held[ENGLISH], inactive, undone.status) == (5.0, set(), "done")
    assert (result.status, again.calls) == ("done", [])
    assert plan.before["skillOverrides"] == [
        {"skillId": BILLING, "statusId": "active"},
        {"skillId": ENGLISH, "statusId": "5"},
    ]
    assert result.after["skillOverrides"] == [
        {"skillId": BILLING, "statusId": "inactive"},
        {"skillId": ENGLISH, "statusId": "3"},
        {"skillId": RETURNS, "statusId": "1.5"},
    ]


async def test_a_status_that_says_nothing_and_a_skill_he_lacks_are_refused_before_anything_is_done() -> None:
    async with desk("platform") as there:
        for status, match in (("lazy", "says nothing of a skill"), ("6", "no proficiency"), ("nan", "no proficiency")):
            with pytest.raises(NotValid, match=match) as raised:
                await rules(there).plan(request(skillOverrides=[{"skillId": BILLING, "statusId": status}]))
            assert "from 0 to 5" in str(raised.value.remedy)
        with pytest.raises(NotValid, match="has no skill") as raised:
            await rules(there).plan(request(skillOverrides=[{"skillId": RETURNS, "statusId": "Busy"}]))
        assert "0 to 5" in str(raised.value.remedy)
        assert [place for place, _ in raised.value.places] == ["skillOverrides"]
        assert not there.calls()


@both
async def test_a_skill_that_fails_after_the_presence_was_set_is_told_with_what_stands(dialect: str) -> None:
    path = {
        "platform": f"/api/v2/users/{AGENT}/routingskills/{BILLING}",
        "guide": f"/api/v2/users/{AGENT}/routingstatus",
    }
    async with desk(dialect) as there:
        there.sandbox.guard.failures.append(Failure(path[dialect], "PUT", status=403, code="forbidden", message="no"))
        asked = request(
            skillOverrides=[{"skillId": BILLING, "statusId": "Busy"}, {"skillId": ENGLISH, "statusId": "Busy"}]
        )
        plan, result = await carry_out(there, asked)
        story = finished(Story("r-1", there.clock.now(), ""), plan, result, 12.34)
        audit = rules(there).audit(asked, story)
    assert (result.status, sits(there)) == ("failed", "Meeting")
    assert f"what stands: presence Meeting, skill {ENGLISH}" in str(result.error)
    assert BILLING in str(result.error)
    told = {one["skillId"]: one["statusId"] for one in result.after["skillOverrides"]}
    assert told == ({ENGLISH: "Busy"} if dialect == "guide" else {BILLING: "active", ENGLISH: "inactive"})
    assert [(one["action"], one["success"]) for one in audit["auditLogs"]] == [
        ("presence_update", True),
        ("skill_override", False),
        ("skill_override", True),
    ]


async def test_in_the_guide_nobody_can_read_what_a_skill_was() -> None:
    async with desk("guide") as there:
        asked = request(skillOverrides=[{"skillId": BILLING, "statusId": "Busy"}])
        _, result = await carry_out(there, asked)
        with pytest.raises(RefusedError, match="cannot be read"):
            rules(there).reverse(asked, result.before, result.after)


async def test_a_skill_that_is_so_already_may_be_so_by_an_earlier_try_and_is_no_conflict() -> None:
    overrides = [{"skillId": BILLING, "statusId": "1.5"}]
    async with desk("platform") as there:
        _, result = await carry_out(there, request(skillOverrides=overrides))
        again = request(skillOverrides=overrides, expected=result.before)
        assert not (await rules(there).plan(again)).calls
        other = request(skillOverrides=[{"skillId": BILLING, "statusId": "2"}], expected=result.before)
        with pytest.raises(ConflictError, match=f"skill {BILLING} is 1.5"):
            await rules(there).plan(other)
