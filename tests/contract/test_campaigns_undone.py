"""`campaign-schedule`: taken out again without touching what other people planned."""

from __future__ import annotations

import pytest

from handlers.requests.campaign import CampaignScheduleRequest
from processor.errors import ConflictError, RefusedError
from sandbox.genesys.guard import Failure
from tests.contract.campaignsdesk import BUSY, FREE, make, request, rules
from tests.contract.jobsdesk import desk


async def test_what_other_people_planned_stays_and_a_lost_race_is_run_again() -> None:
    async with desk("platform") as there:
        asked = request(there, BUSY)
        plan = await rules(there).plan(asked)
        world = there.sandbox.world
        edited = {**world.campaigns[BUSY], "name": "Autumn push, renamed"}
        before = world.campaigns[BUSY]["recurrences"]
        world.put(world.campaigns, BUSY, edited, "ana")  # between our plan and our write
        there.sandbox.guard.failures.append(Failure("/api/v2/outbound/schedules", "PUT", status=409, code="conflict"))
        result = await rules(there).carry_out(asked, plan, started=False)
        now = world.campaigns[BUSY]
    assert now["name"] == "Autumn push, renamed"
    assert now["recurrences"][: len(before)] == before
    assert len(now["recurrences"]) == len(before) + 2
    assert (result.status, result.conflict_retries) == ("done", 1)


async def test_undo_on_the_platform_leaves_what_was_there_before() -> None:
    async with desk("platform") as there:
        world = there.sandbox.world
        before = world.campaigns[BUSY]
        for campaign in (BUSY, FREE):
            asked = request(there, campaign)
            plan, result = await make(there, asked)
            fields = rules(there).reverse(asked, plan.before, result.after)
            undo = CampaignScheduleRequest.read({**fields, "expected": dict(result.after), "undoes": "r-1"})
            taken, gone = await make(there, undo)
            assert (taken.before, gone.after, gone.look) == (result.after, {}, ("campaign",))
            _, again = await make(there, undo)
            assert again.look == ()
        assert FREE not in world.campaigns
        assert world.campaigns[BUSY]["recurrences"] == before["recurrences"]
        assert [call.method for call in there.calls()] == ["PUT", "PUT", "PUT", "DELETE"]
        redo = CampaignScheduleRequest.read(rules(there).reverse(undo, gone.before, gone.after))
        await make(there, redo)
        assert FREE in world.campaigns


async def test_undo_is_refused_when_somebody_changed_it_since() -> None:
    async with desk("platform") as there:
        asked = request(there)
        plan, result = await make(there, asked)
        world = there.sandbox.world
        edited = {**world.campaigns[FREE], "recurrences": world.campaigns[FREE]["recurrences"][1:]}
        world.put(world.campaigns, FREE, edited, "ana")
        undo = CampaignScheduleRequest.read({**rules(there).reverse(asked, plan.before, result.after)})
        with pytest.raises(ConflictError, match="only a part"):
            await make(there, undo)


async def test_the_guide_has_no_call_to_undo_with_and_says_so() -> None:
    async with desk("guide") as there:
        asked = request(there)
        plan, result = await make(there, asked)
        with pytest.raises(RefusedError, match="no call that deletes"):
            rules(there).reverse(asked, plan.before, result.after)
        with pytest.raises(RefusedError, match="no call that takes"):
            await rules(there).plan(asked.model_copy(update={"remove": True}))
